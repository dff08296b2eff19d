/** What several sources together say of one outcome. Pure. */
import {
  isFree,
  isProvisional,
  isSettled,
  isUnresolved,
  noResult,
  type Evidence,
  type Outcome,
  type Receipt,
} from './receipt';

/** The guard's own conclusion from the evidence on file; as a source it says nothing new. */
export const concludedSource = 'evidence';

/** A person, who alone can settle what is contested. */
export const operatorSource = 'operator';

/** The guard itself, of a claim that was taken over: where it came from, as a note. */
export const attemptSource = 'attempt';

/** The guard itself, of a row that a failover has lost, or may have. */
export const failoverSource = 'failover';

/** What it says of a claim whose receipt it wrote all the same. */
export const writtenAnew = 'no claim was found when it was settled; the receipt was written anew';

/** Names that only the guard itself may use. */
export const ownSources: readonly string[] = [
  concludedSource,
  operatorSource,
  attemptSource,
  failoverSource,
  ...['effect', 'late-settle', 'completion', 'probe', 'temporal-history'],
];

/** What the evidence on file comes to. */
export type Judgement =
  /** Nothing yet that would be enough. */
  | { readonly kind: 'open' }
  /** It happened; `outcome` is the result, where a source gave one, or says that it has no stored form. */
  | { readonly kind: 'committed'; readonly outcome: Outcome | undefined }
  | { readonly kind: 'not-committed' }
  /** The sources contradict each other: only a person can say. */
  | { readonly kind: 'contested' };

/** How final a receipt is; a receipt without a `finality` policy is final once it is settled. */
export type Finality =
  /** Not settled. */
  | 'open'
  /** Settled, and not yet confirmed by as many sources, or for as long, as the policy asks for. */
  | 'provisional'
  /** A source contradicts the receipt; a person decides. */
  | 'contested'
  /** It stays so, whatever comes later. */
  | 'final';

const isYes = ({ verdict }: Evidence): boolean => verdict === 'committed';
const isNo = ({ verdict }: Evidence): boolean => verdict === 'not-committed' || verdict === 'rejected';

/** The last word of every source, of those that came while it could still matter. */
function lastWords(evidence: readonly Evidence[]): Evidence[] {
  const last = new Map<string, Evidence>();
  for (const said of evidence)
    if (said.source !== concludedSource && !said.late && (isYes(said) || isNo(said)))
      last.set(said.source, said);
  return [...last.values()];
}

/** What the guard itself saw, and what a person said, counts under all terms. */
const ownWords: ReadonlySet<string> = new Set([operatorSource, 'late-settle']);

/** Whether a source counts for this receipt. */
const countsFor =
  ({ finality }: Receipt) =>
  ({ source }: Evidence): boolean =>
    !finality || finality.sources.includes(source) || ownWords.has(source);

/** Whether it was said after the last moment at which the effect could still arrive, or not be seen yet. */
const isConclusive = ({ leaseRemainingMs, graceMs, state }: Receipt, { ageMs }: Evidence): boolean =>
  state !== 'delegated' && leaseRemainingMs + graceMs + ageMs <= 0;

/**
 * What the evidence comes to for a receipt that is not settled. A "no" speaks of the claim that it names: once the
 * intent has been claimed again, it is answered. A "yes" speaks of the intent. Whoever contradicts makes it contested,
 * also a source that does not count towards the quorum.
 */
export function judge(receipt: Receipt, evidence: readonly Evidence[]): Judgement {
  const words = lastWords(evidence);
  const yes = words.filter(isYes);
  const no = words.filter((said) => isNo(said) && said.epoch === receipt.epoch);
  if (yes.length > 0 && no.length > 0) return { kind: 'contested' };
  const quorum = receipt.finality?.quorum ?? 1;
  const counts = countsFor(receipt);
  const agreeing = yes.filter(counts);
  if (agreeing.length >= quorum) {
    // Only of those that count: whoever settles nothing must not choose the result either.
    const outcomes = agreeing.flatMap(({ outcome }) => (outcome ? [outcome] : []));
    return { kind: 'committed', outcome: outcomes.find((o) => o.format !== noResult.format) ?? outcomes[0] };
  }
  const conclusive = no.filter((said) => counts(said) && isConclusive(receipt, said));
  return conclusive.length >= quorum ? { kind: 'not-committed' } : { kind: 'open' };
}

/** How final a receipt is, by its policy and what is on file. The time that has to pass is the database's to judge. */
export function finalityOf(receipt: Receipt, evidence: readonly Evidence[]): Finality | 'due' {
  const { state, finality, contested } = receipt;
  if (state === 'pruned' || state === 'superseded') return 'final';
  if (!isSettled(receipt)) return contested ? 'contested' : 'open';
  if (!finality || !isProvisional(receipt)) return 'final';
  if (contested) return 'contested';
  const words = lastWords(evidence).filter(countsFor(receipt));
  const [agrees, contradicts] = state === 'committed' ? [isYes, isNo] : [isNo, isYes];
  if (words.some((said) => contradicts(said) && said.epoch >= receipt.epoch)) return 'contested';
  const agreeing = new Set(words.filter(agrees).map(({ source }) => source));
  // Who ran the effect saw its outcome.
  const count = agreeing.size + (finality.sources.includes('effect') ? 1 : 0);
  return count >= finality.quorum ? 'due' : 'provisional';
}

/** Whether new evidence can still change what the receipt says. */
export const isOpenToEvidence = (receipt: Receipt): boolean =>
  isUnresolved(receipt) || isFree(receipt) || receipt.state === 'delegated' || isProvisional(receipt);
