/** One activity for each kind of intent. */
import { currentClaim, effect, guarded, type StepOptions } from 'activity-guard/activity';
import type { PostgresReceipts } from 'activity-guard/pg';
import type { PoolClient } from 'pg';
import { singleRequest } from 'activity-guard';
import type { Payments } from './payments';
import { stepsOf, times, type Charge, type WorkflowKind } from './terms';

export type Activities = Record<WorkflowKind, (intent: string) => Promise<unknown>>;

/** What applies to all intents, in workflows and outside. */
export const terms = { leaseFor: times.leaseMs, graceFor: times.graceMs, waitFor: 1000 } as const;

/** Named in the receipt, so that the checker finds it. */
const named = { ...terms, redact: ([intent]: readonly [string]) => ({ intent }) };

export function activitiesOf(payments: Payments, receipts: PostgresReceipts<PoolClient>): Activities {
  const charge = (intent: string): Promise<Charge> => payments.charge(currentClaim(), intent);
  const stepFor = (intent: string): StepOptions<Charge> => ({
    ...terms,
    payload: intent,
    redact: () => ({ intent }),
    onUnknown: payments.probe,
  });
  return {
    probe: guarded({ ...named, onUnknown: payments.probe, classify: singleRequest() }, charge),
    hold: guarded({ ...named, onUnknown: 'hold' }, charge),
    retry: guarded({ ...named, onUnknown: 'retry' }, (intent: string) =>
      payments.charge(currentClaim(), intent, { isKeyed: true }),
    ),
    transaction: guarded({ ...named, transactional: true }, (intent: string) =>
      receipts.transaction(async (tx) => {
        const text = 'insert into bookings (intent) values ($1) returning id';
        const { rows } = await tx.query<{ id: string }>(text, [intent]);
        return { id: `booking ${rows[0]?.id}`, intent };
      }),
    ),
    steps: async (intent: string) => {
      const charges: Charge[] = [];
      for (const step of stepsOf(intent))
        charges.push(
          await effect<Promise<Charge>>(step, (claim) => payments.charge(claim, step), stepFor(step)),
        );
      return charges;
    },
  };
}
