/** The receipts in Postgres, over any driver. */
import {
  compensated,
  currentEffect,
  InvalidRequestError,
  LeaseLostError,
  noResult,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
} from '../../core';
import type {
  BatchKind,
  ClaimRequest,
  DueReceipt,
  Evidence,
  HeldClaim,
  HeldEffect,
  ListFilter,
  NewEvidence,
  OutstandingCounts,
  PruneRequest,
  Receipt,
  ReceiptStats,
  ReceiptStore,
  Resolution,
  Settlement,
  Supersession,
  StoreDescription,
  TakeOverRequest,
} from '../../core';
import { systemClock } from '../../system-clock';
import { AuditLog } from './audit-log';
import type { Driver, Parameter, Row, Run, Statement } from './driver';
import type { Coalescer } from './coalescer';
import { explain, reporting } from './errors';
import { inspect, standing, type Inspection, type Standing } from './inspection';
import { JustSettled } from './just-settled';
import { grant, migrate, migrationStatus } from './migrate';
import { grantsFor, type Roles } from './privileges';
import { Pruning } from './pruning';
import { arrayOf, claimParameters, takeOverParameters, type WholeSettlement } from './parameters';
import { evidenceOf, outstandingOf, receiptOf, statsOf } from './rows';
import { statements, type Statements } from './statements';
import {
  claimsTogether,
  settledAlone,
  settlementsTogether,
  type Destination,
  type Settled,
} from './together';

/** Options of a Postgres store. */
export interface PostgresReceiptsOptions {
  /** The schema of the guard's tables; `activity_guard` unless given. */
  readonly schema?: string;
  /** Receipts of different namespaces never meet; `default` unless given. */
  readonly namespace?: string;
  /**
   * `false`: never prepare statements. Not needed behind a pooler that loses them (PgBouncer in transaction mode):
   * the store notices and goes on without. `true`: prepare them behind any pooler, which postgres.js otherwise
   * does not; for one that keeps them (session mode, PgBouncer 1.21 and later).
   */
  readonly prepare?: boolean;
}

const defaultLimit = 100;

/** Settings under which a claim can be lost, or not be made. */
const dangers = [
  ['in_recovery', true, 'is a read-only standby'],
  ['fsync', 'off', 'runs with fsync=off'],
  ['synchronous_commit', 'off', 'runs with synchronous_commit=off'],
] as const;

/**
 * Receipts in Postgres. Make one with `pgReceipts()` or `postgresReceipts()`.
 * @typeParam Tx what the driver gives to run statements in a transaction
 */
export class PostgresReceipts<Tx = unknown> implements ReceiptStore {
  readonly namespace: string;
  /** @internal */
  readonly schemaName: string;
  /** @internal */
  readonly audit: AuditLog;
  private readonly schema: string;
  private readonly sql: Statements;
  private hasSwept = false;

  private readonly claims: Coalescer<ClaimRequest, Receipt>;
  private readonly settlements: Coalescer<WholeSettlement, Settled>;
  private readonly justSettled: JustSettled;
  private readonly pruning: Pruning;

  /** @internal */
  constructor(
    private readonly driver: Driver<Tx>,
    { schema = 'activity_guard', namespace = 'default' }: PostgresReceiptsOptions = {},
  ) {
    for (const [option, value] of Object.entries({ schema, namespace })) {
      if (
        typeof value !== 'string' ||
        value === '' ||
        value.includes('\0') ||
        Buffer.byteLength(value) > 63
      ) {
        throw new InvalidRequestError(`${option} must be a text of 1 to 63 bytes`);
      }
    }
    this.namespace = namespace;
    this.schemaName = schema;
    this.schema = `"${schema.replaceAll('"', '""')}"`;
    this.sql = statements(this.schema);
    const there: Destination = {
      ...{ sql: this.sql, namespace },
      run: (statement, parameters) => this.run(statement, parameters),
    };
    this.audit = new AuditLog(there.run, this.sql);
    this.pruning = new Pruning(there.run, this.sql, namespace);
    this.claims = claimsTogether(there);
    this.justSettled = new JustSettled(namespace);
    this.settlements = settlementsTogether(there, this.justSettled);
  }

