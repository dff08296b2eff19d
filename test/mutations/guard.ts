/** Mutations of the guard without Temporal. */
import { inFile } from './mutation';

const tests = ['unit/guard'];

export const guard = [
  ...inFile(
    'src/guard/guard.ts',
    ['pg/failover-edges'],
    [[1, 'a call may be as old as its caller says', 'mayBeOlder == null', 'mayBeOlder !== null']],
  ),
  ...inFile('src/guard/guard.ts', tests, [
    [5, 'a replay is told as one', "replayed ? 'dedup_same_request_id' : 'executed'", "'executed'"],
    [
      1,
      'an id that is none is refused',
      'checkedId(request.requestId, action)',
      'checkedId(String(request.requestId), action)',
    ],
    [3, 'nobody waits for a decision', "=== 'ask'", "=== 'never'"],
    [
      4,
      'the next generation has to be asked for',
      'generation: checkedGeneration(generation)',
      'generation: 1',
    ],
    [8, 'durations are checked when a guard is made', 'effectTerms({}, given)', 'effectTerms({}, {})'],
    [
      2,
      'an own fingerprint tells calls apart',
      'fingerprint === undefined ? payload :',
      'fingerprint !== undefined ? payload :',
    ],
  ]),
  ...inFile('src/core/redact.ts', tests, [
    [6, 'what a redaction throws is not quoted', 'refuse(`threw ${nameOf(error)}`)', 'error'],
    [6, 'a field is short', 'text.length > mostCharacters || ', ''],
    [6, 'a field is no object', "typeof value !== 'string' && ", 'false && '],
  ]),
  ...inFile('src/core/identify.ts', tests, [
    [8, 'an effect with a name that is too long is refused', ' && action.length <= mostActionCharacters', ''],
  ]),
  ...inFile('src/guard/stored.ts', tests, [
    [
      5,
      'a result that JSON would change is kept as it was',
      "typeof value !== 'object' || depth > deepest",
      'depth > deepest',
    ],
    [5, 'what writes itself otherwise is kept as it was', "key !== 'toJSON' && ", ''],
    [5, 'a rejection is given with its details', 'details === undefined ? {} : { details }', '{}'],
    [2, 'a result without a stored form is not told as one', '{ ...noResult, problem }', 'noResult'],
  ]),
  ...inFile('src/guard/wrap.ts', tests, [
    [
      8,
      'a wrapped function throws its own error',
      "outcome.kind === 'rejected' ? outcome.error",
      'outcome.kind ? new Error()',
    ],
    [8, 'a method keeps its object', 'fn.apply(this, args)', 'fn(...args)'],
    [8, 'only methods are decorated', "|| context?.kind !== 'method'", ''],
  ]),
  ...inFile('src/guard/compensate.ts', tests, [
    [1, 'what may still happen is not undone', 'if (found && isUnresolved(found))', 'if (found === null)'],
    [1, 'only what happened is undone', "found?.state !== 'committed'", 'false'],
    [1, 'an undo happens once', 'compensationId(undoes)', 'compensationId(String(Math.random()))'],
    [5, 'an undo says what it undoes', ', { undoes });', ', {});'],
  ]),
];
