/** Receipts in memory, for tests and for tools that live in one process: every step as guarded as the database's. */
import type {
  ClaimRequest,
  Clock,
  Evidence,
  HeldClaim,
  ListFilter,
  NewEvidence,
  Outcome,
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
import { isFree, isUnresolved, noResult, receiptStates } from '../core';
import { systemClock } from '../system-clock';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Row = Writable<Omit<Receipt, 'leaseRemainingMs' | 'ageMs'>> & {
  leaseUntil: number;
  firstClaim: number;
  retainMs: number | undefined;
  settledWhen: number;
};

/** A superseded row stays one, without its outcome: it leads to the generation after it. */
const isPrunable = ({ state, outcome }: Row): boolean =>
  state === 'committed' || state === 'rejected' || (state === 'superseded' && outcome !== undefined);

/** @internal What several stores share, as processes share a database. */
export class MemoryDatabase {
  readonly rows = new Map<string, Row>();
  readonly evidence: (Evidence & { readonly key: string })[] = [];

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
    const { transactional, graceMs, retainMs } = request;
    const { rows, clock, time } = this.database;
    const found = rows.get(key);
    if (found) return this.receiptOf(found);
    const row: Row = {
      ...{ key, namespace: this.namespace, requestId, action, fingerprint, policy, token },
      // What was said before there was a row, or of one that is lost: it happened.
      state: this.isVetoed(key) ? 'unknown' : 'claimed',
      ...{ epoch: 1, doubt: false, claimedAt: time, settledAt: undefined, outcome: undefined, origin },
      ...{ firstClaim: clock.monotonic(), leaseUntil: clock.monotonic() + leaseMs, settledWhen: Infinity },
      ...{ transactional, graceMs, retainMs },
    };
    rows.set(key, row);
    return this.receiptOf(row);
  }

  async takeOver(request: TakeOverRequest): Promise<Receipt | undefined> {
    const { key, token, policy, origin, leaseMs, epoch, fromUnknown } = request;
    const { transactional, graceMs, retainMs } = request;
    const row = this.database.rows.get(key);
    if (row?.epoch !== epoch) return undefined;
    const doubt = !this.isFree(row);
    if (doubt && !(fromUnknown && this.isUnresolved(row))) return undefined;
    if (this.isVetoed(key)) return undefined;
    const leaseUntil = this.database.clock.monotonic() + leaseMs;
    Object.assign(row, { state: 'claimed', epoch: epoch + 1, doubt, token, policy, origin, leaseUntil });
    Object.assign(row, { transactional, graceMs, retainMs });
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
    const { key, epoch, state, outcome } = settlement;
    const row = this.held(settlement);
    const isLateCommit = state === 'committed' && (row?.state === 'unknown' || row?.state === 'released');
    if (row && (isOpen(row) || isLateCommit)) {
      if (row.doubt && state === 'rejected') row.state = 'unknown';
      else this.write(row, state, outcome);
      return row.state;
    }
    if (row?.state === state) return state;
    this.keep(key, { source: 'late-settle', verdict: state, epoch });
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

  async resolve({ key, epoch, verdict, source, note, outcome }: Resolution): Promise<boolean> {
    const row = this.database.rows.get(key);
    if (!row) return false;
    const isDelegated = row.state === 'delegated';
    const isOpenTo =
      row.epoch === epoch &&
      (verdict === 'committed'
        ? this.isUnresolved(row) || this.isFree(row) || isDelegated
        : (isDelegated || (this.isUnresolved(row) && this.isOver(row, row.graceMs))) && !this.isVetoed(key));
    this.keep(key, { source, verdict, epoch, note });
    if (!isOpenTo) return false;
    row.doubt = false;
    if (verdict === 'committed') this.write(row, verdict, outcome ?? noResult);
    else row.state = 'released';
    return true;
  }

  async addEvidence({ key, source, verdict, epoch, note }: NewEvidence): Promise<void> {
    this.keep(key, { source, verdict, epoch, note });
  }

  async supersede({ key, epoch, state, source, note }: Supersession): Promise<boolean> {
    const row = this.database.rows.get(key);
    if (row?.epoch !== epoch || row.state !== state || neverSuperseded.includes(state)) return false;
    if ((row.state === 'claimed' || row.state === 'unknown') && !this.isOver(row, row.graceMs)) return false;
    row.state = 'superseded';
    row.settledAt ??= this.database.time;
    this.keep(key, { source, verdict: 'superseded', epoch, note });
    return true;
  }

  async prune({ retainMs, limit = 10_000 }: PruneRequest): Promise<number> {
    const now = this.database.clock.monotonic();
    const due = this.ownRows()
      .filter((row) => isPrunable(row) && row.settledWhen + (row.retainMs ?? retainMs) <= now)
      .slice(0, limit);
    for (const row of due) {
      if (row.state !== 'superseded') row.state = 'pruned';
      Object.assign(row, { outcome: undefined, origin: {} });
    }
    return due.length;
  }

  async get(key: string): Promise<{ receipt: Receipt; evidence: readonly Evidence[] } | undefined> {
    const row = this.database.rows.get(key);
    const evidence = this.database.evidence
      .filter((e) => e.key === key)
      .map(({ key: _key, ...rest }) => rest);
    return row && { receipt: this.receiptOf(row), evidence };
  }

  async list({
    states: wanted,
    unresolved = false,
    workflowId,
    claimedSince,
    claimedBefore,
    action,
    afterKey,
    limit = 100,
  }: ListFilter = {}): Promise<readonly Receipt[]> {
    const since = claimedSince === undefined ? -Infinity : Date.parse(claimedSince);
    const before = claimedBefore === undefined ? Infinity : Date.parse(claimedBefore);
    const byKey = (a: Row, b: Row): number => (a.key < b.key ? -1 : 1);
    const newestFirst = (a: Row, b: Row): number => b.firstClaim - a.firstClaim || byKey(a, b);
    return this.ownRows()
      .filter((row) => (wanted?.includes(row.state) ?? true) && (!unresolved || this.isUnresolved(row)))
      .filter(({ origin }) => workflowId === undefined || origin['workflowId'] === workflowId)
      .filter(({ claimedAt }) => Date.parse(claimedAt) >= since && Date.parse(claimedAt) < before)
      .filter((row) => (action === undefined || row.action === action) && row.key > (afterKey ?? ''))
      .sort(afterKey === undefined ? newestFirst : byKey)
      .slice(0, limit)
      .map((row) => this.receiptOf(row));
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
    return {
      states: Object.fromEntries(receiptStates.map((state) => [state, count(state)])) as Record<
        ReceiptState,
        number
      >,
      unresolved: rows.filter((row) => this.isUnresolved(row)).length,
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

  private keep(
    key: string,
    { note, ...said }: Omit<Evidence, 'at' | 'note'> & { note?: string | undefined },
  ): void {
    this.database.evidence.push({ key, note, at: this.database.time, ...said });
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