  /**
   * Creates or upgrades the tables and returns their version; safe to repeat and to race. Needs a role that may create them.
   * @param onApplied told after each migration
   */
  async migrate(onApplied?: () => void): Promise<number> {
    return reporting(migrate(this.driver, this.sql, this.schema, onApplied));
  }

  /** @internal What {@link grant} runs. */
  grantsFor(roles: Roles): string[] {
    return grantsFor(this.schema, roles);
  }

  /**
   * Gives roles of the database what they need of the tables, and nothing else; safe to repeat, and to be repeated after each
   * migration. Needs the owner of the tables.
   * @throws InvalidRequestError where a role does not exist or a name cannot be one; nothing was granted
   */
  async grant(roles: Roles): Promise<void> {
    await this.checkInstalled();
    await reporting(grant(this.driver, this.schema, this.grantsFor(roles)));
  }

  async check(): Promise<void> {
    await reporting(this.checkInstalled());
    await reporting(this.checkSettings());
  }

  /** @internal Also where the tables are missing, or the role may not use them. */
  inspect(): Promise<Inspection> {
    return inspect(this.driver, this.sql, this.schemaName);
  }

  /** @internal */
  standing(delegatedMs: number): Promise<Standing> {
    return standing(this.driver, this.sql, { namespace: this.namespace, delegatedMs });
  }

  /** @internal One half of `check()`. */
  async checkInstalled(): Promise<void> {
    const { applied, latest } = await migrationStatus(this.driver, this.sql, this.schema);
    if (applied < latest) {
      throw new ReceiptStoreUnavailableError(
        `The receipts tables in schema ${this.schema} are ${applied === 0 ? 'missing' : `at migration ${applied} of ${latest}`}: ` +
          'run `activity-guard migrate` (or `await receipts.migrate()`) once.',
      );
    }
  }

  /** @internal The other half. */
  async checkSettings(): Promise<void> {
    const [settings] = await this.run(this.sql.settings, [`${this.schema}.migrations`]);
    const unsafe = dangers.find(([name, bad]) => settings?.[name] === bad)?.[2];
    if (unsafe) {
      throw new ReceiptStoreUnavailableError(
        `The database ${unsafe}: a crash could lose a claim and run its effect twice. Use a primary with both settings on.`,
      );
    }
    await this.run(this.sql.noteTimeline, []);
  }

  onBatch(onBatch: (kind: BatchKind, size: number) => void): void {
    this.claims.onSent = (size) => onBatch('claims', size);
    this.settlements.onSent = (size) => onBatch('settlements', size);
  }

  async describe(): Promise<StoreDescription> {
    const before = systemClock.wall();
    const [row] = await reporting(this.run(this.sql.description, []));
    const after = systemClock.wall();
    const there = Number(row?.['now_ms']);
    // Read somewhere between the two: only what lies outside of them is certainly skew.
    const clockSkewMs = there > after ? there - after : Math.min(0, there - before);
    return {
      clockSkewMs,
      poolSize: this.driver.poolSize,
      noticesFailovers: row?.['tells_history'] as boolean | undefined,
      replicatesLate: row?.['replicates_late'] as boolean | undefined,
    };
  }

  claim(request: ClaimRequest): Promise<Receipt> {
    const known = this.justSettled.find(request.key);
    if (known) return Promise.resolve(known);
    return request.mayBeOlderMs === undefined ? this.claims.ask(request) : this.claimAgain(request);
  }

  private async claimAgain(request: ClaimRequest): Promise<Receipt> {
    const parameters = [...claimParameters(this.namespace, request), request.mayBeOlderMs ?? null];
    const [row] = await this.run(this.sql.claimAgain, parameters);
    return row ? receiptOf(row) : this.claims.ask(request);
  }

  async takeOver(request: TakeOverRequest): Promise<Receipt | undefined> {
    const [row] = await this.run(this.sql.takeOver, takeOverParameters(request));
    return row && receiptOf(row);
  }

