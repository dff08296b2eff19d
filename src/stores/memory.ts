/** Receipts in memory, for tests and for tools that live in one process: every step as guarded as the database's. */
import type {
  ClaimRequest,
  Clock,
  DueReceipt,
  Evidence,
  HeldClaim,
  ListFilter,
  NewEvidence,
  Outcome,
  OutstandingCounts,
  PruneRequest,
  Receipt,
  ReceiptState,
  ReceiptStats,
  ReceiptStore,
  Resolution,
  Settlement,
  Supersession,
  StoreDescription,
  TakeOverRequest,
  Verdict,
} from '../core';
import {
  attemptSource,
  compensated,
  failoverSource,
  isFree,
  isOutstanding,
  isProvisional,
  isSettled,
  isUnresolved,
  noResult,
  operatorSource,
  receiptStates,
  writtenAnew,
} from '../core';
import { systemClock } from '../system-clock';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Row = Writable<Omit<Receipt, 'leaseRemainingMs' | 'ageMs'>> & {
  leaseUntil: number;
  firstClaim: number;
  retainMs: number | undefined;
  settledWhen: number;
};
type Kept = Omit<Evidence, 'at' | 'ageMs'>;

/** A superseded row stays one, without its outcome: it leads to the generation after it. */
const isPrunable = ({ state, outcome }: Row): boolean =>
  isSettled({ state }) || (state === 'superseded' && outcome !== undefined);

/** @internal What several stores share, as processes share a database. */
export class MemoryDatabase {
  readonly rows = new Map<string, Row>();
  readonly evidence: (Evidence & { readonly key: string; readonly since: number })[] = [];
  /** What to look at, and when. */
  readonly queue = new Map<string, { lookAt: number; looks: number }>();

  constructor(readonly clock: Pick<Clock, 'monotonic' | 'wall'>) {}

  get time(): string {
    return new Date(this.clock.wall()).toISOString();
  }
}

/** @internal Made by {@link memoryReceipts}. */
export class MemoryReceipts implements ReceiptStore {
  constructor(
    private readonly database: MemoryDatabase,
    readonly namespace = 'default',
  ) {}

  async claim(request: ClaimRequest): Promise<Receipt> {
    const { key, requestId, action, fingerprint, token, leaseMs, policy, origin } = request;
    const { transactional, graceMs, retainMs, finality } = request;
    const { rows, clock, time } = this.database;
    const found = rows.get(key);
    if (found) return this.receiptOf(found);
    const row: Row = {
      ...{ key, namespace: this.namespace, requestId, action, fingerprint, policy, token },
      // What was said before there was a row, or of one that is lost: it happened.
      state: this.isVetoed(key) ? 'unknown' : 'claimed',
      ...{ epoch: 1, doubt: false, claimedAt: time, settledAt: undefined, outcome: undefined, origin },
      ...{ firstClaim: clock.monotonic(), leaseUntil: clock.monotonic() + leaseMs, settledWhen: Infinity },
      ...{ transactional, graceMs, retainMs, finality, finalAt: undefined, contested: false },
    };
    rows.set(key, row);
    return this.receiptOf(row);
  }

  async takeOver(request: TakeOverRequest): Promise<Receipt | undefined> {
    const { key, token, policy, origin, leaseMs, epoch, fromUnknown } = request;
    const { transactional, graceMs, retainMs, finality } = request;
    const row = this.database.rows.get(key);
    if (row?.epoch !== epoch || row.contested) return undefined;
    const doubt = !this.isFree(row);
    if (doubt && !(fromUnknown && this.isUnresolved(row))) return undefined;
    if (this.isVetoed(key)) return undefined;
    const note = JSON.stringify(row.origin);
    this.keep(key, { source: attemptSource, verdict: 'undetermined', epoch, note });
    this.database.queue.set(key, { lookAt: this.database.clock.monotonic() + leaseMs, looks: 0 });
    const leaseUntil = this.database.clock.monotonic() + leaseMs;
    Object.assign(row, { state: 'claimed', epoch: epoch + 1, doubt, token, policy, origin, leaseUntil });
    Object.assign(row, { transactional, graceMs, retainMs, finality });
    return this.receiptOf(row);
  }

  async renew(claims: readonly HeldClaim[], leaseMs: number): Promise<ReadonlySet<string>> {
    const standing = claims
      .map((claim) => this.held(claim))
      .filter((row) => row?.state === 'claimed' && !this.isOver(row));
    for (const row of standing) if (row) row.leaseUntil = this.database.clock.monotonic() + leaseMs;
    return new Set(standing.map((row) => row?.token ?? ''));
  }

