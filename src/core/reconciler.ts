/** Finding out what became of unknown outcomes, row by row; many processes may do it side by side, without a leader. */
import { checkBudget, turnstileOf, type Turnstile } from './budget';
import type { Clock } from './clock';
import { nameOf } from './errors';
import { isOpenToEvidence } from './evidence';
import type { EvidenceSource, Finding } from './evidence-source';
import type { GuardEvent } from './guard-event';
import { inTime } from './in-time';
import { isTooEarly, type Receipt } from './receipt';
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
  /** Told whenever `watch` has looked at all that is due, also where nothing was. */
  readonly onPass?: ((counts: ReconcileCounts) => void) | undefined;
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
  /** Not looked at to the end, because a source is over its budget: again when it is not. */
  postponed: number;
  /** Not looked at to the end, because the store was away. */
  failed: number;
}

/** What came of a look. */
type Came = Exclude<keyof ReconcileCounts, 'looked'>;

/** One time that all that is due is looked at. */
interface Round {
  readonly signal: AbortSignal | undefined;
  readonly tally: (came: Came) => void;
  /** Takes what goes on while the round is over: looks that wait for the budget of a source. */
  readonly keep: (rest: Promise<void>) => void;
}

/** Rows taken at once, and looked at side by side, but for those that wait for the budget of a source. */
const batchRows = 200;
const manyRows = 2000;
const atOnce = 16;

/** A source that has not answered by then is asked again another time. */
const askMs = 30_000;

/** Longer than a batch takes: another process gets a row when this one has died over it. */
const holdMs = 5 * 60_000;

const pauses = { first: 5000, most: 10 * 60_000 };

/** How often the queue is looked at when there was nothing due. */
const idleMs = 2000;

/** Of how many rows it is remembered that they were put back. */
const mostRemembered = 100_000;

const noCounts = (): ReconcileCounts => ({
  ...{ looked: 0, committed: 0, released: 0, contested: 0, final: 0, open: 0, postponed: 0, failed: 0 },
});

/** Finds out, for one store. */
export class Reconciler {
  private readonly turnstiles = new Map<EvidenceSource, Turnstile>();
  /** How often a row was taken and put back without a look: the store counts each time it is taken. */
  private readonly unlooked = new Map<string, number>();

  /** @throws InvalidRequestError for a budget that cannot be kept */
  constructor(private readonly setup: ReconcilerSetup) {
    for (const source of setup.sources) {
      if (!source.budget) continue;
      checkBudget(source.name, source.budget);
      this.turnstiles.set(source, turnstileOf(source.budget, setup.clock, { atOnce }));
    }
  }

  /**
   * Looks once at all that is due. Safe to repeat and to run anywhere at the same time. What was due to be looked at again
   * meanwhile is left to the next pass.
   * @param onLook told after each look
   * @throws what the store throws when it cannot be read
   */
  async pass(signal?: AbortSignal, onLook: () => void = () => undefined): Promise<ReconcileCounts> {
    const counts = noCounts();
    const rests: Promise<void>[] = [];
    const keep = (rest: Promise<void>): void => {
      rest.catch(() => undefined); // thrown below
      rests.push(rest);
    };
    await this.closing(signal, async () => {
      const count = (came: Came): void => {
        tally(counts, came);
        onLook();
      };
      const round = { signal, keep, tally: count };
      await this.lookAtDue(round).finally(() => Promise.allSettled(rests));
      await Promise.all(rests);
    });
    return counts;
  }

  /** Passes, one after the other, until the signal aborts. A store that is away is asked again. */
  async watch(
    signal: AbortSignal,
    onPass: (counts: ReconcileCounts) => void = () => undefined,
  ): Promise<void> {
    let counts = noCounts();
    const report = (): void => {
      if (counts.looked > 0) onPass(counts);
      counts = noCounts();
    };
    const away = (error: unknown): void => this.tell('store-error', undefined, { by: nameOf(error) });
    const passed = (): void => this.setup.onPass?.(counts);
    const rests = new Set<Promise<void>>();
    const keep = (rest: Promise<void>): void => {
      const kept = rest.catch(away).finally(() => rests.delete(kept));
      rests.add(kept);
    };
    await this.closing(signal, async () => {
      while (!signal.aborted) {
        await this.lookAtDue({ signal, keep, tally: (came) => tally(counts, came) }).then(passed, away);
        report();
        await this.setup.clock.sleep(idleMs, signal);
      }
      await Promise.all(rests);
    });
    report();
  }

