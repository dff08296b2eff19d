/** The same activities under the guard, and by Temporal's advice without it. */
import { activityInfo, ApplicationFailure } from '@temporalio/activity';

import { committed, notCommitted, RejectedError } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import type { Charge } from './matrix';

class LedgerClient {
  constructor(private readonly url: string) {}

  /** The charge, or `undefined` when the provider declines. */
  async act(cell: string, item: string, key: string): Promise<Charge | undefined> {
    const charge = await this.post('/act', { cell, item, key });
    return charge === undefined ? undefined : chargeOf(charge as Charge);
  }

  async find(cell: string, key: string): Promise<Charge | undefined> {
    const charge = (await this.post('/find', { cell, key })) as Charge | null;
    return charge ? chargeOf(charge) : undefined;
  }

  async once(cell: string, key: string): Promise<boolean> {
    return (await this.post('/once', { cell, key })) as boolean;
  }

  private async post(path: string, params: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.url}${path}?${new URLSearchParams(params).toString()}`, {
      method: 'POST',
    });
    if (response.status === 402) return undefined;
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    return response.json();
  }
}

const chargeOf = ({ id, item }: Charge): Charge => ({ id, item });

/** What both kinds of worker offer to workflows. */
export interface MatrixActivities {
  /** One effect at the provider. */
  act(cell: string, item: string): Promise<Charge>;
  /** True the first time, whatever Temporal forgets: not an effect, and not guarded. */
  once(cell: string, key: string): Promise<boolean>;
}

/** Guarded; the provider gets the guard's id and can be asked for it, but does not deduplicate by it. */
export function guardedActivities(url: string): MatrixActivities {
  const ledger = new LedgerClient(url);
  const probe = async ({ requestId: id, payload }: { requestId: string; payload: [string, string] }) => {
    const found = await ledger.find(payload[0], id);
    return found ? committed(found) : notCommitted();
  };
  return {
    act: guarded(
      { leaseFor: 2000, graceFor: 300, onUnknown: probe },
      async (cell: string, item: string): Promise<Charge> => {
        const charge = await ledger.act(cell, item, requestId());
        if (!charge) throw new RejectedError('declined', { type: 'Declined' });
        return charge;
      },
    ),
    once: (cell, key) => ledger.once(cell, key),
  };
}

/** Temporal's advice: the run's id and the activity's id, for a provider that honours keys. */
export function recipeActivities(url: string): MatrixActivities {
  const ledger = new LedgerClient(url);
  return {
    act: async (cell, item) => {
      const { workflowExecution, activityId } = activityInfo();
      const charge = await ledger.act(cell, item, `${workflowExecution?.runId}-${activityId}`);
      if (!charge) throw ApplicationFailure.nonRetryable('declined', 'Declined');
      return charge;
    },
    once: (cell, key) => ledger.once(cell, key),
  };
}