  async settle(settlement: Settlement): Promise<ReceiptState | 'late'> {
    const { key, epoch, state, outcome, claim } = settlement;
    if (claim && !this.database.rows.has(key)) {
      await this.claim(claim.request);
      this.keep(key, { source: failoverSource, verdict: 'undetermined', epoch, note: writtenAnew });
    }
    const row = this.held(settlement);
    const isLateCommit = state === 'committed' && (row?.state === 'unknown' || row?.state === 'released');
    if (row && (isOpen(row) || isLateCommit)) {
      if (row.doubt && state === 'rejected') row.state = 'unknown';
      else this.write(row, state, outcome);
      row.contested &&= row.finality !== undefined;
      return row.state;
    }
    if (row?.state === state) return state;
    this.keep(key, { source: 'late-settle', verdict: state, epoch, outcome });
    return 'late';
  }

  async delegate(claim: HeldClaim): Promise<boolean> {
    const row = this.held(claim);
    if (!row || !isOpen(row) || (row.state === 'claimed' && this.isOver(row))) return false;
    row.state = 'delegated';
    return true;
  }

  async release(claim: HeldClaim): Promise<boolean> {
    const row = this.held(claim);
    if (!row || !isOpen(row)) return false;
    row.state = row.doubt ? 'unknown' : 'released';
    return true;
  }

  async markUnknown(claim: HeldClaim): Promise<boolean> {
    const row = this.held(claim);
    if (!row || !isOpen(row)) return false;
    if (row.state === 'delegated') row.leaseUntil = Math.max(row.leaseUntil, this.database.clock.monotonic());
    row.state = 'unknown';
    return true;
  }

  async resolve(resolution: Resolution): Promise<boolean> {
    const { key, epoch, verdict, source, by, note, outcome, seen } = resolution;
    const row = this.database.rows.get(key);
    if (!row || (seen && (row.state !== seen.state || this.evidenceOf(key).length !== seen.evidence)))
      return false;
    const isOperator = source === operatorSource;
    const isConfirmed =
      isOperator && isProvisional(row) && (row.state === 'committed') === (verdict === 'committed');
    const isOpenTo = (!row.contested || isOperator) && this.takes(row, verdict);
    this.keep(key, { source, verdict, epoch, note, by, outcome });
    if (row.epoch !== epoch || !(isOpenTo || isConfirmed)) return false;
    Object.assign(row, { doubt: false, contested: false });
    if (!isConfirmed) {
      if (verdict === 'not-committed') row.state = 'released';
      else if (verdict === 'committed') this.write(row, 'committed', outcome ?? noResult);
      else this.write(row, 'rejected', compensated);
    }
    if (isConfirmed || (isOperator && isProvisional(row))) row.finalAt = this.database.time;
    return true;
  }

  async addEvidence(evidence: NewEvidence): Promise<void> {
    const { key, source, verdict, epoch, note, by, outcome, contests = false } = evidence;
    const row = this.database.rows.get(key);
    this.keep(key, { source, verdict, epoch, note, by, outcome });
    if (!contests || row?.epoch !== epoch) return;
    const isOpen = this.isUnresolved(row) || this.isFree(row);
    if (!isOpen && !isProvisional(row)) return;
    row.contested = true;
    if (isOpen) row.state = 'unknown';
  }

  async finalize(key: string, epoch: number, evidence: number): Promise<boolean> {
    const row = this.database.rows.get(key);
    if (row?.epoch !== epoch || row.contested || !isProvisional(row)) return false;
    const isDue = row.settledWhen + (row.finality?.afterMs ?? 0) <= this.database.clock.monotonic();
    if (!isDue || this.evidenceOf(key).length !== evidence) return false;
    row.finalAt = this.database.time;
    return true;
  }

  async takeDue({ limit, holdMs }: { limit: number; holdMs: number }): Promise<readonly DueReceipt[]> {
    const { rows, queue, clock } = this.database;
    const now = clock.monotonic();
    for (const row of this.ownRows())
      if (this.isLookedAt(row) && !queue.has(row.key))
        queue.set(row.key, { lookAt: Math.max(row.leaseUntil, now), looks: 0 });
    const due: DueReceipt[] = [];
    for (const [key, look] of [...queue].sort(([, a], [, b]) => a.lookAt - b.lookAt)) {
      const row = rows.get(key);
      if (look.lookAt > now || row?.namespace !== this.namespace || due.length === limit) continue;
      if (row.state === 'claimed' && row.leaseUntil > now) look.lookAt = row.leaseUntil;
      else if (!this.isLookedAt(row)) queue.delete(key);
      else {
        look.lookAt = now + holdMs;
        due.push({ receipt: this.receiptOf(row), evidence: this.evidenceOf(key), looks: look.looks++ });
      }
    }
    return due;
  }

