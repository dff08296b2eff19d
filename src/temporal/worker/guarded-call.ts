/** One call of a guarded activity or step, as the engine takes it: whose intent it is, and under which terms. */
import { hostname } from 'node:os';

import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput } from '@temporalio/worker';

import {
  checkedContent,
  checkedFingerprint,
  checkedGeneration,
  checkedId,
  effectTerms,
  InvalidRequestError,
  shownPayload,
  underTerms,
  type EffectDefaults,
  type EffectOptions,
  type GuardedCall,
} from '../../core';
import { composeId, fallbackRequestId, hashedRequestId, type IdentifiedRequest } from '../../ids';
import type { GuardedOptions, StepOptions } from '../activity/options';
import {
  headerName,
  readHeader,
  type CallHeader,
  type IdentityProblem,
  type ReadCallHeader,
} from '../header';
import { codecOf } from './converter';
import type { PatienceWatch } from './patience';
import type { RerunWatch } from './reruns';
import type { AttributeFinder } from './search-attribute';

/** What applies to every guarded activity of a worker unless the activity says otherwise. */
export interface GuardDefaults extends EffectDefaults {
  /** Guard these activities although they are not marked: names, or patterns of names. */
  readonly guard?: readonly (string | RegExp)[];
  /**
   * A search attribute, of type Keyword or KeywordList, that shows which workflows wait for a decision (`onUnknown:
   * 'ask'`): it holds the types of the activities while an outcome is unresolved. Create it in the namespace first; one
   * that the server does not have is left alone, with a warning.
   */
  readonly unresolvedAttribute?: string;
}

/** No call waits longer than this share of its time-outs: the attempt must end by itself. */
const waitShare = 0.8;

/** Only a mocked environment names no time at all. */
const longestAttemptMs = 10 * 60_000;

/** The end of an attempt is kept free for reporting its result to Temporal, also while the database is away. */
const reportShare = 0.15;
const longestReportMs = 3000;

/** How far the clocks of the server and of a worker may be apart. */
const clockSlackMs = 60_000;

/** One attempt at an activity on a worker with the guard. */
export interface ActivityAttempt {
  readonly defaults: GuardDefaults;
  readonly context: Context;
  readonly input: ActivityExecuteInput;
  /** What the workflow said of the call. */
  readonly header: ReadCallHeader;
  /** The registered function. */
  readonly fn: unknown;
  /** When the attempt began, by the monotonic clock. */
  readonly startedAt: number;
  /** What is said once by each worker. */
  readonly warnOnce: WarnOnce;
  /** Nothing stands between the guard and Temporal: what the guard returns is what the history gets. */
  readonly isOutermost: boolean;
}

/** What one worker has said, and looks for. */
export interface WarnOnce {
  headerMissing: boolean;
  readonly ifImpatient: PatienceWatch;
  readonly ofReruns: RerunWatch;
  /** Activities whose fingerprint does not reach the ids of their calls. */
  readonly uselessFingerprints: Set<string>;
  readonly unresolvedAttribute: AttributeFinder;
}

/** What the engine runs, once it may. */
type Running = Pick<GuardedCall, 'run' | 'isDelegation'>;

/** A call of a guarded activity. */
export function callOf(attempt: ActivityAttempt, options: GuardedOptions, running: Running): GuardedCall {
  const { args } = attempt.input;
  const action = options.action ?? attempt.context.info.activityType;
  const identity = identityOf(attempt, options.requestId);
  const content = options.fingerprint
    ? checkedContent(action, options.fingerprint(...args))
    : (attempt.header.print ?? args);
  if (options.fingerprint) warnOfFingerprint(attempt, options);
  const generation = options.generation ? checkedGeneration(options.generation(...args)) : 1;
  const origin = Object.assign(originOf(attempt), shownPayload(action, options.redact, args));
  const intent = { identity, action, generation, payload: args, content, origin, fn: attempt.fn };
  return attempted(attempt, options, intent, running);
}

