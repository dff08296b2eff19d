/** A probe as a source of evidence: asked by whoever reconciles, not only by the next attempt. */
import type { SourceBudget } from './budget';
import type { EvidenceSource, Finding } from './evidence-source';
import type { Probe } from './policy';
import type { Outcome, Receipt } from './receipt';

/** What a probe is asked with. */
export interface ProbeSetup {
  readonly action: string;
  readonly probe: Probe;
  /** What it is asked at most; `{ atOnce: 4, perSecond: 20 }` unless given, for each action in a process. */
  readonly budget?: SourceBudget | undefined;
  /** Of the receipts of its action; all unless given. */
  covers?(receipt: Receipt): boolean;
  /** What the effect was called with; `undefined` where the probe cannot be asked without. */
  payloadOf(receipt: Receipt, signal: AbortSignal): Promise<{ readonly payload: unknown } | undefined>;
  /** How a result is kept. What it throws has the probe asked again. */
  encode(result: unknown): Promise<Outcome>;
}

/** One for each action, whoever in this process asks its probe. */
const usualBudgets = new Map<string, SourceBudget>();

function usualBudgetOf(action: string): SourceBudget {
  const budget = usualBudgets.get(action) ?? { atOnce: 4, perSecond: 20 };
  usualBudgets.set(action, budget);
  return budget;
}

/** Asks the probe of one action. */
export function probeSource(setup: ProbeSetup): EvidenceSource {
  const { action, probe, budget = usualBudgetOf(action) } = setup;
  return {
    ...{ name: 'probe', budget },
    covers: (receipt) => receipt.action === action && setup.covers?.(receipt) !== false,
    ask: async (receipt, signal): Promise<Finding> => {
      const called = await setup.payloadOf(receipt, signal);
      if (!called)
        return { verdict: 'undetermined', note: 'the history of its workflow does not have its arguments' };
      const { requestId, epoch, claimedAt, ageMs, origin } = receipt;
      const claim = { action, epoch, claimedAt, ageMs, origin };
      const answer = await probe({ requestId, payload: called.payload as never, claim, signal });
      if (answer?.verdict === 'not-committed') return { verdict: 'not-committed' };
      if (answer?.verdict !== 'committed') return { verdict: 'undetermined' };
      return { verdict: 'committed', outcome: await setup.encode(answer.result) };
    },
  };
}
