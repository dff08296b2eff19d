/** Acting on what the sources say of an outcome. */
import { concludedSource, finalityOf, isOpenToEvidence, judge, type Finality } from './evidence';
import { isSettled, type Evidence, type Outcome, type Receipt } from './receipt';
import type { ReceiptStore } from './store';

/** A receipt as it was read together with its evidence. */
export interface KnownOutcome {
  readonly receipt: Receipt;
  readonly evidence: readonly Evidence[];
}

/** What a source says now. */
export interface Said {
  readonly source: string;
  readonly verdict: 'committed' | 'not-committed' | 'rejected' | 'undetermined';
  readonly by?: string | undefined;
  readonly note?: string | undefined;
  readonly outcome?: Outcome | undefined;
}

/** What came of it: the receipt is settled or released now, is contested, or stays as it is. */
export type Weighed = 'committed' | 'not-committed' | 'contested' | 'kept';

type Evidencing = Pick<ReceiptStore, 'addEvidence' | 'resolve' | 'finalize'>;

/**
 * Keeps what a source says, if it is given and new, and settles the receipt if all that is on file now agrees. Safe to
 * repeat; whoever else does the same at the same time comes to the same end.
 */
export async function weigh(store: Evidencing, known: KnownOutcome, said?: Said): Promise<Weighed> {
  const { receipt, evidence } = known;
  const { key, epoch } = receipt;
  const all = said ? [...evidence, evidenceOf(said, receipt)] : evidence;
  const keep = async (contests: boolean): Promise<void> => {
    if (said && (contests || isNews(said, known))) await store.addEvidence({ key, epoch, ...said, contests });
    else if (contests) await store.addEvidence({ key, epoch, ...contradiction, contests });
  };
  if (!isOpenToEvidence(receipt) || receipt.contested) {
    await keep(false);
    return receipt.contested ? 'contested' : 'kept';
  }
  if (isSettled(receipt)) {
    const isContested = finalityOf(receipt, all) === 'contested';
    await keep(isContested);
    return isContested ? 'contested' : 'kept';
  }
  const judgement = judge(receipt, all);
  if (judgement.kind === 'contested') {
    await keep(true);
    return 'contested';
  }
  // That it happened is not enough to settle it: its callers wait for the result, and another source may have it.
  if (judgement.kind === 'open' || (judgement.kind === 'committed' && !judgement.outcome)) {
    await keep(false);
    return 'kept';
  }
  const { source = concludedSource, by, note } = said ?? {};
  const outcome = judgement.kind === 'committed' ? judgement.outcome : undefined;
  const done = await store.resolve({ key, epoch, verdict: judgement.kind, source, by, note, outcome });
  return done ? judgement.kind : 'kept';
}

/**
 * How final a receipt is, made final now if its terms are met. Contradictions found on the way are marked.
 * @returns `'final'` also for what has no terms and is settled
 */
export async function lookForFinality(store: Evidencing, known: KnownOutcome): Promise<Finality> {
  const { receipt, evidence } = known;
  const finality = finalityOf(receipt, evidence);
  if (finality === 'contested' && !receipt.contested)
    await store.addEvidence({ key: receipt.key, epoch: receipt.epoch, ...contradiction, contests: true });
  if (finality !== 'due') return finality;
  return (await store.finalize(receipt.key, receipt.epoch, evidence.length)) ? 'final' : 'provisional';
}

const contradiction = {
  source: concludedSource,
  verdict: 'undetermined',
  note: 'the sources contradict each other',
} as const;

/** A source that says the same again, or still does not know, is not written down again. */
function isNews({ source, verdict }: Said, { receipt, evidence }: KnownOutcome): boolean {
  const last = evidence.filter((e) => e.source === source && e.epoch === receipt.epoch).at(-1);
  return last?.verdict !== verdict;
}

const evidenceOf = ({ source, verdict, by, note, outcome }: Said, { epoch }: Receipt): Evidence => ({
  ...{ source, verdict, by, note, outcome, epoch },
  ...{ at: '', ageMs: 0, late: false },
});
