/** Request ids and actions. */
import fc from 'fast-check';

import { receiptKey, hashRequestId } from '../../../src/ids';
import { build, ids as anyId, json, names, type Spec } from '../arbitraries';
import { ending, isAction, isId, isSame, keptResult, must, mustHold, refusedBy, rowOf } from '../checks';
import type { Kind } from '../kind';

interface Case {
  readonly id: Spec;
  readonly action: Spec;
  readonly payload: unknown;
  readonly result: unknown;
}

const asText = (spec: Spec): string | undefined =>
  'value' in spec && typeof spec.value === 'string' ? spec.value.normalize('NFC') : undefined;

export const ids: Kind<Case> = {
  name: 'ids',
  share: 20,
  least: { accepted: 0.3, rejected: 0.2 },
  cases: fc.record({ id: anyId, action: names(200), payload: json, result: json }),
  intentOf: ({ id }) => asText(id),
  check: async ({ receipts, guard }, { id, action: given, payload, result }) => {
    const requestId = build(id) as string;
    const action = build(given) as string;
    const isGood = isId(requestId) && isAction(action);
    let ran = 0;
    const execute = (under: string, what: unknown) =>
      ending(() => guard.execute({ requestId: under, action, payload: what, run: () => (ran++, result) }));
    const first = await execute(requestId, payload);
    if ('error' in first) {
      const code = refusedBy(first.error, isAction(action) ? /request id/ : /action/);
      must(code === 'InvalidRequest', `was refused as ${code}`);
      must(!isGood, 'a good id and action were refused');
      must(ran === 0, 'the effect ran, though the call was refused');
      if (typeof requestId === 'string')
        must((await rowOf(receipts, requestId)) === undefined, 'a receipt of what was refused');
      return { accepted: false, code };
    }
    must(isGood, 'a bad id or action was accepted');
    must(ran === 1 && first.value.ok && !first.value.replayed, 'the effect did not run once');
    const key = receiptKey(receipts.namespace, hashRequestId(requestId));
    must(first.value.executionId === key, 'executionId is not the key of the receipt');
    const twin = await execute(requestId.normalize('NFD'), payload);
    must('value' in twin && twin.value.replayed && twin.value.ok, 'a twin in NFD is not replayed');
    must(isSame(twin.value.result, result), 'a twin in NFD has another result');
    const other = await execute(requestId, { other: [payload] });
    must('error' in other, 'another payload got an answer');
    must(refusedBy(other.error) === 'RequestIdReused', 'another payload was not refused as reused');
    must(ran === 1, `the effect ran ${ran} times`);
    const row = await rowOf(receipts, requestId);
    mustHold(row, { state: 'committed', requestId, action });
    must(isSame(keptResult(row), result), 'the result that is kept is another one');
    return { accepted: true };
  },
};