  /** Works; nobody waits for a budget any more once the signal aborts. */
  private async closing(signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
    const close = (): void => this.turnstiles.forEach((turnstile) => turnstile.close());
    signal?.addEventListener('abort', close);
    await work().finally(() => signal?.removeEventListener('abort', close));
  }

  private async lookAtDue(round: Round): Promise<void> {
    const { store } = this.setup;
    // What is put back comes again; what is settled does not.
    const seen = new Set<string>();
    while (!round.signal?.aborted) {
      let due = await store.takeDue({ limit: batchRows, holdMs });
      // Rows that were settled meanwhile leave the queue when they are taken. Others may be behind a batch of those.
      if (due.length === 0) due = await store.takeDue({ limit: manyRows, holdMs });
      const isAgain = ({ receipt }: DueReceipt): boolean => seen.has(receipt.key);
      // Taken for the next pass, which could not have them otherwise while they are held for this one.
      const again = due.filter(isAgain).map(({ receipt: { key } }) => ({ key, inMs: 0 }));
      for (const { key } of again) this.noteUnlooked(key);
      if (again.length > 0) await store.lookAgain(again);
      if (again.length === due.length) return;
      await this.lookAtAll(again.length > 0 ? due.filter((row) => !isAgain(row)) : due, seen, round);
    }
  }

  /** Until all rows are looked at but those that wait for a budget. */
  private async lookAtAll(due: readonly DueReceipt[], seen: Set<string>, round: Round): Promise<void> {
    const again: { key: string; inMs: number }[] = [];
    const lookAt = async (row: DueReceipt, leave: () => void): Promise<void> => {
      const { key } = row.receipt;
      const inMs = await this.lookAndTell(row, leave, round);
      if (inMs === undefined) return void this.unlooked.delete(key);
      again.push({ key, inMs });
      seen.add(key);
    };
    const putBack = async (): Promise<void> => {
      if (again.length > 0) await this.setup.store.lookAgain(again.splice(0));
    };
    const looks: Promise<void>[] = [];
    const rows = due.values();
    const lane = async (): Promise<void> => {
      for (const row of rows)
        await new Promise<void>((leave) => void looks.push(lookAt(row, leave).finally(leave)));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    round.keep(Promise.all(looks).then(putBack));
    await putBack();
  }

  /** @returns in how many milliseconds to look again, if at all */
  private async lookAndTell(
    row: DueReceipt,
    leave: () => void,
    { signal, tally }: Round,
  ): Promise<number | undefined> {
    const { receipt } = row;
    if (signal?.aborted) return 0;
    const came = await this.look(row, leave, signal).catch((error: unknown) => {
      this.tell('store-error', receipt, { by: nameOf(error) });
      return 'failed' as const;
    });
    if (typeof came !== 'object') {
      tally(came);
      return came === 'open' || came === 'failed' ? this.pauseOf(row) : undefined;
    }
    tally('postponed');
    this.noteUnlooked(receipt.key);
    return signal?.aborted ? 0 : came.laterMs;
  }

  private async look(
    row: DueReceipt,
    leave: () => void,
    signal?: AbortSignal,
  ): Promise<Exclude<Came, 'postponed'> | { readonly laterMs: number }> {
    const { store, sources, wake } = this.setup;
    let known: KnownOutcome = row;
    let weighed = await weigh(store, known);
    for (const source of sources) {
      if (weighed !== 'kept' || signal?.aborted) break;
      if (source.covers?.(known.receipt) === false) continue;
      const turnstile = this.turnstiles.get(source);
      if (turnstile) leave();
      const answered = turnstile ? await turnstile.turn() : (): void => undefined;
      if (turnstile && !answered) return { laterMs: turnstile.laterMs() };
      const finding = await this.ask(source, known.receipt, signal).finally(answered);
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

  private noteUnlooked(key: string): void {
    const [oldest] = this.unlooked.keys();
    if (oldest !== undefined && this.unlooked.size >= mostRemembered) this.unlooked.delete(oldest);
    this.unlooked.set(key, (this.unlooked.get(key) ?? 0) + 1);
  }

  /** Soon at first and then ever later; at once when a "no" counts. */
  private pauseOf({ receipt, looks }: DueReceipt): number {
    const looked = Math.max(0, looks - (this.unlooked.get(receipt.key) ?? 0));
    const backOffMs = Math.min(pauses.first * 2 ** Math.min(looked, 20), pauses.most);
    const conclusiveInMs = receipt.leaseRemainingMs + receipt.graceMs;
    return isTooEarly(receipt) ? Math.min(conclusiveInMs + 1, backOffMs) : backOffMs;
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

const tally = (counts: ReconcileCounts, came: Came): void => {
  counts.looked++;
  counts[came]++;
};
