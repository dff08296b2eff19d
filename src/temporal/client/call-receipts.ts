/** Which receipts belong to the calls in the histories of a workflow. */
import type { Receipt, ReceiptStore } from '../../core';
import {
  composeId,
  fallbackRequestId,
  generationId,
  hashedRequestId,
  hashRequestId,
  mostGenerations,
  receiptKey,
  withoutGeneration,
  type IdentifiedRequest,
} from '../../ids';
import type { KnownReceipt } from './fate';
import type { RecordedCall, RunHistory } from './run-history';

/** One step of an activity, or another effect of it under an id of its own. */
export interface MatchedStep {
  readonly name: string;
  readonly receipt: KnownReceipt;
  /** Tied to the call by the name of its activity only. */
  readonly isByName: boolean;
}

/** A call and what is known of its intent. */
export interface MatchedCall {
  readonly run: RunHistory;
  readonly call: RecordedCall;
  receipt: KnownReceipt | undefined;
  /** The receipt was tied to the call by the name of its activity only. */
  isByName: boolean;
  readonly steps: MatchedStep[];
}

/** What the workflow's runs have claimed. */
export interface MatchedReceipts {
  readonly calls: readonly MatchedCall[];
  /** Claimed by one of the runs, but by no call that their histories show. */
  readonly loose: readonly KnownReceipt[];
  /** There were more receipts than were read. */
  readonly isCut: boolean;
}

/** Receipts of one workflow at most; those of activities are found beyond that, too. */
const mostListed = 5000;

const atOnce = 8;

/** How much the clocks of Temporal and of the database may differ. */
const clockSlackMs = 3_600_000;

/** An id that names its run: no run after a reset has it again. */
export const namesItsRun = ({ requestId }: Pick<KnownReceipt, 'requestId'>): boolean =>
  requestId.startsWith(`${composeId(['no-header'])}/`) ||
  (partsOf(requestId)?.[0]?.startsWith(`${composeId(['no-header'])}/`) ?? false);

/** The parts of a composed id, or `undefined` where it is none. */
function partsOf(id: string): string[] | undefined {
  const parts: string[] = [];
  for (let rest = id; ; rest = rest.slice(1)) {
    const length = /^(\d{1,4}):/.exec(rest);
    if (!length) return undefined;
    const end = length[0].length + Number(length[1]);
    if (rest.length < end) return undefined;
    parts.push(rest.slice(length[0].length, end));
    rest = rest.slice(end);
    if (rest === '') return parts;
    if (!rest.startsWith('/')) return undefined;
  }
}

/** The scope in a derived id, or in that of a step. */
export function scopePartOf({ requestId }: Pick<KnownReceipt, 'requestId'>): string | undefined {
  const parts = partsOf(withoutGeneration(requestId));
  return parts?.length === 2 ? partsOf(parts[0] ?? '')?.[0] : parts?.[0];
}

/** A step's id names its activity's id and the step. */
function stepOf({ requestId }: KnownReceipt): { readonly of: string; readonly name: string } | undefined {
  const [of, name, more] = partsOf(withoutGeneration(requestId)) ?? [];
  return of !== undefined && name !== undefined && more === undefined && of !== 'no-header'
    ? { of, name }
    : undefined;
}

const known = ({
  outcome: _outcome,
  token: _token,
  fingerprint: _print,
  ...receipt
}: Receipt): KnownReceipt => receipt;

async function eachBounded<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Finds the receipts of runs of one workflow id. */
class Matcher {
  private readonly byKey = new Map<string, KnownReceipt | undefined>();
  private readonly byOrigin = new Map<string, KnownReceipt[]>();
  private readonly stepsOf = new Map<string, KnownReceipt[]>();
  private readonly taken = new Set<string>();

