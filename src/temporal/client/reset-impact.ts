/** What a reset of a workflow would do to its guarded effects; asked before the reset. */
import type { Client } from '@temporalio/client';

import { InvalidRequestError, type PolicyName, type ReceiptState, type ReceiptStore } from '../../core';
import { matchReceipts, namesItsRun, scopePartOf, type MatchedCall } from './call-receipts';
import {
  fateOf,
  losesItsId,
  stateOf,
  wasARetry,
  type Fate,
  type KnownReceipt,
  type Prediction,
} from './fate';
import { Family, type FamilyMember } from './family';
import { isGone } from './gone';
import { checkResetPoint, resettable } from './reset-point';
import { mostEvents, readRun, type RunHistory } from './run-history';

/** Which run, and to where. */
export interface ResetTarget {
  readonly workflowId: string;
  /** The current run unless given. Each run of a chain is reset by itself. */
  readonly runId?: string | undefined;
  /** The event to reset to, `workflowTaskFinishEventId` of the server's API; without it nothing is predicted. */
  readonly resetTo?: number | undefined;
}

/** One effect of the workflow, of a child of it, or of a run that continues it. */
export interface ImpactedEffect {
  readonly workflowId: string;
  readonly runId: string;
  /** The event that scheduled the call, or the marker of a local activity; none where no history shows the call. */
  readonly eventId?: number;
  readonly kind: 'activity' | 'local-activity' | 'step' | 'unmatched';
  readonly activityType?: string;
  readonly activityId?: string;
  /** The step's name. */
  readonly step?: string;
  readonly requestId?: string;
  readonly action?: string;
  /** The receipt's state, a lapsed claim as `'unknown'` (or `'released'`); absent where there is no receipt. */
  readonly state?: ReceiptState;
  readonly policy?: PolicyName;
  /** Absent where nothing is predicted. */
  readonly fate?: Fate;
  /** Why, in words; absent where nothing is predicted. */
  readonly reason?: string;
}

/** What is known before a reset. Plain data: no payloads, and nothing that cannot be JSON. */
export interface ResetImpact {
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  readonly resetTo?: number;
  /** The events that the run can certainly be reset to. */
  readonly resettable: readonly number[];
  readonly effects: readonly ImpactedEffect[];
  /** How many effects have each fate; all 0 without `resetTo`. */
  readonly totals: Readonly<Record<Fate, number>>;
  /** What the server does besides. */
  readonly notes: readonly string[];
  /** What nobody can know beforehand, or was not looked at. */
  readonly notPredicted: readonly string[];
  /** `false` where a limit cut something off, or a history is gone; `notPredicted` says what. */
  readonly complete: boolean;
}

/**
 * Says which guarded effects belong to a workflow and, with `resetTo`, what a reset to that event would do to each:
 * kept in history, answered by its receipt, or run again. Reads histories and receipts and changes nothing, so calling
 * again is safe. What it says holds for the moment and for unchanged code and arguments; `notPredicted` says so, too.
 * @param client of the workflow's namespace
 * @param receipts those of the workers
 * @throws InvalidRequestError where there is no such workflow or run, or it cannot be reset to that event (the message
 *   names events to which it can)
 * @throws what the client or the receipts throw when Temporal or the database cannot be reached
 */
export async function resetImpact(
  client: Client,
  receipts: ReceiptStore,
  target: ResetTarget,
): Promise<ResetImpact> {
  const { workflowId, resetTo } = target;
  const { runId, current } = await findRun(client, target);
  const run = await readRun(client, { workflowId, runId }, mostEvents);
  const isCertain = resetTo === undefined || checkResetPoint(run, resetTo);
  const family = new Family(client, run, resetTo, mostEvents);
  await family.read();
  const effects = await effectsOf(client, receipts, family);
  const notes = [
    ...(isCertain ? [] : [`The server takes event ${resetTo} only if it begins a batch of events.`]),
    ...(resetTo === undefined ? [] : notesOn(run, resetTo, current)),
    ...family.notes,
  ];
  const missing = [...family.missing, ...effects.cut];
  const limits = resetTo === undefined ? [] : generalLimits(effects.rows);
  return {
    ...{ workflowId, runId, workflowType: run.workflowType, ...(resetTo === undefined ? {} : { resetTo }) },
    ...{ resettable: resettable(run), effects: effects.rows, totals: totalsOf(effects.rows) },
    ...{ notes, notPredicted: [...missing, ...family.notPredicted, ...limits] },
    complete: missing.length === 0,
  };
}