  async lookAgain(looks: readonly { readonly key: string; readonly inMs: number }[]): Promise<void> {
    for (const { key, inMs } of looks) {
      const look = this.database.queue.get(key);
      if (look) look.lookAt = this.database.clock.monotonic() + inMs;
    }
  }

  async supersede({ key, epoch, state, source, by, note }: Supersession): Promise<boolean> {
    const row = this.database.rows.get(key);
    if (row?.epoch !== epoch || row.state !== state || neverSuperseded.includes(state)) return false;
    if ((row.state === 'claimed' || row.state === 'unknown') && !this.isOver(row, row.graceMs)) return false;
    Object.assign(row, { state: 'superseded', contested: false });
    row.settledAt ??= this.database.time;
    this.keep(key, { source, verdict: 'superseded', epoch, note, by });
    return true;
  }

  async prune({ retainMs, limit = 10_000, resultsOverBytes }: PruneRequest): Promise<number> {
    const now = this.database.clock.monotonic();
    const isWhole = resultsOverBytes === undefined;
    const isLarge = ({ state, outcome }: Row): boolean =>
      state === 'committed' && (outcome?.bytes.length ?? 0) > (resultsOverBytes ?? 0);
    const due = this.ownRows()
      .filter((row) => (isWhole ? isPrunable(row) : isLarge(row)) && !row.contested && !isProvisional(row))
      .filter((row) => row.settledWhen + (row.retainMs ?? retainMs) <= now)
      .slice(0, limit);
    for (const row of due) {
      if (!isWhole) row.outcome = noResult;
      else {
        if (row.state !== 'superseded') row.state = 'pruned';
        Object.assign(row, { outcome: undefined, origin: {} });
      }
    }
    return due.length;
  }

  async get(key: string): Promise<{ receipt: Receipt; evidence: readonly Evidence[] } | undefined> {
    const row = this.database.rows.get(key);
    return row && { receipt: this.receiptOf(row), evidence: this.evidenceOf(key) };
  }

  async list({
    states: wanted,
    unresolved = false,
    contested = false,
    workflowId,
    claimedSince,
    claimedBefore,
    action,
    afterKey,
    omitOutcomes = false,
    limit = 100,
  }: ListFilter = {}): Promise<readonly Receipt[]> {
    const since = claimedSince === undefined ? -Infinity : Date.parse(claimedSince);
    const before = claimedBefore === undefined ? Infinity : Date.parse(claimedBefore);
    const byKey = (a: Row, b: Row): number => (a.key < b.key ? -1 : 1);
    const newestFirst = (a: Row, b: Row): number => b.firstClaim - a.firstClaim || byKey(a, b);
    return this.ownRows()
      .filter((row) => (wanted?.includes(row.state) ?? true) && (!unresolved || this.isUnresolved(row)))
      .filter((row) => !contested || row.contested)
      .filter(({ origin }) => workflowId === undefined || origin['workflowId'] === workflowId)
      .filter(({ claimedAt }) => Date.parse(claimedAt) >= since && Date.parse(claimedAt) < before)
      .filter((row) => (action === undefined || row.action === action) && row.key > (afterKey ?? ''))
      .sort(afterKey === undefined ? newestFirst : byKey)
      .slice(0, limit)
      .map((row) => this.receiptOf(omitOutcomes ? { ...row, outcome: undefined } : row));
  }

  async outstanding(limit: number): Promise<readonly Receipt[]> {
    const isLast = ({ state, contested }: Row): number => (state === 'delegated' && !contested ? 1 : 0);
    return this.ownRows()
      .sort((a, b) => isLast(a) - isLast(b) || a.firstClaim - b.firstClaim)
      .map((row) => this.receiptOf({ ...row, outcome: undefined }))
      .filter(isOutstanding)
      .slice(0, limit);
  }

  async countOutstanding(): Promise<OutstandingCounts> {
    const { unresolved, oldestUnresolvedMs, contested } = await this.stats();
    return { unresolved, oldestUnresolvedMs, contested };
  }

