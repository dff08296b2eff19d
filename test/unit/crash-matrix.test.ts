/** The crash matrix that users run over their own activities. */
import { expectTypeOf } from 'expect-type';

import { committed, memoryReceipts, notCommitted } from 'activity-guard';
import { effect, guarded, requestId } from 'activity-guard/activity';
import { crashMatrix, type CrashMatrix, type CrashMatrixOptions } from 'activity-guard/testing';

/** A provider that ignores keys, and can be asked. */
class Payments {
  readonly references: string[] = [];

  async charge(reference: string): Promise<string> {
    this.references.push(reference);
    return reference;
  }

  readonly count = (): number => this.references.length;
}

const chargingWith = (payments: Payments, onUnknown: 'hold' | 'retry' | 'probe') =>
  guarded(
    {
      leaseFor: 500,
      graceFor: 100,
      waitFor: 100,
      onUnknown:
        onUnknown === 'probe'
          ? ({ requestId: id }) => (payments.references.includes(id) ? committed(id) : notCommitted())
          : onUnknown,
    },
    async function charge(_order: string): Promise<string> {
      return payments.charge(requestId());
    },
  );

const tryOut = (payments: Payments, onUnknown: 'hold' | 'retry' | 'probe'): Promise<CrashMatrix> =>
  crashMatrix({ activity: chargingWith(payments, onUnknown), args: ['o-1'], effects: payments.count });

describe('crashMatrix', () => {
  it('finds one effect at each point, and a result, where a probe asks the provider', async () => {
    const { rows } = await tryOut(new Payments(), 'probe');
    expect(rows).toEqual(
      ['before-claim', 'after-claim', 'after-effect', 'after-receipt'].map((point) => ({
        ...{ point, effects: 1, end: 'returned' },
      })),
    );
  });

  it('tells where an activity is held for somebody who knows', async () => {
    const matrix = await tryOut(new Payments(), 'hold');
    expect(
      String(matrix)
        .split('\n')
        .map((line) => line.split(/\s{2,}/)),
    ).toEqual([
      ['killed', 'effects', 'then'],
      ['before-claim', '1', 'returned'],
      ['after-claim', '0', 'held: OutcomeUnknown'],
      ['after-effect', '1', 'held: OutcomeUnknown'],
      ['after-receipt', '1', 'returned'],
    ]);
  });

  it('rejects an activity that acts twice, with the table', async () => {
    const found: unknown = await tryOut(new Payments(), 'retry').catch((error: unknown) => error);
    expect(found).toMatchObject({ code: 'NOT_ONCE' });
    expect((found as Error).message).toMatch(/after-effect +2 +returned/);
  });

  it('rejects a probe that says yes to what never happened', async () => {
    const payments = new Payments();
    const activity = guarded({ onUnknown: () => committed('said so') }, async (_order: string) =>
      payments.charge(requestId()),
    );
    await expect(crashMatrix({ activity, args: ['o-1'], effects: payments.count })).rejects.toMatchObject({
      code: 'NOT_ONCE',
    });
  });

  it('rejects an activity without a guard', async () => {
    const payments = new Payments();
    const bare = async (order: string): Promise<string> => payments.charge(order);
    await expect(
      crashMatrix({ activity: bare, args: ['o-1'], effects: payments.count }),
    ).rejects.toMatchObject({ code: 'CRASH_POINT_NOT_REACHED' });
  });

  it('takes steps, and receipts that are kept elsewhere', async () => {
    const payments = new Payments();
    const probe = ({ requestId: id }: { requestId: string }) =>
      payments.references.includes(id) ? committed(id) : notCommitted();
    const checkOut = async (order: string): Promise<unknown> =>
      effect<unknown>(`charge ${order}`, ({ requestId: id }) => payments.charge(id), {
        ...{ onUnknown: probe, leaseFor: 500, graceFor: 100, waitFor: 100 },
      });
    const { rows } = await crashMatrix({
      ...{ activity: checkOut, effects: payments.count, receipts: memoryReceipts() },
      args: (point): [string] => [point],
    });
    expect(rows.map(({ effects, end }) => [effects, end])).toEqual(Array(4).fill([1, 'returned']));
  });

  it('types its arguments by the activity', () => {
    type Activity = (order: string, cents: number) => Promise<void>;
    expectTypeOf<CrashMatrixOptions<Activity>['args']>()
      .extract<unknown[]>()
      .toEqualTypeOf<[order: string, cents: number]>();
  });
});
