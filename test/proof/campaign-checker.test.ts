/** The checker of the fault campaign: each planted disagreement is named, and a clean run is clean. */
import { check, type Broken, type Seen, type SeenReceipt } from '../../proof/campaign/checker';
import type { Intent } from '../../proof/campaign/load';
import { declinedSuffix, type Answer, type Kind, type LedgerLine } from '../../proof/campaign/terms';

const declined = `probe:3${declinedSuffix}`;

const line = (intent: string, n: number, more: Partial<LedgerLine> = {}): LedgerLine => ({
  ...{ type: 'effect', id: `ch_${n}`, intent, requestId: `id of ${intent}`, epoch: 1, token: 'a', at: n },
  ...more,
});
const receipt = (intent: string, result: unknown, more: Partial<SeenReceipt> = {}): SeenReceipt => ({
  ...{ intent, requestId: `id of ${intent}`, state: 'committed', epoch: 1, contested: false, result },
  ...more,
});
const intent = (kind: Kind, name: string, answer: Answer): Intent => ({
  ...{ intent: name, kind, startedAt: 0, endedAt: 1, answers: [answer], calls: 1 },
});
const charge = (name: string, n: number) => ({ id: `ch_${n}`, intent: name });
const ok = (result: unknown): Answer => ({ ok: true, result });

/** One of each: as it has to be. */
const clean: Seen = {
  intents: [
    intent('probe', 'probe:1', ok(charge('probe:1', 1))),
    intent('retry', 'retry:2', ok(charge('retry:2', 2))),
    intent('probe', declined, { ok: false, type: 'Declined' }),
    intent('transaction', 'transaction:4', ok({ id: 'booking 7', intent: 'transaction:4' })),
    intent('steps', 'steps:5', ok([charge('steps:5/1', 3), charge('steps:5/2', 4)])),
  ],
  ledger: [
    line('probe:1', 1),
    line('retry:2', 2),
    line('retry:2', 2, { type: 'again', epoch: 2, token: 'b' }),
    line('steps:5/1', 3),
    line('steps:5/2', 4),
  ],
  bookings: [{ id: 'booking 7', intent: 'transaction:4' }],
  receipts: [
    receipt('probe:1', charge('probe:1', 1)),
    receipt('retry:2', charge('retry:2', 2), { epoch: 2 }),
    receipt(declined, undefined, { state: 'rejected' }),
    receipt('transaction:4', { id: 'booking 7', intent: 'transaction:4' }),
    receipt('steps:5/1', charge('steps:5/1', 3)),
    receipt('steps:5/2', charge('steps:5/2', 4)),
  ],
  completed: [{ intent: 'probe:1', result: charge('probe:1', 1) }],
  noticed: [],
};

/** Of `clean`, with the receipts, intents or lines of one name changed. */
const withReceipt = (name: string, more: Partial<SeenReceipt>): Seen => ({
  ...clean,
  receipts: clean.receipts.map((each) => (each.intent === name ? { ...each, ...more } : each)),
});
const withIntent = (name: string, more: Partial<Intent>): Seen => ({
  ...clean,
  intents: clean.intents.map((each) => (each.intent === name ? { ...each, ...more } : each)),
});
const withLines = (...more: LedgerLine[]): Seen => ({ ...clean, ledger: [...clean.ledger, ...more] });
const without = (name: string): Seen => ({
  ...clean,
  receipts: clean.receipts.filter((each) => each.intent !== name),
});

const named = (seen: Seen): string[] => check(seen).map((b) => `I${b.invariant} ${b.intent}: ${b.what}`);

it('finds nothing in a run in which everything agrees', () => {
  expect(named(clean)).toEqual([]);
});

