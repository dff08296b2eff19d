import { readFileSync } from 'node:fs';

import fc from 'fast-check';

import { notCommitted, type OnUnknown } from '../../src/core';
import { findings, startCodes, type PreflightFacts } from '../../src/temporal/worker/findings';
import { isListed } from '../../src/temporal/worker/interceptor';
import {
  forgetfulness,
  impatience,
  patienceCodes,
  type PatienceFacts,
} from '../../src/temporal/worker/patience';

const hourMs = 3_600_000;

type Guarded = PreflightFacts['guarded'];
const charge = (options: object = {}): Guarded => [
  { name: 'chargeCard', options: { onUnknown: 'hold', ...options } },
];

/** A worker without weaknesses, but for what a test changes. */
const factsWith = (changes: Partial<PreflightFacts> = {}): PreflightFacts => ({
  registered: ['chargeCard'],
  guarded: charge(),
  defaults: {},
  store: { clockSkewMs: 0, poolSize: 10 },
  slots: 200,
  temporalNamespace: 'orders',
  historyRetentionMs: undefined,
  ...changes,
});

const codesOf = (changes: Partial<PreflightFacts>): string[] =>
  findings(factsWith(changes)).map(({ code }) => code);

const store = (changes: object): PreflightFacts['store'] => ({ poolSize: 10, ...changes });
const transactional = charge({ transactional: true });

/** For each code: what is found, what its message must name, and what is just good enough. */
const weaknesses: readonly [
  code: string,
  message: RegExp,
  weak: Partial<PreflightFacts>,
  good: Partial<PreflightFacts>,
][] = [
  [
    'bad-duration',
    /providerKeyTtl of chargeCard.*'30s'/,
    { guarded: charge({ providerKeyTtl: 'a while' }) },
    { guarded: charge({ providerKeyTtl: '1 day' }) },
  ],
  [
    'bad-duration',
    /leaseFor of the plugin/,
    { defaults: { leaseFor: -1 } },
    { defaults: { leaseFor: '5s' } },
  ],
  [
    'pool-too-small',
    /1 connection.*chargeCard.*max: 200/,
    { guarded: transactional, store: store({ poolSize: 1 }), slots: 200 },
    { guarded: transactional, store: store({ poolSize: 2 }), slots: 2 },
  ],
  [
    'pool-below-transactions',
    /199 connections.*200 activities.*chargeCard.*above 200/,
    { guarded: transactional, store: store({ poolSize: 199 }) },
    { guarded: transactional, store: store({ poolSize: 200 }) },
  ],
  [
    'pool-crowded',
    /201 activities.*4 connections.*max to 5/,
    { slots: 201, store: store({ poolSize: 4 }) },
    { slots: 200, store: store({ poolSize: 4 }) },
  ],
  ['memory-receipts', /pgReceipts/, { store: { processOnly: true } }, { store: {} }],
  [
    'clock-skew',
    /6 s ahead.*Claims stay safe.*NTP/,
    { store: store({ clockSkewMs: 6000 }) },
    { store: store({ clockSkewMs: 5000 }) },
  ],
  [
    'clock-skew',
    /3 min behind/,
    { store: store({ clockSkewMs: -180_000 }) },
    { store: store({ clockSkewMs: -5000 }) },
  ],
  [
    'failover-unseen',
    /pg_control_system/,
    { store: store({ noticesFailovers: false }) },
    { store: store({ noticesFailovers: true }) },
  ],
  [
    'replicates-late',
    /synchronous_standby_names/,
    { store: store({ replicatesLate: true }) },
    { store: store({ replicatesLate: false }) },
  ],
  [
    'short-lease',
    /leaseFor of chargeCard \(1.5 s\)/,
    { guarded: charge({ leaseFor: 1500 }) },
    { guarded: charge({ leaseFor: '2s' }) },
  ],
  [
    'retention-short',
    /retainFor of the plugin \(24 h\).*orders.*24 h/,
    { defaults: { retainFor: '1 day' }, historyRetentionMs: 24 * hourMs },
    { defaults: { retainFor: '25h' }, historyRetentionMs: 24 * hourMs },
  ],
  [
    'retention-not-checked',
    /namespace orders/,
    { guarded: charge({ retainFor: '90 days' }), historyRetentionMs: undefined },
    { historyRetentionMs: undefined },
  ],
  [
    'no-policy',
    /chargeCard.*onUnknown/,
    { guarded: charge({ onUnknown: undefined }) },
    { guarded: charge({ onUnknown: 'fail' }) },
  ],
  [
    'guards-nothing',
    /'chargeCrad', \/\^pay\/\. .*unguarded/,
    { defaults: { guard: ['chargeCrad', 'chargeCard', /^pay/] } },
    { defaults: { guard: ['chargeCard', /^charge/] } },
  ],
];

