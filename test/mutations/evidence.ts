/** Mutations of weighing evidence, of finality, and of finding out unknown outcomes. */
import { inFile } from './mutation';

const [weighing, reconciling, budgeting] = ['unit/core-evidence', 'unit/core-reconciler', 'unit/core-budget'];

export const evidence = [
  ...inFile(
    'src/core/evidence.ts',
    [weighing],
    [
      [
        1,
        'a "no" counts only after lease and grace time',
        'leaseRemainingMs + graceMs + ageMs <= 0',
        'ageMs >= 0',
      ],
      [
        1,
        'contradiction waits for a person',
        "if (yes.length > 0 && no.length > 0) return { kind: 'contested' };",
        '',
      ],
      [
        1,
        'a "no" speaks of the claim that it names',
        'isNo(said) && said.epoch === receipt.epoch',
        'isNo(said)',
      ],
      [4, 'enough sources have to agree', 'agreeing.length >= quorum', 'yes.length >= 1'],
      [2, 'only a source that counts gives the result', 'agreeing.flatMap', 'yes.flatMap'],
      [1, 'enough sources have to say no', 'conclusive.length >= quorum', 'conclusive.length >= 1'],
      [2, 'what comes late does not count', '!said.late && ', ''],
      [
        4,
        'a source that says it twice is one source',
        'last.set(said.source, said)',
        'last.set(String(last.size), said)',
      ],
      [
        2,
        'what was contested is not final',
        "if (contested) return 'contested';\n  const words",
        'const words',
      ],
    ],
  ),
  ...inFile(
    'src/core/weigh.ts',
    [weighing],
    [
      [
        3,
        'without a result nothing is settled',
        " || (judgement.kind === 'committed' && !judgement.outcome)",
        '',
      ],
      [4, 'a contradiction is marked', 'await keep(true);', 'await keep(false);'],
      [4, 'what is contested is settled by nobody else', ' || receipt.contested) {', ') {'],
    ],
  ),
  ...inFile(
    'src/core/reconciler.ts',
    [reconciling],
    [
      [
        1,
        'a "no" that was asked for too early is nothing',
        "if (finding.verdict === 'not-committed' && isTooEarly(known.receipt)) continue;",
        '',
      ],
      [
        8,
        'a source has its time',
        'return await inTime(this.setup.clock, askMs, answer, late);',
        'return await answer;',
      ],
      [8, 'the pauses have an end', 'pauses.most', 'Infinity'],
      [4, 'who waits is woken', 'await wake?.(receipt)', 'await Promise.resolve()'],
      [4, 'what came due again is left to the next pass', '({ key, inMs: 0 })', '({ key, inMs: holdMs })'],
    ],
  ),
  ...inFile(
    'src/core/reconciler.ts',
    [budgeting],
    [
      [8, 'a budget holds up its own rows alone', 'if (turnstile) leave();', ''],
      [4, 'to be put back is not to be looked at', ' - (this.unlooked.get(receipt.key) ?? 0)', ''],
    ],
  ),
  ...inFile(
    'src/operator/decisions.ts',
    ['cli/receipts'],
    [
      [
        1,
        'who looked before lease and grace time were over cannot say no',
        "verdict === 'not-committed' && token.wasEarly",
        'false',
      ],
    ],
    { named: 'who looked' }, // others of that file need Temporal
  ),
  ...inFile(
    'src/core/reconciler.ts',
    ['cli/reconcile'],
    [
      [
        4,
        'what is settled hides nothing behind it',
        'if (due.length === 0) due =',
        'if (due.length < 0) due =',
      ],
    ],
    { named: 'looks behind' },
  ),
  ...inFile(
    'src/core/budget.ts',
    [budgeting],
    [
      [8, 'no more questions within a second', 'now < this.nextAt', 'now < 0'],
      [8, 'no more questions at once', 'this.asking < this.atOnce', 'this.asking < Infinity'],
      [8, 'who waits for long goes', 'now - first.since > longestWaitMs', 'now < first.since'],
    ],
  ),
];