  constructor(
    private readonly receipts: ReceiptStore,
    private readonly temporalNamespace: string,
    private readonly runs: readonly RunHistory[],
    private readonly listed: readonly KnownReceipt[],
  ) {
    for (const receipt of listed) {
      this.byKey.set(receipt.key, receipt);
      const { runId = '', activityId = '' } = receipt.origin;
      append(this.byOrigin, `${runId}/${activityId}`, receipt);
      const step = stepOf(receipt);
      if (step) append(this.stepsOf, step.of, receipt);
    }
  }

  async match(): Promise<Omit<MatchedReceipts, 'isCut'>> {
    const all = this.runs.flatMap((run) => run.calls.map((call) => ({ run, call })));
    const calls: MatchedCall[] = [];
    await eachBounded([...all.entries()], async ([i, { run, call }]) => {
      calls[i] = await this.matchOne(run, call);
    });
    for (const run of this.runs)
      this.matchByName(
        run,
        calls.filter((match) => match.run === run),
      );
    const runIds = new Set(this.runs.flatMap((run) => [run.runId, ...run.bases.map((base) => base.runId)]));
    const scopes = new Set(this.runs.map(({ scope }) => scope));
    const loose = this.listed.filter(
      (r) => !this.taken.has(r.key) && (runIds.has(r.origin['runId'] ?? '') || scopes.has(scopePartOf(r))),
    );
    return { calls, loose };
  }

  private async matchOne(run: RunHistory, call: RecordedCall): Promise<MatchedCall> {
    const ids = this.idsOf(run, call);
    let receipt: KnownReceipt | undefined;
    for (const id of ids) receipt ??= await this.find(id);
    const claimed = run
      .runsOf(call.eventId)
      .flatMap((runId) => this.byOrigin.get(`${runId}/${call.activityId}`) ?? []);
    const isStep = (r: KnownReceipt): boolean => r.origin['step'] !== undefined;
    // An activity can have an id of its own, which stands in no header.
    receipt ??= claimed.find((r) => !isStep(r));
    const steps = new Set([
      ...ids.flatMap(({ requestId }) => this.stepsOf.get(requestId) ?? []),
      ...claimed.filter(isStep),
    ]);
    for (const r of [...steps, ...(receipt ? [receipt] : [])]) this.take(r);
    return { run, call, receipt, isByName: false, steps: this.named([...steps]) };
  }

  /**
   * What the histories do not tie to a call, after a reset: receipts that name the run before it, under ids that stand
   * in no header (local activities, ids of their own). Tied by name where there are as many of them as calls; otherwise
   * which is whose would be a guess.
   */
  private matchByName(run: RunHistory, calls: readonly MatchedCall[]): void {
    const bases = new Set(run.bases.map(({ runId }) => runId));
    for (const name of new Set(calls.map(({ call }) => `${call.kind}/${call.activityType}`))) {
      const alike = calls.filter(
        ({ call, receipt }) => !receipt && `${call.kind}/${call.activityType}` === name,
      );
      const [{ call } = { call: undefined }] = alike;
      if (!call) continue;
      const isLocal = call.kind === 'local-activity';
      const mayBe = (receipt: KnownReceipt): boolean => {
        if (this.taken.has(receipt.key)) return false;
        const [scope, action, , slot] = partsOf(receipt.requestId) ?? [];
        // A derived id of another kind of call stands in a header.
        if (slot !== undefined) return isLocal && scope === run.scope && action === call.activityType;
        return bases.has(receipt.origin['runId'] ?? '');
      };
      const loose = this.listed.filter(mayBe).sort(byClaim);
      const whole = alike.filter(({ steps }) => steps.length === 0);
      const own = loose.filter((r) => r.action === call.activityType);
      if (own.length === whole.length) whole.forEach((match, i) => this.tie(match, own[i], undefined));
      const prefix = `${call.activityType}/`;
      for (const action of new Set(loose.map((r) => r.action).filter((a) => a.startsWith(prefix)))) {
        const step = action.slice(prefix.length);
        const without = alike.filter(({ steps, receipt }) => !receipt && !steps.some((s) => s.name === step));
        const theirs = loose.filter((r) => r.action === action);
        if (theirs.length === without.length) without.forEach((match, i) => this.tie(match, theirs[i], step));
      }
    }
  }

