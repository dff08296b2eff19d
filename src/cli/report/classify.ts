/** What a receipt and the provider's entries of the same request id say of each other. Pure. */
import { isFree, type Evidence, type Receipt } from '../../core';

/** What the provider's export has of one request id. */
export interface ProviderEntries {
  /** The id as the provider has it. */
  readonly requestId: string;
  readonly succeeded: number;
  readonly failed: number;
  /** Where they stand in the export. */
  readonly lines: readonly number[];
  /** The actions that the export names for it; `undefined` where it names none. */
  readonly actions?: readonly string[] | undefined;
}

/** The part of a receipt that counts here. */
export type JudgedReceipt = Pick<
  Receipt,
  | 'requestId'
  | 'action'
  | 'state'
  | 'contested'
  | 'leaseRemainingMs'
  | 'transactional'
  | 'doubt'
  | 'outcome'
  | 'origin'
>;

/** A receipt, and what was looked up about it. */
export interface Recorded {
  readonly receipt: JudgedReceipt;
  /** The next generation of the intent has a receipt. */
  readonly hasSuccessor?: boolean;
  /** Evidence says that an attempt after the effect was held back. */
  readonly heldBack?: boolean;
}

/** The lines of the report. The last two are in order: nothing to do, and what no longer says anything. */
export const categories = [
  'confirmed',
  'duplicateBlocked',
  'missing',
  'contradiction',
  'uncertain',
  'unrecorded',
  'duplicate',
  'notDone',
  'pruned',
] as const;

/** One of them. */
export type Category = (typeof categories)[number];

/** Something somebody has to look at. */
export const isWrong = (category: Category): boolean =>
  ['missing', 'contradiction', 'uncertain', 'unrecorded', 'duplicate'].includes(category);

/** Whether the answer depends on a next generation: only then it needs to be looked up. */
export const needsSuccessor = ({ state }: JudgedReceipt, entries: ProviderEntries | undefined): boolean =>
  state === 'superseded' && (entries?.succeeded ?? 0) > 0;

/** Whether the answer depends on the evidence: only then it needs to be looked up. */
export const needsEvidence = ({ state }: JudgedReceipt, entries: ProviderEntries | undefined): boolean =>
  state === 'committed' && entries?.succeeded === 1;

/**
 * What holds nobody back: a holder's own late word (both attempts ran), and a history, which knows only results that
 * Temporal already had and would not have asked for again.
 */
const sourcesOfNoRetry = ['late-settle', 'temporal-history'];

/** Whether such evidence says that the effect had happened when another attempt came. */
export const holdsBack = ({ source, verdict }: Pick<Evidence, 'source' | 'verdict'>): boolean =>
  verdict === 'committed' && !sourcesOfNoRetry.includes(source);

/** What is said of one request id, and why where that is not plain. */
export interface Judgement {
  readonly category: Category;
  readonly note?: string;
}

const failureFormat = 'temporal/failure';

/** A successful entry over a receipt that an operator superseded. */
function judgeSuperseded({ receipt: { outcome, origin }, hasSuccessor = false }: Recorded): Judgement {
  if (!hasSuccessor)
    return { category: 'contradiction', note: 'superseded, and no newer generation owns the intent' };
  if (outcome?.format === failureFormat)
    return { category: 'contradiction', note: 'it was rejected before it was superseded' };
  // Pruning takes the outcome and the origin of what was settled.
  const wasSettled = outcome !== undefined || Object.keys(origin).length === 0;
  return wasSettled
    ? { category: 'confirmed', note: 'superseded; a newer generation owns the intent' }
    : {
        category: 'contradiction',
        note: 'nobody knew that it had happened when it was superseded; the newer generation may have done it again',
      };
}

function judgeState(recorded: Recorded, { succeeded, failed }: ProviderEntries): readonly Judgement[] {
  const { receipt, heldBack = false } = recorded;
  // Whatever the export says is one more source beside those that contradict each other.
  if (receipt.contested)
    return [{ category: 'contradiction', note: 'its sources contradict each other; a person decides' }];
  if (isFree(receipt))
    return succeeded === 0
      ? [{ category: 'notDone' }]
      : [{ category: 'contradiction', note: 'the receipt says that nothing happened' }];
  switch (receipt.state) {
    case 'committed':
      if (succeeded === 1)
        return [{ category: 'confirmed' }, ...(heldBack ? [{ category: 'duplicateBlocked' } as const] : [])];
      if (succeeded > 1) return [];
      return failed > 0
        ? [{ category: 'contradiction', note: 'the provider says that it failed' }]
        : [{ category: 'missing' }];
    case 'claimed':
    case 'delegated':
    case 'unknown':
      return [{ category: 'uncertain' }];
    case 'superseded':
      return succeeded > 0 ? [judgeSuperseded(recorded)] : [{ category: 'notDone' }];
    case 'pruned':
      return [{ category: 'pruned' }];
    case 'rejected':
    case 'released':
      return succeeded > 0 ? [{ category: 'contradiction' }] : [{ category: 'notDone' }];
    default:
      return receipt.state satisfies never;
  }
}

const nothing: ProviderEntries = { requestId: '', succeeded: 0, failed: 0, lines: [] };

/** @param actions those that the report is about; the export's own word for an entry goes before it */
function isOfAnotherAction(
  { receipt }: Recorded,
  entries: ProviderEntries,
  actions: ReadonlySet<string>,
): boolean {
  const named = entries.actions ?? [...actions];
  return entries.lines.length > 0 && named.some((action) => action !== receipt.action);
}

/** Everything that is to be said of one request id: a duplicate can be uncertain as well. */
export function judge(
  recorded: Recorded | undefined,
  entries: ProviderEntries = nothing,
  actions: ReadonlySet<string> = new Set(),
): readonly Judgement[] {
  const duplicate: readonly Judgement[] = entries.succeeded > 1 ? [{ category: 'duplicate' }] : [];
  if (!recorded) return [{ category: 'unrecorded' }, ...duplicate];
  if (isOfAnotherAction(recorded, entries, actions))
    return [
      { category: 'contradiction', note: `its receipt is of ${recorded.receipt.action}` },
      ...duplicate,
    ];
  const said = judgeState(recorded, entries);
  // One owner of the intent does not explain two entries.
  const kept = duplicate.length > 0 ? said.filter(({ category }) => category !== 'confirmed') : said;
  return [...kept, ...duplicate];
}