/** What is planted, and what has to be among what is named. */
const planted: readonly (readonly [plant: string, seen: Seen, named: string])[] = [
  ['a second effect', withLines(line('probe:1', 9)), 'I1 probe:1: 2 effects of probe:1: ch_1, ch_9'],
  [
    'a second effect of a step',
    withLines(line('steps:5/2', 9)),
    'I1 steps:5: 2 effects of steps:5/2: ch_4, ch_9',
  ],
  [
    'a second booking',
    { ...clean, bookings: [...clean.bookings, { id: 'booking 8', intent: 'transaction:4' }] },
    'I1 transaction:4: 2 effects of transaction:4: booking 7, booking 8',
  ],
  [
    'another id under retry',
    withLines(line('retry:2', 2, { type: 'again', requestId: 'another' })),
    'I1 retry:2: 2 request ids for retry:2',
  ],
  ['an effect that nobody meant', withLines(line('probe:99', 9)), 'I1 probe:99: an effect that nobody meant'],
  [
    'two holders',
    withLines(line('retry:2', 2, { type: 'again', epoch: 2, token: 'c' })),
    'I7 retry:2: two holders of retry:2 at epoch 2',
  ],
  [
    'an epoch that fell',
    withReceipt('retry:2', { epoch: 1 }),
    'I6 retry:2: the receipt of retry:2 is at epoch 1, not 2',
  ],
  [
    'a receipt that is gone',
    without('probe:1'),
    'I2 probe:1: answered committed, and the receipt of probe:1 is gone',
  ],
  [
    'a receipt of another effect',
    withReceipt('probe:1', { result: charge('probe:1', 9) }),
    'I2 probe:1: the receipt of probe:1 holds {"id":"ch_9","intent":"probe:1"}, not ch_1',
  ],
  [
    'two receipts',
    { ...clean, receipts: [...clean.receipts, receipt('probe:1', charge('probe:1', 1))] },
    'I2 probe:1: 2 receipts of probe:1',
  ],
  [
    'a receipt of nothing',
    { ...clean, ledger: clean.ledger.filter((each) => each.intent !== 'probe:1') },
    'I3 probe:1: the receipt of probe:1 says committed, and nothing happened',
  ],
  [
    'a rejection of what happened',
    withLines(line(declined, 9)),
    `I3 ${declined}: the receipt of ${declined} says rejected, and it happened`,
  ],
  [
    'an ok for what was declined',
    withIntent(declined, { answers: [ok(charge(declined, 9))] }),
    `I3 ${declined}: answered ok, and ${declined} did not happen`,
  ],
  [
    'a no for what happened',
    withLines(line(declined, 9)),
    `I3 ${declined}: answered Declined, and ${declined} happened`,
  ],
  [
    'a no that the provider has not said',
    withIntent('probe:1', { answers: [{ ok: false, type: 'Declined' }] }),
    'I3 probe:1: answered {"ok":false,"type":"Declined"}, and the provider did the opposite',
  ],
  [
    'an answer that no receipt has',
    withIntent('probe:1', { answers: [ok(charge('probe:1', 9))] }),
    'I2 probe:1: the caller got {"id":"ch_9","intent":"probe:1"}, the receipt holds {"id":"ch_1","intent":"probe:1"}',
  ],
  [
    'two answers',
    withIntent('probe:1', { answers: [ok(charge('probe:1', 1)), { ok: false, type: 'Declined' }] }),
    'I3 probe:1: two answers: {"ok":true,"result":{"id":"ch_1","intent":"probe:1"}} and {"ok":false,"type":"Declined"}',
  ],
  [
    'a history that has something else',
    { ...clean, completed: [{ intent: 'probe:1', result: charge('probe:1', 9) }] },
    'I3 probe:1: history has {"id":"ch_9","intent":"probe:1"}, the caller {"ok":true,"result":{"id":"ch_1","intent":"probe:1"}}',
  ],
  [
    'a contested receipt',
    withReceipt('probe:1', { contested: true }),
    'I4 probe:1: the receipt of probe:1 is contested',
  ],
  [
    'an open receipt',
    withReceipt('probe:1', { state: 'unknown' }),
    'I8 probe:1: the receipt of probe:1 is left unknown',
  ],
  ['a caller without an answer', withIntent('probe:1', { answers: [] }), 'I8 probe:1: no answer'],
];

it.each(planted)('names %s', (_plant, seen, expected) => {
  expect(named(seen)).toContain(expected);
});

it('passes on what was noticed under way', () => {
  const noticed: Broken = {
    invariant: 2,
    intent: 'probe:1',
    what: 'its receipt changed after it was committed',
  };
  expect(check({ ...clean, noticed: [noticed] })).toEqual([noticed]);
});
