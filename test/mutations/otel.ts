/** Mutations of what is seen from outside: every unknown has to be visible, and nothing may be told that is not to be. */
import { inFile } from './mutation';

export const otel = [
  ...inFile(
    'src/core/errors.ts',
    ['otel/spans'],
    [
      [
        4,
        'of what was thrown only code or name are told',
        '?? errorName(thrown))',
        '?? errorMessage(thrown))',
      ],
    ],
  ),
  ...inFile(
    'src/core/settle.ts',
    ['otel/spans'],
    [
      [
        4,
        'an outcome that could not be written is told',
        "state.emit('unwritten', { verdict: settled });",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/otel/step.ts',
    ['otel/spans'],
    [
      [4, 'an unknown outcome is told as one', "OutcomeUnknown: 'unknown',", ''],
      [
        4,
        'what the effect does belongs to its span',
        'context.with(trace.setSpan(context.active(), this.span), work)',
        'work()',
      ],
      [4, 'the steps of a call are one trace', '(before?.around ?? active)', 'active'],
    ],
  ),
  ...inFile(
    'src/otel/receipts.ts',
    ['otel/metrics'],
    [
      [
        4,
        'an old count does not pass for a new one',
        'this.last = undefined;\n    this.onError(error);',
        'this.onError(error);',
      ],
      [
        4,
        'a count that hangs holds nobody up',
        'Promise.race([this.asking, delay(longestWaitMs, undefined, { ref: false })])',
        'this.asking',
      ],
      [4, 'receipts are counted once in a while', 'performance.now() >= this.nextAt', 'true'],
    ],
  ),
  ...inFile(
    'src/otel/bounded.ts',
    ['otel/metrics'],
    [
      [4, 'the values of an attribute are bounded', 'known.size >= mostValues || value', 'value'],
      [4, 'long values are left out', ' || value.length > mostCharacters', ''],
    ],
  ),
  ...inFile(
    'src/temporal/worker/event-log.ts',
    ['otel/event-log'],
    [
      [
        4,
        'unknown outcomes are logged',
        "unknown: ['warn', 'it is unknown whether the effect happened'],",
        '',
      ],
      [4, 'store errors do not flood the log', 'now - known.saidAt < quietMs', 'false'],
    ],
  ),
];
