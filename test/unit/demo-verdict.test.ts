/** The demo's verdict: it must not be able to lie. */
import { callsAfterDecline, effectKey, requiredCalls, type Order } from '../../activities/order';
import { readOrders } from '../../examples/demo/orders';
import { findFaults, toJson } from '../../examples/demo/report';
import { tally, type RunRecord } from '../../examples/demo/tally';

let orders: readonly Order[];
let demanded: string[];
beforeAll(async () => {
  orders = await readOrders();
  demanded = orders.flatMap((order) => {
    const calls = order.card.token.startsWith('tok_declined') ? callsAfterDecline() : requiredCalls(order);
    return calls.map((call) => effectKey(order.id, call));
  });
});

const recordOf = (keys: readonly string[], more: Partial<RunRecord> = {}): RunRecord => ({
  orders,
  outcomes: new Map(orders.map(({ id }) => [id, { orderId: id, summary: '', effects: [] }])),
  effects: keys.map((key) => ({ key }) as never),
  attempts: new Map(),
  guard: { replayed: 0, unknown: 0, resolved: {} },
  unresolved: 0,
  kills: 8,
  workersKilled: 8,
  missed: [],
  ...more,
});

const verdict = (guarded: RunRecord, unguarded = recordOf([...demanded, demanded[0] ?? ''])) => {
  const run = (record: RunRecord) => ({ record, tally: tally(record, true) });
  const result = {
    unguarded: run(unguarded),
    guarded: run(guarded),
    model: 'scripted',
    scripted: true,
    seconds: 1,
  };
  return { faults: findFaults(result), json: toJson(result) };
};

describe("the demo's verdict", () => {
  it('works off at least 20 orders, with all four actions, several currencies and names of many scripts', () => {
    expect(orders.length).toBeGreaterThanOrEqual(20);
    expect(new Set(demanded.map((key) => key.split(':')[0])).size).toBe(4);
    expect(new Set(orders.map((order) => order.currency)).size).toBeGreaterThan(3);
    expect(orders.some(({ customer }) => /\p{Script=Han}/u.test(customer.name))).toBe(true);
  });

  it('finds no fault where every intended effect happened once and the unguarded run repeated some', () => {
    const { faults, json } = verdict(recordOf(demanded));
    expect(faults).toEqual([]);
    expect(json.unguarded).toMatchObject({ effects: demanded.length + 1, duplicates: 1, missing: 0 });
    expect(json.guarded).toMatchObject({
      effects: demanded.length,
      duplicates: 0,
      missing: 0,
      unresolved: 0,
    });
  });

  it.each<[string, () => RunRecord, RegExp]>([
    ['an effect twice', () => recordOf([...demanded, demanded[3] ?? '']), /duplicated 1/],
    ['an effect that nobody asked for', () => recordOf([...demanded, 'chargeCard:ORD-0']), /duplicated 1/],
    ['an effect that did not happen', () => recordOf(demanded.slice(1)), /lost 1/],
    ['an order that never ended', () => recordOf(demanded, { outcomes: new Map() }), /never ended/],
    ['an outcome that is still unknown', () => recordOf(demanded, { unresolved: 1 }), /unresolved/],
    ['fewer kills', () => recordOf(demanded, { kills: 7 }), /kills/],
    ['a moment that never came', () => recordOf(demanded, { missed: ['the charge'] }), /never came/],
  ])('finds fault with a guarded run that has %s', (_name, record, fault) => {
    expect(verdict(record()).faults).toContainEqual(expect.stringMatching(fault));
  });

  it('finds fault with an unguarded run that repeats nothing, because it shows nothing', () => {
    expect(verdict(recordOf(demanded), recordOf(demanded)).faults).toContainEqual(
      expect.stringMatching(/shows nothing/),
    );
  });
});
