/** What guarded() promises to the compiler. Wrong types fail the build, not the run. */
import { expectTypeOf } from 'expect-type';
import type { PoolClient } from 'pg';
import type { TransactionSql } from 'postgres';

import {
  committed,
  GuardNotInstalledError,
  notCommitted,
  undetermined,
  type ProbeQuestion,
  type ProbeResult,
} from '../../src';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { effect, guarded, requestId, type GuardedOptions } from '../../src/temporal/activity';

interface Order {
  readonly id: string;
  readonly cents: number;
}
interface Charge {
  readonly chargeId: string;
}
type ChargeCard = (order: Order, note?: string) => Promise<Charge>;

let runs = 0;
const chargeCard: ChargeCard = async (order) => {
  runs++;
  return { chargeId: order.id };
};

describe('the types of guarded()', () => {
  it('keep the type of the function, with and without options', () => {
    expectTypeOf(guarded(chargeCard)).toEqualTypeOf<ChargeCard>();
    expectTypeOf(
      guarded({ onUnknown: 'retry', providerKeyTtl: '1 day' }, chargeCard),
    ).toEqualTypeOf<ChargeCard>();
    const inline = guarded({}, async (order: Order): Promise<Charge> => ({ chargeId: order.id }));
    expectTypeOf(inline).toEqualTypeOf<(order: Order) => Promise<Charge>>();
    expectTypeOf(guarded((a: number, ...rest: string[]) => a + rest.length)).toEqualTypeOf<
      (a: number, ...rest: string[]) => number
    >();
    const same: <T>(value: T) => T = guarded(<T>(value: T): T => value);
    expect(same).toHaveLength(1);
    expect(guarded(chargeCard)).toHaveLength(chargeCard.length);
  });

  it('give a probe the arguments as a tuple, and ask it for the result of the function', () => {
    const options: GuardedOptions<ChargeCard> = {
      onUnknown: (question) => {
        expectTypeOf(question).toEqualTypeOf<ProbeQuestion<[order: Order, note?: string | undefined]>>();
        expectTypeOf(question.payload[0]).toEqualTypeOf<Order>();
        expectTypeOf(question.signal).toEqualTypeOf<AbortSignal>();
        return committed({ chargeId: question.payload[0].id });
      },
    };
    guarded(options, chargeCard);
    guarded(
      {
        onUnknown: async ({ payload: [order] }) =>
          order.cents > 0 ? committed({ chargeId: order.id }) : notCommitted(),
      },
      chargeCard,
    );
    guarded({ onUnknown: () => undetermined() }, chargeCard);
    // @ts-expect-error the result is a Charge, which a number is not
    guarded<ChargeCard>({ onUnknown: () => committed(42) }, chargeCard);
    // @ts-expect-error a probe answers committed(…), notCommitted() or undetermined(), not a boolean
    guarded<ChargeCard>({ onUnknown: () => true }, chargeCard);
    // @ts-expect-error there is no such policy
    guarded({ onUnknown: 'ignore' }, chargeCard);
    // @ts-expect-error an error is classified at once: a promise would be no answer
    guarded({ classify: async () => 'not-committed' }, chargeCard);
    expectTypeOf(committed({ chargeId: 'x' })).toEqualTypeOf<ProbeResult<{ chargeId: string }>>();
    expect(committed(1)).toEqual({ verdict: 'committed', result: 1 });
  });

  it('give requestId and fingerprint the arguments of the function', () => {
    guarded(
      { requestId: (order) => (expectTypeOf(order).toEqualTypeOf<Order>(), `order:${order.id}`) },
      chargeCard,
    );
    guarded(
      { fingerprint: (order, note) => (expectTypeOf(note).toEqualTypeOf<string | undefined>(), order.cents) },
      chargeCard,
    );
    // @ts-expect-error a request id is a text
    guarded({ requestId: (order) => order.cents }, chargeCard);
    // @ts-expect-error not a function
    expect(() => guarded({}, 'chargeCard')).toThrow(/not a function/);
  });
});

describe('the types of steps, transactions and generations', () => {
  // Never called: the types are what is tested.
  const typesOf = (): void => {
    expectTypeOf(effect('a', () => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(effect('a', async ({ requestId: id, epoch }) => ({ id, epoch }))).resolves.toEqualTypeOf<{
      id: string;
      epoch: number;
    }>();
    void effect('a', async () => 1, { onUnknown: () => committed(2), generation: 2 });
    // @ts-expect-error the result of the step is a number
    void effect('a', async () => 1, { onUnknown: () => committed('2') });

    const throughPg = pgReceipts({}).transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<PoolClient>();
      return tx.query<{ n: number }>('select 1 as n');
    });
    expectTypeOf(throughPg).resolves.toHaveProperty('rows');
    void postgresReceipts('').transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<TransactionSql>();
      return tx<{ n: number }[]>`select 1 as n`;
    });
  };

  it('are those of what they run', () => {
    expect(typesOf).toHaveLength(0);
    guarded({ transactional: true, generation: (order) => order.cents }, chargeCard);
    // @ts-expect-error a generation is a number
    guarded({ generation: (order) => order.id }, chargeCard);
  });
});

describe('outside a guard', () => {
  // Invariant 5. Mutation: letting the function run without a context fails here.
  it('a guarded function throws before anything runs, and requestId() has nothing to give', () => {
    expect(() => guarded(chargeCard)({ id: '1', cents: 1 })).toThrow(GuardNotInstalledError);
    expect(() => requestId()).toThrow(GuardNotInstalledError);
    expect(runs).toBe(0);
  });
});