/** A call of one step of an activity. */
export function stepCallOf(
  attempt: ActivityAttempt,
  name: string,
  options: StepOptions,
  running: Running,
): GuardedCall {
  const { requestId: own, generation } = options;
  const action = options.action ?? `${attempt.context.info.activityType}/${name}`;
  const requestId = own ?? composeId([identityOf(attempt, undefined).requestId, name]);
  const identity = checkedId(requestId, `the step ${JSON.stringify(name)}`);
  const payload = options.payload ?? attempt.input.args;
  const content = options.payload ?? attempt.header.print ?? payload;
  const origin = Object.assign(
    originOf(attempt),
    { step: name },
    shownPayload(action, options.redact, payload),
  );
  const intent = {
    ...{ identity, action, payload, content, origin, fn: undefined },
    generation: generation === undefined ? 1 : checkedGeneration(generation),
  };
  return attempted(attempt, options, intent, running);
}

/** Whose intent it is, and what is done. */
interface Intent extends Pick<GuardedCall, 'action' | 'payload' | 'origin' | 'generation'> {
  readonly identity: IdentifiedRequest;
  /** What the fingerprint is taken of. */
  readonly content: unknown;
  /** The registered function whose result it is; a step has none. */
  readonly fn: unknown;
}

/** The call of an intent in this attempt. */
function attempted(
  { defaults, context, header, startedAt }: ActivityAttempt,
  options: EffectOptions,
  { identity, action, payload, content, origin, generation, fn }: Intent,
  { run, isDelegation }: Running,
): GuardedCall {
  const { info } = context;
  const { requestId, requestIdHash } = identity;
  const startToCloseMs = info.startToCloseTimeoutMs || info.scheduleToCloseTimeoutMs || longestAttemptMs;
  const terms = effectTerms(options, defaults);
  return underTerms(terms, {
    requestId,
    requestIdHash,
    action,
    payload,
    origin,
    generation,
    run,
    isDelegation,
    fingerprint: checkedFingerprint(action, content, requestId),
    codec: codecOf(context, fn),
    waitMs: Math.min(
      terms.waitMs,
      startToCloseMs * waitShare,
      // Only the effect itself sends heartbeats: who waits for another holder must end before one is missed.
      (info.heartbeatTimeoutMs || Infinity) * waitShare,
    ),
    mayBeOlderMs: mayBeOlderMs(info, header),
    deadline: startedAt + startToCloseMs - Math.min(longestReportMs, startToCloseMs * reportShare),
    attempt: info.attempt,
    signal: context.cancellationSignal,
  });
}

/**
 * How long ago an earlier attempt may have claimed the id. An attempt's number does not tell: a reset of the activity
 * starts it at 1 again, and the workflow may have made the call before. The server's clock and this machine's need not
 * agree, so the longer time counts, and more.
 */
function mayBeOlderMs(
  { attempt, scheduledTimestampMs, currentAttemptScheduledTimestampMs }: Context['info'],
  { since, rerunOf, rerunAt }: ReadCallHeader,
): number | undefined {
  const between = currentAttemptScheduledTimestampMs - scheduledTimestampMs;
  const isFirst = attempt === 1 && between < 1;
  if (isFirst && since === undefined && rerunOf === undefined) return undefined;
  const earliest = Math.min(
    scheduledTimestampMs,
    since ?? Infinity,
    rerunOf === undefined ? Infinity : (rerunAt ?? startOfRun(rerunOf)),
  );
  return Math.max(between, Date.now() - earliest, 0) + clockSlackMs;
}

/**
 * When a run began, in milliseconds since 1970: the ids of runs that were started, not continued, are UUIDs of version 7
 * (server 1.32). Any other may be of any age.
 */
function startOfRun(runId: string): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(runId) ?? [];
  return high === undefined || low === undefined ? 0 : Number.parseInt(high + low, 16);
}

