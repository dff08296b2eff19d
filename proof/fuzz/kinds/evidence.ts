/** What sources say of an intent before it is claimed, and what that allows. */
import fc from 'fast-check';

import { recordEvidence } from '../../../src';
import { anyValue, build, ids, json, type Spec } from '../arbitraries';
import { ending, isId, isSame, isWhole, jsonForm, must, mustHold, refusedBy, rowOf } from '../checks';
import type { Kind } from '../kind';

interface Case {
  readonly id: Spec;
  readonly source: Spec;
  readonly verdict: Spec;
  readonly result: Spec;
  readonly note: Spec;
}

const plain = <T>(...all: T[]): fc.Arbitrary<Spec> => fc.constantFrom(...all).map((value) => ({ value }));
const mostly = (good: fc.Arbitrary<Spec>, odd: fc.Arbitrary<Spec>): fc.Arbitrary<Spec> =>
  fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: odd });

const verdicts: readonly unknown[] = ['committed', 'not-committed', 'rejected'];
const isSource = (source: unknown): boolean =>
  typeof source === 'string' && /^webhook|^ledger$/.test(source) && source.length <= 100 && isWhole(source);

/** Of everything but the result. */
const isBad = (id: unknown, source: unknown, verdict: unknown, note: unknown): boolean =>
  !isId(id) ||
  !isSource(source) ||
  !verdicts.includes(verdict) ||
  !(note === undefined || (typeof note === 'string' && isWhole(note)));

export const evidence: Kind<Case> = {
  name: 'evidence',
  share: 5,
  least: { accepted: 0.2, rejected: 0.2 },
  cases: fc.record({
    id: ids,
    source: mostly(
      plain('webhook', 'ledger', 'webhook ü'),
      fc.oneof(anyValue, plain('effect', 'webhook\0', 'webhook\ud800')),
    ),
    verdict: mostly(plain(...verdicts), anyValue),
    result: fc.oneof(
      json.map((value) => ({ value })),
      anyValue,
    ),
    note: mostly(plain<unknown>(undefined, 'seen'), fc.oneof(anyValue, plain('\0', '\ud800'))),
  }),
  intentOf: ({ id }) =>
    'value' in id && typeof id.value === 'string' ? id.value.normalize('NFC') : undefined,
  check: async ({ receipts, guard }, one) => {
    const [requestId, source, verdict, result, note] = [
      one.id,
      one.source,
      one.verdict,
      one.result,
      one.note,
    ].map(build);
    const said = { requestId, source, verdict, result, note } as never;
    const kept = await ending(() => recordEvidence(receipts, said));
    let ran = 0;
    const run = () => (ran++, 'ran');
    const execute = () =>
      ending(() => guard.execute({ requestId: requestId as string, action: 'send', waitFor: 0, run }));
    // Evidence also names receipts by the hash of their id, and those of later generations; claims do not.
    if (typeof requestId === 'string' && /^sha256:[0-9a-f]{64}$|~g\d+$/.test(requestId))
      return { accepted: !('error' in kept) };
    if ('error' in kept) {
      const code = refusedBy(kept.error, /request id|source|verdict|result|note/);
      must(code === 'InvalidRequest', `was refused as ${code}`);
      const isResultGood =
        'hostile' in one.result ||
        verdict !== 'committed' ||
        result === undefined ||
        jsonForm(result) !== undefined;
      must(
        isBad(requestId, source, verdict, note) || !isResultGood || 'hostile' in one.result,
        'good evidence was refused',
      );
      if (!isId(requestId)) return { accepted: false, code };
      const after = await execute();
      must('value' in after && ran === 1, 'what was refused kept an effect from running');
      return { accepted: false, code };
    }
    // Another name than those that are tried is a source as well.
    must(
      !isBad(requestId, 'webhook', verdict, note) && typeof source === 'string' && isWhole(source),
      'bad evidence was kept',
    );
    must(kept.value.state === 'none', `there is a receipt already: ${kept.value.state}`);
    const after = await execute();
    must(ran === (verdict === 'committed' ? 0 : 1), `${String(verdict)}: the effect ran ${ran} times`);
    const row = await rowOf(receipts, requestId as string);
    if (ran === 1) mustHold(row, { state: 'committed', requestId: requestId as string, action: 'send' });
    else if ('error' in after) must(refusedBy(after.error) === 'OutcomeUnknown', 'is not unknown');
    else if (!('hostile' in one.result))
      must(
        after.value.ok && isSame({ json: after.value.result }, jsonForm(result)),
        'another result was told',
      );
    return { accepted: true };
  },
};