  async stats(): Promise<ReceiptStats> {
    const rows = this.ownRows();
    const counts = new Map<string, { source: string; verdict: Verdict; count: number }>();
    for (const { key, source, verdict } of this.database.evidence) {
      if (this.database.rows.get(key)?.namespace !== this.namespace) continue;
      const name = JSON.stringify([source, verdict]);
      counts.set(name, { source, verdict, count: (counts.get(name)?.count ?? 0) + 1 });
    }
    const count = (state: ReceiptState): number => rows.filter((row) => row.state === state).length;
    const unresolved = rows.map((row) => this.receiptOf(row)).filter(isUnresolved);
    return {
      states: Object.fromEntries(receiptStates.map((state) => [state, count(state)])) as Record<
        ReceiptState,
        number
      >,
      unresolved: unresolved.length,
      oldestUnresolvedMs: unresolved.map(({ ageMs }) => ageMs).sort((a, b) => b - a)[0],
      contested: rows.filter((row) => row.contested).length,
      evidence: [...counts.keys()].sort().flatMap((name) => counts.get(name) ?? []),
    };
  }

  async check(): Promise<void> {}

  async describe(): Promise<StoreDescription> {
    return { processOnly: true };
  }

  async close(): Promise<void> {}

  private held({ key, token }: HeldClaim): Row | undefined {
    const row = this.database.rows.get(key);
    return row?.token === token ? row : undefined;
  }

  private ownRows(): Row[] {
    return [...this.database.rows.values()].filter((row) => row.namespace === this.namespace);
  }

  private isOver(row: Row, graceMs = 0): boolean {
    return row.leaseUntil + graceMs <= this.database.clock.monotonic();
  }

  private isUnresolved(row: Row): boolean {
    return isUnresolved(this.receiptOf(row));
  }

  private isFree(row: Row): boolean {
    return isFree(this.receiptOf(row));
  }

  private isVetoed(key: string): boolean {
    return this.database.evidence.some((e) => e.key === key && e.verdict === 'committed');
  }

  private write(row: Row, state: 'committed' | 'rejected', outcome: Outcome): void {
    row.state = state;
    row.outcome = { format: outcome.format, bytes: outcome.bytes.slice() };
    row.settledAt = this.database.time;
    row.settledWhen = this.database.clock.monotonic();
  }

  private keep(key: string, said: Pick<Kept, 'source' | 'verdict' | 'epoch'> & Partial<Kept>): void {
    const { evidence, time, clock, rows } = this.database;
    const row = rows.get(key);
    const late = row !== undefined && isSettled(row) && !isProvisional(row);
    const nothing = { note: undefined, by: undefined, outcome: undefined };
    evidence.push({ ...nothing, ...said, key, late, at: time, ageMs: 0, since: clock.monotonic() });
  }

  private evidenceOf(key: string): Evidence[] {
    const now = this.database.clock.monotonic();
    return this.database.evidence
      .filter((e) => e.key === key)
      .map(({ key: _key, since, ...rest }) => ({ ...rest, ageMs: now - since }));
  }

  private isLookedAt(row: Row): boolean {
    const isOpen = this.isUnresolved(row) || row.state === 'delegated' || isProvisional(row);
    return isOpen && !row.contested;
  }

  /** Whether a row that is not contested is open to a verdict. */
  private takes(row: Row, verdict: Resolution['verdict']): boolean {
    const isDelegated = row.state === 'delegated';
    if (verdict !== 'not-committed') return this.isUnresolved(row) || this.isFree(row) || isDelegated;
    const isOver = this.isUnresolved(row) && this.isOver(row, row.graceMs);
    return (isOver || isDelegated) && !this.isVetoed(row.key);
  }

  private receiptOf({
    leaseUntil,
    firstClaim,
    retainMs: _retainMs,
    settledWhen: _when,
    ...row
  }: Row): Receipt {
    const now = this.database.clock.monotonic();
    return { ...row, leaseRemainingMs: leaseUntil - now, ageMs: now - firstClaim };
  }
}

const neverSuperseded: readonly ReceiptState[] = ['delegated', 'superseded', 'pruned'];

/** Its holder may still say what became of it. */
const isOpen = ({ state }: Row): boolean => state === 'claimed' || state === 'delegated';

/**
 * Keeps receipts in the memory of this process: they protect nothing beyond it, are gone when it ends, and are never
 * pruned. A warning says so.
 */
export function memoryReceipts(options: { readonly namespace?: string } = {}): ReceiptStore {
  process.emitWarning(
    'memoryReceipts() protects this one process only; use pgReceipts() or postgresReceipts() for more.',
    {
      code: 'ACTIVITY_GUARD_MEMORY',
    },
  );
  return new MemoryReceipts(new MemoryDatabase(systemClock), options.namespace);
}
