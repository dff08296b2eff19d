/** One charge, guarded on three kinds of terms. */
import { committed, notCommitted } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import { times, type Charge, type Terms } from './terms';

export type Charges = Record<Terms, (intent: string) => Promise<Charge>>;

/** The sources that `listed` believes. */
export const listedSources = ['effect', 'clearing'] as const;

export function charges(providerUrl: string, leaseFor: number): Charges {
  const ask = async (path: string, key: string): Promise<Charge | null> => {
    const response = await fetch(`${providerUrl}${path}?${new URLSearchParams({ key }).toString()}`, {
      method: 'POST',
    });
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    return (await response.json()) as Charge | null;
  };
  const charge = async (_intent: string): Promise<Charge> => (await ask('/charge', requestId())) as Charge;
  // It says what the search says, as probes do; that the search is behind is the guard's to know.
  const probe = async ({ requestId: id }: { requestId: string }) => {
    const found = await ask('/find', id);
    return found ? committed(found) : notCommitted();
  };
  const terms = { leaseFor, graceFor: times.graceMs, waitFor: 1000 } as const;
  return {
    probed: guarded({ ...terms, onUnknown: probe }, charge),
    held: guarded({ ...terms, onUnknown: 'hold' }, charge),
    listed: guarded({ ...terms, onUnknown: 'hold', finality: { sources: listedSources, quorum: 1 } }, charge),
  };
}
