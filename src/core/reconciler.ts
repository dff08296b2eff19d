/** Finding out what became of unknown outcomes, row by row; many processes may do it side by side, without a leader. */
import type { GuardEvent } from './call';
import type { Clock } from './clock';
import { isOpenToEvidence } from './evidence';
import type { EvidenceSource, Finding } from './evidence-source';
import { inTime } from './in-time';
import type { Receipt } from './receipt';
import type { DueReceipt, ReceiptStore } from './store';
import { lookForFinality, weigh, type KnownOutcome } from './weigh';

/** What a reconciler works with. */
export interface ReconcilerSetup {
  readonly store: ReceiptStore;
  readonly clock: Clock;
  /** Asked in this order, until one settles the outcome. */
  readonly sources: readonly EvidenceSource[];
  /** Told of a receipt that is settled or released now: whoever waits for it may look again. */
  readonly wake?: ((receipt: Receipt) => Promise<unknown>) | undefined;
  readonly onEvent?: ((event: GuardEvent) => void) | undefined;
}

/** What a pass did. */
export interface ReconcileCounts {
  /** Receipts that were looked at. */
  looked: number;
  committed: number;
  /** Found not to have happened: they run again. */
  released: number;
  /** Held for a person, because sources contradict each other. */
  contested: number;
  /** Settled before, and final now. */
  final: number;
  /** Still unknown, or not final: looked at again later. */
  open: number;
  /** Not looked at to the end, because the store was away. */
  failed: number;
}

/** Rows taken at once, and looked at side by side; a source limits itself further. */
const batchRows = 200;
const atOnce = 16;

/** A source that has not answered by then is asked again another time. */
const askMs = 30_000;

/** Longer than a batch takes: another process gets a row when this one has died over it. */
const holdMs = 5 * 60_000;

const pauses = { first: 5000, most: 10 * 60_000 };

/** How often the queue is looked at when there was nothing due. */
const idleMs = 2000;

/** Finds out, for one store. */
export class Reconciler {
  constructor(private readonly setup: ReconcilerSetup) {}

  /**
   * Looks once at all that is due. Safe to repeat and to run anywhere at the same time. What was due to be looked at again
   * meanwhile is left to the next pass.
   * @throws what the store throws when it cannot be read
   */
  async pass(signal?: AbortSignal): Promise<ReconcileCounts> {
    const counts: ReconcileCounts = {
      ...{ looked: 0, committed: 0, released: 0, contested: 0, final: 0, open: 0, failed: 0 },
    };
    const seen = new Set<string>();
    while (!signal?.aborted) {
      const due = await this.setup.store.takeDue({ limit: batchRows, holdMs });
      if (due.every(({ receipt }) => seen.has(receipt.key))) break;
      for (const { receipt } of due) seen.add(receipt.key);
      await this.lookAtAll(due, counts, signal);
    }
    return counts;
  }

  /** Passes, one after the other, until the signal aborts. A store that is away is asked again. */
  async watch(
    signal: AbortSignal,
    onPass: (counts: ReconcileCounts) => void = () => undefined,
  ): Promise<void> {
    const { clock } = this.setup;
    while (!signal.aborted) {
      try {
        const counts = await this.pass(signal);
        if (counts.looked > 0) onPass(counts);
      } catch (error) {
        this.tell('store-error', undefined, { by: nameOf(error) });
      }
      await clock.sleep(idleMs, signal);
    }
  }

  private async lookAtAll(
    due: readonly DueReceipt[],
    counts: ReconcileCounts,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const again: { key: string; inMs: number }[] = [];
    const rest = due.values();
    const lane = async (): Promise<void> => {
      for (const row of rest) {
        if (signal?.aborted) {
          again.push({ key: row.receipt.key, inMs: 0 });
          continue;
        }
        counts.looked++;
        const came = await this.look(row, signal).catch((error: unknown) => {
          this.tell('store-error', row.receipt, { by: nameOf(error) });
          return 'failed' as const;
        });
        counts[came]++;
        if (came === 'open' || came === 'failed') again.push({ key: row.receipt.key, inMs: pauseOf(row) });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    if (again.length > 0) await this.setup.store.lookAgain(again);
  }

  private async look(
    row: DueReceipt,
    signal?: AbortSignal,
  ): Promise<Exclude<keyof ReconcileCounts, 'looked'>> {
    const { store, sources, wake } = this.setup;
    let known: KnownOutcome = row;
    let weighed = await weigh(store, known);
    for (const source of sources) {
      if (weighed !== 'kept' || signal?.aborted) break;
      if (source.covers?.(known.receipt) === false) continue;
      const finding = await this.ask(source, known.receipt, signal);
      // A "no" proves nothing while the request may still arrive; asked too early, it would only contradict others later.
      if (finding.verdict === 'not-committed' && isTooEarly(known.receipt)) continue;
      weighed = await weigh(store, known, { source: source.name, ...finding });
      known = (await store.get(known.receipt.key)) ?? known;
      if (!isOpenToEvidence(known.receipt)) break;
    }
    const { receipt } = known;
    if (weighed === 'contested') return 'contested';
    if (weighed === 'kept') return (await lookForFinality(store, known)) === 'final' ? 'final' : 'open';
    this.tell('resolved', receipt, { by: 'reconciler', verdict: weighed });
    await wake?.(receipt).catch(() => undefined); // it looks again by itself, only later
    return weighed === 'committed' ? 'committed' : 'released';
  }

  private async ask(source: EvidenceSource, receipt: Receipt, signal?: AbortSignal): Promise<Finding> {
    const overdue = new AbortController();
    const given = signal ? AbortSignal.any([overdue.signal, signal]) : overdue.signal;
    const answer = Promise.resolve().then(() => source.ask(receipt, given));
    const late = (): Error => new Error(`${source.name} has not answered in time`);
    try {
      return await inTime(this.setup.clock, askMs, answer, late);
    } catch (error) {
      this.tell('unknown', receipt, { by: nameOf(error), verdict: 'undetermined' });
      return { verdict: 'undetermined' };
    } finally {
      overdue.abort();
    }
  }

  private tell(
    type: GuardEvent['type'],
    receipt: Receipt | undefined,
    more: Pick<GuardEvent, 'by' | 'verdict'>,
  ): void {
    const { requestId = '', action = '' } = receipt ?? {};
    this.setup.onEvent?.({ type, requestId, action, ...more });
  }
}

const nameOf = (error: unknown): string =>
  error instanceof Error ? ((error as { code?: string }).code ?? error.name) : typeof error;

const isTooEarly = ({ state, leaseRemainingMs, graceMs }: Receipt): boolean =>
  state === 'unknown' || state === 'claimed' ? leaseRemainingMs + graceMs > 0 : false;

/** Soon at first and then ever later; at once when a "no" counts. */
function pauseOf({ receipt, looks }: DueReceipt): number {
  const backOffMs = Math.min(pauses.first * 2 ** Math.min(looks, 20), pauses.most);
  const conclusiveInMs = receipt.leaseRemainingMs + receipt.graceMs;
  return isTooEarly(receipt) ? Math.min(conclusiveInMs + 1, backOffMs) : backOffMs;
}