interface FoundRun {
  readonly runId: string;
  /** The workflow's current run, and whether it is open. */
  readonly current: { readonly runId: string; readonly isOpen: boolean };
}

async function findRun(client: Client, { workflowId, runId }: ResetTarget): Promise<FoundRun> {
  const describe = async (id?: string) => client.workflow.getHandle(workflowId, id).describe();
  try {
    const now = await describe();
    const current = { runId: now.runId, isOpen: now.status.name === 'RUNNING' };
    return { runId: runId === undefined ? now.runId : (await describe(runId)).runId, current };
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new InvalidRequestError(
      `There is no workflow ${workflowId}${runId === undefined ? '' : ` with a run ${runId}`} in Temporal's namespace ${client.options.namespace}, or its history is no longer kept.`,
      { cause: error },
    );
  }
}

async function effectsOf(
  client: Client,
  receipts: ReceiptStore,
  family: Family,
): Promise<{ rows: ImpactedEffect[]; cut: string[] }> {
  const rows: ImpactedEffect[] = [];
  const cut: string[] = [];
  const retries = new Retries();
  for (const members of family.byWorkflow()) {
    const runs = members.map(({ run }) => run);
    const matched = await matchReceipts(receipts, client.options.namespace, runs);
    const memberOf = new Map(members.map((member) => [member.run, member]));
    for (const match of matched.calls) {
      const member = memberOf.get(match.run);
      if (member) rows.push(...rowsOf(match, member).map((row) => retries.look(member.walk, row)));
    }
    if (matched.loose.length > 0 && members.some(({ isUnpredicted }) => !isUnpredicted))
      cut.push(
        `${matched.loose.length} receipts of workflow ${runs[0]?.workflowId ?? ''} belong to no call that its histories show.`,
      );
    const { workflowId = '', runId = '' } = runs[0] ?? {};
    for (const receipt of matched.loose)
      rows.push({
        ...{ workflowId, runId: receipt.origin['runId'] ?? runId, kind: 'unmatched', ...shown(receipt) },
        reason: 'claimed by this workflow, but by no call that its history shows',
      });
    if (matched.isCut)
      cut.push(
        `Workflow ${workflowId} has more receipts than were read: steps and local activities may be missing.`,
      );
  }
  return { rows, cut };
}

/** Finds calls that were made again after one of the same intent had failed. */
class Retries {
  private readonly first = new Map<string, ImpactedEffect>();

  /** The row, or that it may run: an earlier one of the same intent is made again, and ends otherwise now. */
  look(walk: number, row: ImpactedEffect): ImpactedEffect {
    const { requestId, fate } = row;
    if (requestId === undefined || (fate !== 'replayed' && fate !== 'rejected')) return row;
    if (scopePartOf({ requestId }) === undefined) return row; // one of its own: every call of it gets the receipt
    const key = `${walk}/${requestId}`;
    const earlier = this.first.get(key);
    if (!earlier) this.first.set(key, row);
    return earlier ? { ...row, ...wasARetry(earlier.eventId ?? 0) } : row;
  }
}

const shown = ({ requestId, action, policy, ...rest }: KnownReceipt) => ({
  ...{ requestId, action, policy, state: stateOf({ requestId, action, policy, ...rest }) },
});

const pending = 'pending at the point, so dispatched again';

