/** Payloads: what can be guarded, and which two of them are the same. */
import fc from 'fast-check';

import { anyValue, build, hostile, isPlain, json, type Spec } from '../arbitraries';
import { ending, isSame, jsonForm, must, mustHold, refusedBy, rowOf } from '../checks';
import type { Kind } from '../kind';

interface Case {
  readonly payload: Spec;
  readonly other: Spec;
  readonly asFingerprint: boolean;
}

/** So much is surely few enough and flat enough. */
const isJson = (spec: Spec): boolean => {
  if (!isPlain(spec)) return false;
  const form = jsonForm(spec.value) as { json: unknown } | undefined;
  return form !== undefined && isSame(form.json, spec.value);
};

/** Of these each reading gives another content. */
const fickle: readonly unknown[] = ['a getter that changes', 'a getter that turns bad'];

export const payloads: Kind<Case> = {
  name: 'payloads',
  share: 20,
  least: { accepted: 0.4, rejected: 0.1 },
  cases: fc.record({
    payload: anyValue,
    other: fc.oneof(
      anyValue,
      hostile,
      json.map((value) => ({ value: { value } })),
    ),
    asFingerprint: fc.boolean(),
  }),
  intentOf: () => undefined,
  check: async ({ receipts, guard }, { payload: spec, other: otherSpec, asFingerprint }) => {
    const requestId = `payload:${++count}`;
    const payload = build(spec);
    const other = build(otherSpec);
    let ran = 0;
    const execute = (content: unknown) =>
      ending(() =>
        guard.execute({
          ...{ requestId, action: 'send', run: () => ++ran },
          ...(asFingerprint && content !== undefined ? { fingerprint: content } : { payload: content }),
        }),
      );
    const first = await execute(payload);
    if ('error' in first) {
      const code = refusedBy(first.error, /arguments|fingerprint/);
      must(code === 'InvalidRequest', `was refused as ${code}`);
      must(!isJson(spec), 'a payload of JSON was refused');
      must(ran === 0 && (await rowOf(receipts, requestId)) === undefined, 'something happened all the same');
      return { accepted: false, code };
    }
    must(ran === 1 && first.value.ok, 'the effect did not run once');
    const again = await execute(payload);
    if (isPlain(spec) || !fickle.includes(spec.hostile))
      must('value' in again && again.value.replayed, 'the same payload is not replayed');
    const second = await execute(other);
    must(ran === 1, `the effect ran ${ran} times`);
    if ('error' in second) {
      const code = refusedBy(second.error, /arguments|fingerprint/);
      must(code === 'InvalidRequest' || code === 'RequestIdReused', `another payload is refused as ${code}`);
    }
    if (isJson(spec) && isJson(otherSpec)) {
      const equal = isSame(jsonForm(payload), jsonForm(other));
      must(
        'value' in second === equal,
        equal ? 'an equal payload is refused' : 'another payload got an answer',
      );
    }
    const row = await rowOf(receipts, requestId);
    mustHold(row, { state: 'committed', requestId, action: 'send' });
    return { accepted: true };
  },
};

/** Ids are not what this is about: each case has its own. */
let count = 0;
