/** One charge on every kind of terms, guarded and not. */
import { activityInfo } from '@temporalio/activity';

import { committed, notCommitted } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import type { pgReceipts } from 'activity-guard/pg';
import type { ProviderClient } from '../provider-client';
import { times, type Charge } from '../terms';

/** Rows of the matrix that run on Temporal; also the names of the activities. */
export type Terms = 'bare' | 'officialKey' | GuardedTerms;
export type GuardedTerms = 'hold' | 'probe' | 'history' | 'retry' | 'transaction';

export type Activities = Record<Terms, (intent: string) => Promise<Charge>> & {
  confirm(intent: string): Promise<void>;
};

const terms = { leaseFor: times.leaseMs, graceFor: times.graceMs, waitFor: 1000 } as const;

/** Without the guard. */
export function rawActivities(provider: ProviderClient) {
  return {
    bare: (intent: string): Promise<Charge> => provider.charge(intent, ''),
    // What Temporal's documentation advises as an idempotency key.
    officialKey: (intent: string): Promise<Charge> => {
      const { workflowExecution, activityId } = activityInfo();
      return provider.charge(intent, `${workflowExecution?.runId}-${activityId}`);
    },
    /** The step after the charge: its worker has reported the charge. */
    confirm: (intent: string): Promise<void> => provider.at('reported', intent),
  };
}

export function guardedActivities(provider: ProviderClient, receipts: ReturnType<typeof pgReceipts>) {
  const charge = async (intent: string): Promise<Charge> => provider.charge(intent, requestId());
  const probe = async ({ requestId: key, payload }: { requestId: string; payload: [string] }) => {
    const found = await provider.find(payload[0], key);
    return found ? committed(found) : notCommitted();
  };
  return {
    hold: guarded({ ...terms, onUnknown: 'hold' }, charge),
    probe: guarded({ ...terms, onUnknown: probe }, charge),
    history: guarded({ ...terms, onUnknown: 'hold' }, charge),
    retry: guarded({ ...terms, onUnknown: 'retry' }, charge),
    transaction: guarded({ ...terms, transactional: true }, async (intent: string): Promise<Charge> => {
      const charged = await receipts.transaction(async (tx) => {
        const { rows } = await tx.query<Charge>(
          'insert into bookings (intent) values ($1) returning id::text',
          [intent],
        );
        await provider.at('request-sent', intent);
        return { id: rows[0]?.id ?? '' };
      });
      await provider.at('settled', intent);
      await provider.at('effect-done', intent); // what goes wrong after the effect goes wrong here
      return charged;
    }),
    confirm: rawActivities(provider).confirm,
  };
}
