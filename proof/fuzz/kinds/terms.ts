/** The options of a call, one of which is odd. */
import fc from 'fast-check';

import { build, hostile, texts, type Spec } from '../arbitraries';
import { ending, must, mustHold, refusedBy, rowOf } from '../checks';
import type { Kind } from '../kind';

interface Case {
  readonly field: string;
  readonly spec: Spec;
  /** Whether it must be accepted, or refused; not known of all. */
  readonly is: 'good' | 'bad' | undefined;
}

const durations = {
  good: [0, 1, 1500.5, '1s', '500 ms', ' 2 minutes ', '1.5h', '90d', 2 ** 31, 2 ** 40],
  bad: [
    ...[
      -1,
      NaN,
      Infinity,
      1e300,
      Number.MAX_SAFE_INTEGER,
      10n,
      true,
      [],
      {},
      '',
      's',
      '-1s',
      '1 parsec',
      '1e3',
      '٣s',
    ],
    ...[
      '9'.repeat(400),
      '1 s s',
      '0x10',
      '1,5s',
      '1s\0',
      `1${' '.repeat(100_000)}!`,
      '999999999 weeks',
      new Date(0),
    ],
  ],
};
const own = () => ({ a: 1 });

const fields: Readonly<
  Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>
> = {
  leaseFor: durations,
  graceFor: durations,
  waitFor: durations,
  retainFor: durations,
  providerKeyTtl: durations,
  timeout: { good: ['10s', 60_000, '1 day'], bad: durations.bad },
  generation: { good: [1, 2, 99, 1e9], bad: [0, -1, 1.5, NaN, '1', 2n, null, []] },
  onUnknown: {
    good: ['hold', 'fail', 'retry', () => undefined],
    bad: ['ask', 'Hold', '', 'hold ', 1, {}, [], true],
  },
  transactional: { good: [false, undefined], bad: ['yes', 1, 0, '', {}, 'maybe'] },
  finality: {
    good: [{ sources: ['a'] }, { sources: ['a', 'effect'], quorum: 1, after: '1s' }],
    bad: [
      ...[
        {},
        { sources: [] },
        { sources: 'ab' },
        { sources: 5 },
        { sources: [1] },
        { sources: ['a\0'] },
        [],
        5,
        'a',
      ],
      ...[
        { sources: ['\ud800'] },
        { sources: ['a'], quorum: 2 },
        { sources: ['a'], after: -1 },
        { sources: [''] },
      ],
    ],
  },
  redact: {
    good: [own, () => ({ 'a.b-c': 'x', b: undefined, c: true })],
    bad: [
      ...[
        5,
        'a',
        {},
        () => null,
        () => 5,
        () => [1],
        () => ({ 'a b': 1 }),
        () => ({ a: {} }),
        () => ({ a: '\ud800' }),
      ],
      ...[
        () => ({ a: 'x'.repeat(201) }),
        () => Promise.reject(new Error('x')).catch(own),
        () => ({ a: '\0' }),
      ],
      () => {
        throw null; // eslint-disable-line @typescript-eslint/only-throw-error -- the point of it
      },
    ],
  },
  run: {
    good: [() => 1, async () => 1, () => Promise.resolve()],
    bad: [undefined, null, 5, 'run', {}, []],
  },
  signal: { good: [undefined, new AbortController().signal], bad: ['x', 5, {}, [], new AbortController()] },
};

const bad: fc.Arbitrary<Case> = fc.constantFrom(
  ...Object.entries(fields).flatMap(([field, { bad: all }]) =>
    all.map((value): Case => ({ field, spec: { value }, is: 'bad' })),
  ),
);
const good: fc.Arbitrary<Case> = fc.constantFrom(
  ...Object.entries(fields).flatMap(([field, { good: all }]) =>
    all.map((value): Case => ({ field, spec: { value }, is: 'good' })),
  ),
);
const odd: fc.Arbitrary<Case> = fc.record({
  field: fc.constantFrom(...Object.keys(fields)),
  spec: fc.oneof(
    hostile,
    texts(50).map((value) => ({ value })),
    fc.oneof(fc.double(), fc.integer()).map((value) => ({ value })),
  ),
  is: fc.constant(undefined),
});

export const terms: Kind<Case> = {
  name: 'terms',
  share: 5,
  least: { accepted: 0.2, rejected: 0.2 },
  cases: fc.oneof(good, bad, odd),
  intentOf: () => undefined,
  check: async ({ receipts, guard }, { field, spec, is }) => {
    const requestId = `term:${++count}`;
    let ran = 0;
    const run = () => ++ran;
    const option = build(spec);
    // A call that may take no time at all is none that could be accepted.
    const isTooShort = field === 'timeout' && is === undefined;
    const request = { requestId, action: 'send', payload: 1, run, [field]: option };
    const first = await ending(() => guard.execute(request));
    if ('error' in first) {
      const code = refusedBy(first.error, new RegExp(field));
      const isRefused = code === 'InvalidRequest' || (isTooShort && code === 'ReceiptStoreUnavailable');
      must(isRefused || (field === 'run' && code === 'OutcomeUnknown'), `was refused as ${code}`);
      must(is !== 'good', 'a good option was refused');
      must(ran === 0, 'the effect ran, though the call was refused');
      if (code === 'InvalidRequest')
        must((await rowOf(receipts, requestId)) === undefined, 'a receipt of what was refused');
      return { accepted: false, code };
    }
    must(is !== 'bad', 'a bad option was accepted');
    must(field === 'run' || ran === 1, `the effect ran ${ran} times`);
    mustHold(await rowOf(receipts, requestId), { state: 'committed', requestId, action: 'send' });
    return { accepted: true };
  },
};

let count = 0;