/** A call, and below it its steps. */
function rowsOf(
  { run, call, receipt, isByName, steps }: MatchedCall,
  member: FamilyMember,
): ImpactedEffect[] {
  const { workflowId, runId } = run;
  const { eventId, activityId, activityType, kind, header } = call;
  const at = { workflowId, runId, eventId, activityType, activityId };
  const kept = member.keeps(call);
  const predict = (again: Prediction): Partial<Prediction> => {
    if (member.isUnpredicted) return {};
    if (kept) return { fate: 'kept', reason: kept };
    return member.isPending(call) ? { ...again, reason: `${pending}; ${again.reason}` } : again;
  };
  const ofReceipt = (found: KnownReceipt, byName: boolean): Prediction => {
    const isLost = namesItsRun(found) || member.losesScope(scopePartOf(found));
    const { fate, reason } = isLost ? losesItsId : fateOf(found);
    return { fate, reason: byName ? `${reason} (tied to the call by the name of its activity)` : reason };
  };
  const own = receipt ? ofReceipt(receipt, isByName) : withoutReceipt(call, steps.length);
  const id = header?.id === undefined ? {} : { requestId: header.id };
  return [
    { ...at, kind, ...(receipt ? shown(receipt) : id), ...predict(own) },
    ...steps.map(
      ({ name, receipt: found, isByName: byName }): ImpactedEffect => ({
        ...{ ...at, kind: 'step', step: name, ...shown(found), ...predict(ofReceipt(found, byName)) },
      }),
    ),
  ];
}

function withoutReceipt({ kind, header, closedBy }: MatchedCall['call'], steps: number): Prediction {
  if (steps > 0) return { fate: 'steps', reason: 'its function runs again; its steps have receipts' };
  const runs = (reason: string): Prediction => ({ fate: 'runs', reason });
  if (kind === 'local-activity')
    return runs('no receipt can be tied to this local activity: their ids are not in history');
  if (header?.problem !== undefined)
    return runs('no id could be derived: unguarded, or its id comes from elsewhere');
  if (header === undefined) return runs('unguarded: it came without a header, and has no receipt');
  return runs(
    closedBy === undefined
      ? 'has no receipt yet'
      : 'no receipt: unguarded, or it never ran, or its id comes from its own options',
  );
}

const totalsOf = (rows: readonly ImpactedEffect[]): Record<Fate, number> => {
  const totals = { kept: 0, replayed: 0, rejected: 0, waits: 0, refused: 0, steps: 0, mayRun: 0, runs: 0 };
  for (const { fate } of rows) if (fate) totals[fate]++;
  return totals;
};

const named = (what: string, events: readonly number[]): string =>
  `${what}${events.length === 1 ? '' : 's'} after the point (event${events.length === 1 ? '' : 's'} ${events.slice(0, 10).join(', ')}${events.length > 10 ? ', …' : ''})`;

function notesOn(run: RunHistory, resetTo: number, current: FoundRun['current']): string[] {
  const notes: string[] = [];
  if (current.isOpen)
    notes.push(
      `${current.runId === run.runId ? 'The run is open' : `Run ${current.runId} of this workflow is open`}: a reset terminates it, and activities that run then run on.`,
    );
  for (const [what, events] of [
    ['Signal', run.signals],
    ['Update', run.updates],
  ] as const) {
    const after = events.filter((id) => id >= resetTo);
    if (after.length > 0)
      notes.push(`${named(what, after)}: the server applies them again, unless the reset excludes them.`);
  }
  return notes;
}

/** What is so for every reset. */
function generalLimits(rows: readonly ImpactedEffect[]): string[] {
  const made = rows.filter(({ fate }) => fate !== undefined && fate !== 'kept');
  const has = (test: (row: ImpactedEffect) => boolean): boolean => made.some(test);
  return [
    'Code or arguments that are other than before: changed code makes other calls; calls that had failed may get a result now, so that the code goes another way; and a call whose arguments change when the workflow runs again (a fresh uuid, the time) has a new id and runs.',
    ...(has(({ kind }) => kind === 'local-activity')
      ? [
          'Local activities: the ids of their calls are not in history; their receipts were found by workflow, run and activity.',
        ]
      : []),
    ...(has(({ fate, kind, state }) => fate === 'runs' && kind === 'activity' && state === undefined)
      ? [
          'Activities without a receipt whose options give them an id (requestId): another workflow may have settled it.',
        ]
      : []),
    ...(has(({ fate }) => fate === 'steps')
      ? ['Steps that were never reached: they have no receipts, and run.']
      : []),
    ...(has(({ fate }) => fate === 'rejected')
      ? ['Calls that ask for a later generation over a rejection: they get that, not the rejection.']
      : []),
  ];
}