describe('the checks before a worker starts', () => {
  it.each(weaknesses)('%s is found, and said once with what to change: %s', (code, message, weak, good) => {
    const found = findings(factsWith(weak)).filter((finding) => finding.code === code);
    expect(found).toEqual([{ level: startCodes[code], code, message: expect.stringMatching(message) }]);
    expect(codesOf(good)).not.toContain(code);
  });

  it('find nothing on a worker without weaknesses', () => {
    expect(findings(factsWith())).toEqual([]);
  });

  it('are each tried here', () => {
    expect([...new Set(weaknesses.map(([code]) => code))].sort()).toEqual(Object.keys(startCodes).sort());
  });

  it('put errors first', () => {
    const found = findings(
      factsWith({ store: { processOnly: true }, guarded: charge({ leaseFor: 'soon' }) }),
    );
    expect(found.map(({ level }) => level)).toEqual(['error', 'warning']);
  });

  it('say nothing of a pool or of slots that cannot be seen', () => {
    expect(codesOf({ store: {}, slots: 10_000, guarded: transactional })).toEqual([]);
    expect(codesOf({ store: store({ poolSize: 2 }), slots: undefined, guarded: transactional })).toEqual([]);
  });

  it('leave a worker alone that guards nothing, or has no activities, or one for all names', () => {
    const guard = ['elsewhere'];
    expect(codesOf({ guarded: [], slots: 10_000, store: store({ poolSize: 1 }) })).toEqual([]);
    expect(codesOf({ registered: [], guarded: [], defaults: { guard } })).toEqual([]);
    expect(codesOf({ registered: ['default'], defaults: { guard } })).toEqual([]);
  });

  it('name ten activities at most', () => {
    const guarded = Array.from({ length: 12 }, (_, index) => ({ name: `act${index}`, options: {} }));
    const [finding] = findings(factsWith({ guarded }));
    expect(finding?.message).toMatch(/: act0, .*act9 and 2 more\./);
  });
});