const problems: Readonly<Record<IdentityProblem, string>> = {
  arguments:
    'its arguments hold something JSON cannot (NaN, Infinity, a cycle, an object without readable fields) or are too large',
  'start-arguments':
    'its workflow, or one that started it, was started with arguments that hold something JSON cannot (NaN, Infinity, a cycle) or are too large',
  'cron-with-retry':
    'its workflow, or one that started it, has both a cron schedule and a retry policy, so a tick and a retry cannot be told apart',
};

/** What stands where the guard's header belongs says nothing of a call. */
const overwritten =
  "an interceptor has put the header of its workflow in place of its own; the guard's workflow interceptors have to come after those that copy headers, or these must leave it out";

export const callHeader = ({ headers }: ActivityExecuteInput): ReadCallHeader =>
  readHeader<CallHeader>(headers) ?? {};

function warnOfFingerprint(
  { context, header, warnOnce }: ActivityAttempt,
  { requestId }: GuardedOptions,
): void {
  const { id, print } = header;
  const { activityType } = context.info;
  if (requestId || id === undefined || print !== undefined || warnOnce.uselessFingerprints.has(activityType))
    return;
  warnOnce.uselessFingerprints.add(activityType);
  context.log.warn(
    `activity-guard: ${activityType} has a fingerprint, but the workflow derived its id from all of its arguments: if one of them changes when the workflow runs again, so does the id, and it happens twice. Say it in the workflow, withFingerprint(${activityType}, …), or give it a requestId. (Said once per worker.)`,
  );
}

function identityOf(
  { context, input, header, warnOnce }: ActivityAttempt,
  own: GuardedOptions['requestId'],
): IdentifiedRequest {
  if (header.idHash !== undefined)
    return { requestId: hashedRequestId(header.idHash), requestIdHash: header.idHash };
  const { activityType } = context.info;
  if (own === undefined && header.id === undefined && headerName in input.headers) {
    throw new InvalidRequestError(
      `No request id can be derived for ${activityType}: ${(header.problem && problems[header.problem]) ?? overwritten}. Nothing was run. Give it one: withRequestId(id, fn) in the workflow, or requestId: (…args) => id on the activity.`,
    );
  }
  const requestId = own ? own(...input.args) : (header.id ?? withoutHeader(context, warnOnce));
  return checkedId(requestId, activityType);
}

function withoutHeader({ info, log }: Context, warnOnce: WarnOnce): string {
  const { workflowExecution } = info;
  if (!warnOnce.headerMissing) {
    warnOnce.headerMissing = true;
    log.warn(
      workflowExecution
        ? 'activity-guard: this activity came without a request id, so its run and activity id are used, which do not survive a workflow reset or retry. ' +
            'Give ActivityGuardPlugin to bundleWorkflowCode too, or use explicit ids. (Said once per worker.)'
        : 'activity-guard: this activity was started by a client, so its activity id and run id are its request id: started again under the same activity id it is another intent. ' +
            'Where that can happen, give it requestId: (…args) => id. (Said once per worker.)',
    );
  }
  const { workflowId, runId } = workflowExecution ?? { workflowId: '', runId: info.activityRunId ?? '' };
  return fallbackRequestId([info.namespace, workflowId, runId, info.activityId]);
}

/** The name is asked for once: it takes a call of the system. */
const thisWorker = `${process.pid}@${hostname()}`;

function originOf({ context: { info }, header, isOutermost }: ActivityAttempt): Record<string, string> {
  const { workflowId, runId } = info.workflowExecution ?? {};
  const origin: Record<string, string> = { temporalNamespace: info.namespace };
  if (workflowId !== undefined) origin['workflowId'] = workflowId;
  if (runId !== undefined) origin['runId'] = runId;
  if (info.workflowType !== undefined) origin['workflowType'] = info.workflowType;
  origin['activityId'] = info.activityId;
  origin['attempt'] = String(info.attempt);
  if (info.isLocal) origin['local'] = 'yes';
  if (isOutermost) origin['outermost'] = 'yes';
  origin['worker'] = thisWorker;
  if (header.undoes !== undefined) origin['undoes'] = header.undoes;
  return origin;
}
