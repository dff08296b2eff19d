/** What effects throw, and what it is taken for. */
import fc from 'fast-check';

import { build, hostile, json, type Spec } from '../arbitraries';
import { ending, must, mustHold, refusedBy, rowOf } from '../checks';
import { denials, rejections, thrown } from '../hostile';
import type { Kind } from '../kind';

type Thrown =
  | Spec
  | { readonly thrown: keyof typeof thrown }
  | { readonly denial: keyof typeof denials }
  | { readonly rejection: keyof typeof rejections };

interface Case {
  readonly error: Thrown;
  readonly classify: keyof typeof classifiers | undefined;
  readonly onUnknown: 'hold' | 'fail';
  readonly isAsync: boolean;
}

const classifiers = {
  rejected: () => 'rejected' as const,
  'not committed': () => 'not-committed' as const,
  nothing: () => undefined,
  'nothing that is known': () => 'committed' as never,
  throws: () => {
    throw new Error('x');
  },
} as const;

const namesOf = <K extends string>(of: Record<K, unknown>): fc.Arbitrary<K> =>
  fc.constantFrom(...(Object.keys(of) as K[]));

const { 'with shared details': _slow, ...quick } = rejections;

function errorOf(one: Thrown): unknown {
  if ('thrown' in one) return thrown[one.thrown]();
  if ('denial' in one) return denials[one.denial]();
  if ('rejection' in one) return rejections[one.rejection]();
  return build(one);
}

/** What is sure to come of it; a "no" that cannot be kept is no outcome, so that it may be unknown as well. */
function expected({ error, classify }: Case): readonly string[] {
  if ('denial' in error) return ['released'];
  if ('rejection' in error) return ['rejected', 'unknown'];
  if (classify === 'not committed') return ['released'];
  return classify === 'rejected' ? ['rejected', 'unknown'] : ['unknown'];
}

const states: Readonly<Record<string, string>> = { OutcomeUnknown: 'unknown', NotCommitted: 'released' };

export const errors: Kind<Case> = {
  name: 'errors',
  share: 15,
  // Settled by a "no", or not settled.
  least: { accepted: 0.2, rejected: 0.3 },
  cases: fc.record({
    error: fc.oneof(
      fc.record({ thrown: namesOf(thrown) }),
      fc.record({ denial: namesOf(denials) }),
      fc.record({
        rejection: fc.oneof(
          // Takes a while to be told from a short one.
          { weight: 1, arbitrary: fc.constant('with shared details' as const) },
          { weight: 500, arbitrary: namesOf(quick) },
        ),
      }),
      hostile,
      json.map((value) => ({ value })),
    ),
    classify: fc.option(namesOf(classifiers), { nil: undefined }),
    onUnknown: fc.constantFrom('hold', 'fail'),
    isAsync: fc.boolean(),
  }),
  intentOf: () => undefined,
  check: async ({ receipts, guard }, one) => {
    const requestId = `error:${++count}`;
    const { error, classify, onUnknown, isAsync } = one;
    let ran = 0;
    const run = (): unknown => {
      ran++;
      const fails = (): never => {
        throw errorOf(error);
      };
      return isAsync ? Promise.resolve().then(fails) : fails();
    };
    const options = classify === undefined ? {} : { classify: classifiers[classify] };
    const execute = () =>
      ending(() => guard.execute({ requestId, action: 'send', onUnknown, run, ...options }));
    const first = await execute();
    must(ran === 1, `the effect ran ${ran} times`);
    const row = await rowOf(receipts, requestId);
    must(
      row !== undefined && expected(one).includes(row.state),
      `the receipt is ${row?.state ?? 'not there'}`,
    );
    mustHold(row, { state: row.state, requestId, action: 'send' });
    const again = await execute();
    if ('value' in first) {
      must(!first.value.ok && row.state === 'rejected', 'what was thrown is told as a success');
      must('value' in again && !again.value.ok && again.value.replayed, 'a rejection is not replayed');
      must(ran === 1, 'what was rejected ran again');
      const reasons = `${first.value.reason} and then ${again.value.reason}`;
      must(first.value.reason === again.value.reason, `the reason is ${reasons}`);
      return { accepted: true };
    }
    const code = refusedBy(first.error);
    must(states[code] === row.state, `ended as ${code}, and the receipt is ${row.state}`);
    must('error' in again && refusedBy(again.error) === code, `is not ${code} again`);
    must(ran === (code === 'NotCommitted' ? 2 : 1), `${code}: the effect ran ${ran} times`);
    return { accepted: false, code };
  },
};

let count = 0;