describe('a call that Temporal gives up', () => {
  const probe: OnUnknown = () => notCommitted();
  const call = (changes: Partial<PatienceFacts> & { attempts?: number } = {}): PatienceFacts => ({
    activityType: 'chargeCard',
    onUnknown: 'hold',
    retryPolicy: { maximumAttempts: changes.attempts ?? 0, initialInterval: 1000, backoffCoefficient: 2 },
    scheduleToCloseMs: 0,
    leaseMs: 30_000,
    graceMs: 10_000,
    waitMs: 10_000,
    ...changes,
  });
  const said = (changes: Parameters<typeof call>[0]): string =>
    impatience(call(changes))?.message ?? 'nothing';

  it.each([
    ['unlimited', {}, /^nothing$/],
    ['without a known policy', { retryPolicy: undefined }, /^nothing$/],
    ['five attempts', { attempts: 5 }, /chargeCard after 5 attempts \(about 15 s\).*person.*24 h.*'fail'/],
    ['one attempt', { attempts: 1 }, /at once \(maximumAttempts is 1\)/],
    // 63 s for the first six pauses, then one minute each.
    ['nearly a day of attempts', { attempts: 1445 }, /after 1445 attempts \(about 24 h\)/],
    ['a day of attempts', { attempts: 1446 }, /^nothing$/],
    ['nearly a day to close', { scheduleToCloseMs: 24 * hourMs - 1 }, /schedule-to-close/],
    ['a day to close', { scheduleToCloseMs: 24 * hourMs }, /^nothing$/],
    [
      'a policy that does not retry what is unknown',
      { retryPolicy: { nonRetryableErrorTypes: ['OutcomeUnknown'] } },
      /nonRetryableErrorTypes/,
    ],
  ])('holds: %s', (_name, changes, message) => {
    expect(said(changes)).toMatch(message);
  });

  it.each([
    ['unlimited', {}, /^nothing$/],
    ['one attempt', { attempts: 1 }, /at once.*probe's "no".*40 s.*leaseFor/],
    ['two attempts, the second too early', { attempts: 2 }, /after 2 attempts \(about 11 s\)/],
    ['two attempts, the second waits for long enough', { attempts: 2, waitMs: 39_000 }, /^nothing$/],
    ['three attempts: the third comes when the probe can say no', { attempts: 3 }, /^nothing$/],
    ['three attempts, but a lease beyond the longest pause', { attempts: 3, leaseMs: 120_000 }, /about 71 s/],
    ['less than lease and grace to close', { scheduleToCloseMs: 39_999 }, /after 40 s/],
    ['lease and grace to close', { scheduleToCloseMs: 40_000 }, /^nothing$/],
  ])('probes: %s', (_name, changes, message) => {
    expect(said({ onUnknown: probe, ...changes })).toMatch(message);
  });

  it.each(['fail', 'retry'] as const)('under %s is left alone: nothing is waited for', (onUnknown) => {
    expect(said({ onUnknown, attempts: 1 })).toBe('nothing');
  });

  it('is never blamed for more attempts when it was not for fewer', () => {
    const numbers = fc.integer({ min: 1, max: 2000 });
    fc.assert(
      fc.property(numbers, numbers, fc.boolean(), (one, other, probes) => {
        const isFine = (attempts: number): boolean =>
          impatience(call({ attempts, onUnknown: probes ? probe : 'hold' })) === undefined;
        return !isFine(Math.min(one, other)) || isFine(Math.max(one, other));
      }),
    );
  });
});

describe('a call that Temporal retries for longer than its receipt is kept', () => {
  it.each([
    [
      'longer',
      { retainMs: hourMs, scheduleToCloseMs: hourMs + 1 },
      /pruned after 60 min.*retry it for 60 min/,
    ],
    ['as long', { retainMs: hourMs, scheduleToCloseMs: hourMs }, /^nothing$/],
    ['for ever', { retainMs: hourMs, scheduleToCloseMs: 0 }, /^nothing$/],
    ['longer, without retainFor', { retainMs: undefined, scheduleToCloseMs: hourMs }, /^nothing$/],
  ])('%s', (_name, facts, message) => {
    const found = forgetfulness({ activityType: 'chargeCard', ...facts });
    expect(found?.message ?? 'nothing').toMatch(message);
    expect(found?.code ?? 'retention-short').toBe('retention-short');
  });
});

it('docs/preflight.md lists every code with its level, and no other', () => {
  const page = readFileSync('docs/preflight.md', 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\w+) \|/gm)].map(([, code, level]) => [code, level]);
  expect(Object.fromEntries(rows)).toEqual({ ...startCodes, ...patienceCodes });
  expect(rows.length).toBe(Object.keys({ ...startCodes, ...patienceCodes }).length);
});

it('a pattern with the g flag names an activity at every call, not at every other one', () => {
  const guard = [/^charge/g];
  expect([1, 2, 3].map(() => isListed(guard, 'chargeCard'))).toEqual([true, true, true]);
});