  private tie(match: MatchedCall, receipt: KnownReceipt | undefined, step: string | undefined): void {
    if (!receipt) return;
    this.take(receipt);
    if (step !== undefined) match.steps.push({ name: step, receipt, isByName: true });
    else Object.assign(match, { receipt, isByName: true });
  }

  private idsOf(run: RunHistory, { eventId, activityId, header }: RecordedCall): IdentifiedRequest[] {
    if (header?.idHash !== undefined)
      return [{ requestId: hashedRequestId(header.idHash), requestIdHash: header.idHash }];
    if (header?.id !== undefined) return [identified(header.id)];
    if (header) return [];
    return run
      .runsOf(eventId)
      .map((runId) =>
        identified(fallbackRequestId([this.temporalNamespace, run.workflowId, runId, activityId])),
      );
  }

  /** The receipt of an id, or of the generation that a call of it comes to. */
  private async find(id: IdentifiedRequest): Promise<KnownReceipt | undefined> {
    let found = await this.get(id);
    for (let g = 2; found?.state === 'superseded' && g <= mostGenerations; g++) {
      const next = await this.get(generationId(id, g));
      if (!next) break;
      this.take(found);
      found = next;
    }
    return found;
  }

  private async get({ requestIdHash }: IdentifiedRequest): Promise<KnownReceipt | undefined> {
    const key = receiptKey(this.receipts.namespace, requestIdHash);
    if (this.byKey.has(key)) return this.byKey.get(key);
    const found = await this.receipts.get(key);
    this.byKey.set(key, found && known(found.receipt));
    return this.byKey.get(key);
  }

  private take(receipt: KnownReceipt): void {
    this.taken.add(receipt.key);
    const intent = withoutGeneration(receipt.requestId);
    // All generations of an intent are of the same call.
    for (const { key, requestId } of this.byOrigin.get(originOf(receipt)) ?? [])
      if (withoutGeneration(requestId) === intent) this.taken.add(key);
  }

  private named(steps: readonly KnownReceipt[]): MatchedStep[] {
    const last = new Map<string, MatchedStep>();
    const byGeneration = [...steps].sort(byClaim);
    for (const receipt of byGeneration) {
      last.set(withoutGeneration(receipt.requestId), {
        name: receipt.origin['step'] ?? '',
        receipt,
        isByName: false,
      });
    }
    return [...last.values()];
  }
}

const byClaim = (a: KnownReceipt, b: KnownReceipt): number => (a.claimedAt < b.claimedAt ? -1 : 1);

const identified = (requestId: string): IdentifiedRequest => ({
  requestId,
  requestIdHash: hashRequestId(requestId),
});

const originOf = ({ origin }: KnownReceipt): string =>
  `${origin['runId'] ?? ''}/${origin['activityId'] ?? ''}`;

function append<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}

/**
 * The receipts of `runs`, all of one workflow id.
 * @param temporalNamespace a receipt that names another one is not of this workflow
 */
export async function matchReceipts(
  receipts: ReceiptStore,
  temporalNamespace: string,
  runs: readonly RunHistory[],
): Promise<MatchedReceipts> {
  const begun = Math.min(...runs.map((run) => Date.parse(run.startedAt)));
  const listed = await receipts.list({
    workflowId: runs[0]?.workflowId ?? '',
    ...{ omitOutcomes: true, limit: mostListed },
    ...(Number.isFinite(begun) ? { claimedSince: new Date(begun - clockSlackMs).toISOString() } : {}),
  });
  const own = listed.filter(
    ({ origin }) => (origin['temporalNamespace'] ?? temporalNamespace) === temporalNamespace,
  );
  const matcher = new Matcher(receipts, temporalNamespace, runs, own.map(known));
  return { ...(await matcher.match()), isCut: listed.length === mostListed };
}
