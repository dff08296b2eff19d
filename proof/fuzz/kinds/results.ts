/** Results: what is replayed is what was returned, or it is said that it cannot be told. */
import fc from 'fast-check';

import { anyValue, build, isPlain, type Spec } from '../arbitraries';
import { ending, isSame, must, mustHold, refusedBy, rowOf } from '../checks';
import type { Kind } from '../kind';

interface Case {
  readonly result: Spec;
  readonly isAsync: boolean;
}

/** Those that neither JSON nor Node's own format keeps as they are, or that are something else when they are awaited. */
const notKept: readonly unknown[] = [
  ...['a private field', 'no prototype', 'a getter that changes', 'a getter that turns bad', 'a proxy'],
  ...[
    'shared parts',
    'a thenable',
    'a promise',
    'another realm',
    'a match',
    'an array with toJSON',
    'an error',
  ],
  ...['the tag of a map', 'the tag of bytes', 'the tag of a text', 'a tag that throws', 'detached bytes'],
];

export const results: Kind<Case> = {
  name: 'results',
  share: 15,
  least: { accepted: 0.5, rejected: 0.05 },
  cases: fc.record({ result: anyValue, isAsync: fc.boolean() }),
  intentOf: () => undefined,
  check: async ({ receipts, guard }, { result: spec, isAsync }) => {
    const requestId = `result:${++count}`;
    let ran = 0;
    const run = (): unknown => {
      ran++;
      const result = build(spec);
      return isAsync ? Promise.resolve(result) : result;
    };
    const execute = () => ending(() => guard.execute({ requestId, action: 'send', run }));
    const first = await execute();
    const again = await execute();
    must(ran === 1, `the effect ran ${ran} times`);
    const row = await rowOf(receipts, requestId);
    if ('error' in first) {
      const code = refusedBy(first.error);
      // What throws while it is awaited is an effect that throws.
      const isUnknown = code === 'OutcomeUnknown';
      must(isUnknown || code === 'ResultUnavailable', `ended as ${code}`);
      must(!isPlain(spec), 'a result that Node can keep was not kept');
      must('error' in again && refusedBy(again.error) === code, `is not ${code} again`);
      mustHold(row, { state: isUnknown ? 'unknown' : 'committed', requestId, action: 'send' });
      return { accepted: false, code };
    }
    must(first.value.ok, 'a result is no success');
    must('value' in again && again.value.ok && again.value.replayed, 'a result is not replayed');
    mustHold(row, { state: 'committed', requestId, action: 'send' });
    if (isPlain(spec) || !notKept.includes(spec.hostile))
      must(isSame(again.value.result, build(spec)), 'another result is replayed');
    return { accepted: true };
  },
};

let count = 0;