  async renew(claims: readonly HeldClaim[], leaseMs: number): Promise<ReadonlySet<string>> {
    const rows = await this.run(this.sql.renew, [
      arrayOf(claims.map((c) => c.key)),
      arrayOf(claims.map((c) => c.token)),
      leaseMs,
    ]);
    return new Set(rows.map((row) => row['token'] as string));
  }

  settle(settlement: Settlement): Promise<Settled> {
    return isWhole(settlement) ? this.settlements.ask(settlement) : this.settleAlone(settlement);
  }

  private async settleAlone({ key, token, epoch, state, outcome }: Settlement): Promise<Settled> {
    const parameters = [key, token, state, outcome.format, outcome.bytes, epoch, this.namespace];
    return settledAlone(await this.run(this.sql.settle, parameters));
  }

  /**
   * Runs `work` in a transaction and commits it together with the receipt of the running effect, whose result is what
   * `work` returns. For a guarded activity (or step) with `transactional: true`; it may be called once. When it throws,
   * nothing was committed and a retry is safe: also after a connection lost during the commit, which is looked up.
   * The transaction is `read committed`: the claim's row is renewed meanwhile, which an older snapshot would not survive.
   * @param work uses `tx` for all its statements, awaits them, and neither commits nor rolls back
   * @throws GuardNotInstalledError outside a guarded effect
   * @throws InvalidRequestError where the effect is not transactional, or this is its second transaction
   * @throws LeaseLostError when the claim was lost; everything is rolled back
   */
  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const effect = currentEffect();
    const { token } = effect;
    return effect.commit(async (settlementOf) =>
      this.driver.transaction({
        first: (run) => run(this.sql.beginEffect, [token]),
        work,
        last: async (run, value) => {
          const { key, outcome } = await settlementOf(value);
          const settled = await run(this.sql.settleWithin, [key, token, outcome.format, outcome.bytes]);
          if (settled.length !== 1) throw await this.unsettled(run, effect);
        },
      }),
    );
  }

  /** Why a transaction could not write its receipt. */
  private async unsettled(run: Run, { requestId, token }: HeldEffect): Promise<Error> {
    const [mark] = await run(this.sql.runningEffect, []);
    if (mark?.['token'] !== token) {
      return new OutcomeUnknownError(
        `The work of request id ${requestId} has ended its transaction by itself, so nobody knows what of it was kept. Leave commit and rollback to receipts.transaction().`,
        { requestId },
      );
    }
    return new LeaseLostError(
      `The claim on request id ${requestId} was lost (or is kept in another database), so its transaction was rolled back. Retry: the claim is looked at again.`,
      { requestId },
    );
  }

  async delegate({ key, token }: HeldClaim): Promise<boolean> {
    return (await this.run(this.sql.delegate, [key, token])).length === 1;
  }

  async release({ key, token }: HeldClaim): Promise<boolean> {
    return (await this.run(this.sql.release, [key, token])).length === 1;
  }

  async markUnknown({ key, token }: HeldClaim): Promise<boolean> {
    return (await this.run(this.sql.markUnknown, [key, token])).length === 1;
  }

  async resolve(resolution: Resolution): Promise<boolean> {
    const { key, epoch, verdict, source, by, note, outcome, seen } = resolution;
    const stored =
      verdict === 'committed' ? (outcome ?? noResult) : verdict === 'compensated' ? compensated : undefined;
    const rows = await this.run(this.sql.resolve, [
      key,
      epoch,
      verdict,
      source,
      note ?? null,
      stored?.format ?? null,
      stored?.bytes ?? null,
      seen?.state ?? null,
      seen?.evidence ?? null,
      by ?? null,
      outcome?.format ?? null,
      outcome?.bytes ?? null,
    ]);
    return rows.length === 1;
  }

  async addEvidence(evidence: NewEvidence): Promise<void> {
    const { key, epoch, source, verdict, by, note, outcome, contests = false } = evidence;
    await this.run(this.sql.addEvidence, [
      key,
      epoch,
      source,
      verdict,
      note ?? null,
      outcome?.format ?? null,
      outcome?.bytes ?? null,
      contests,
      epoch,
      by ?? null,
      this.namespace,
    ]);
  }

  async finalize(key: string, epoch: number, evidence: number): Promise<boolean> {
    return (await this.run(this.sql.finalize, [key, epoch, evidence])).length === 1;
  }

  async takeDue({ limit, holdMs }: { limit: number; holdMs: number }): Promise<readonly DueReceipt[]> {
    if (!this.hasSwept) await this.run(this.sql.firstSweep, [this.namespace]);
    this.hasSwept = true;
    await this.run(this.sql.sweep, [this.namespace]);
    const rows = await this.run(this.sql.takeDue, [this.namespace, limit, holdMs]);
    if (rows.length === 0) return [];
    const receipts = rows.map(receiptOf);
    const evidence = await this.evidenceOf(receipts.map(({ key }) => key));
    return receipts.map((receipt, i) => ({
      ...{ receipt, evidence: evidence.get(receipt.key) ?? [] },
      looks: Number(rows[i]?.['looks']),
    }));
  }

  async lookAgain(looks: readonly { readonly key: string; readonly inMs: number }[]): Promise<void> {
    await this.run(this.sql.lookAgain, [
      arrayOf(looks.map(({ key }) => key)),
      arrayOf(looks.map(({ inMs }) => String(inMs))),
    ]);
  }

  async supersede({ key, epoch, state, source, by, note }: Supersession): Promise<boolean> {
    const parameters = [key, epoch, source, note ?? null, state, by ?? null];
    const superseded = await this.run(this.sql.supersede, parameters);
    this.justSettled.forget(key);
    return superseded.length === 1;
  }

  prune(request: PruneRequest): Promise<number> {
    return this.pruning.prune(request).finally(() => this.justSettled.forgetAll());
  }

  async get(key: string): Promise<{ receipt: Receipt; evidence: readonly Evidence[] } | undefined> {
    const [row] = await this.run(this.sql.get, [key]);
    if (!row) return undefined;
    return { receipt: receiptOf(row), evidence: (await this.evidenceOf([key])).get(key) ?? [] };
  }

  private async evidenceOf(keys: readonly string[]): Promise<ReadonlyMap<string, readonly Evidence[]>> {
    const byKey = new Map<string, Evidence[]>(keys.map((key) => [key, []]));
    for (const row of await this.run(this.sql.evidenceOf, [arrayOf(keys)]))
      byKey.get(row['key'] as string)?.push(evidenceOf(row));
    return byKey;
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
    limit = defaultLimit,
  }: ListFilter = {}): Promise<readonly Receipt[]> {
    const parameters = [
      this.namespace,
      wanted ? arrayOf(wanted) : null,
      unresolved,
      limit,
      workflowId ?? null,
      claimedSince ?? null,
      claimedBefore ?? null,
      action ?? null,
      contested,
      omitOutcomes,
    ];
    const rows =
      afterKey === undefined
        ? await this.run(this.sql.list, parameters)
        : await this.run(this.sql.listAfter, [...parameters, afterKey]);
    return rows.map(receiptOf);
  }

  async outstanding(limit: number): Promise<readonly Receipt[]> {
    return (await this.run(this.sql.outstanding, [this.namespace, limit])).map(receiptOf);
  }

  async countOutstanding(): Promise<OutstandingCounts> {
    return outstandingOf(await this.run(this.sql.countOutstanding, [this.namespace]));
  }

  async stats(): Promise<ReceiptStats> {
    const counted = await this.run(this.sql.countStates, [this.namespace]);
    const evidence = await this.run(this.sql.countEvidence, [this.namespace]);
    return statsOf(counted, evidence);
  }

  async close(): Promise<void> {
    await this.driver.close();
  }

  private async run(statement: Statement, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    try {
      return await this.driver.run(statement, parameters);
    } catch (error) {
      throw explain(error);
    }
  }
}

const isWhole = (settlement: Settlement): settlement is WholeSettlement => settlement.claim !== undefined;
