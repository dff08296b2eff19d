/** The activity interceptor: finds out which intent a call belongs to and hands it to the engine. */
import { hostname } from 'node:os';

import type { Context } from '@temporalio/activity';
import type {
  ActivityExecuteInput,
  ActivityInterceptorsFactory,
  Next,
  ActivityInboundCallsInterceptor,
} from '@temporalio/worker';

import { InvalidRequestError, toMs, type GuardedCall, type GuardEngine, type HeldEffect } from '../../core';
import {
  fallbackRequestId,
  fingerprintOf,
  hashRequestId,
  hashedRequestId,
  requestIdProblem,
} from '../../ids';
import { guardContext } from '../activity/context';
import { guardedOptions, type GuardedOptions } from '../activity/guarded';
import { readHeader, type CallHeader, type IdentityProblem } from '../header';
import { temporalCodec } from './codec';
import { rejectionFailure, toFailure } from './failures';
import { sendable } from './sendable';

/** What applies to every guarded activity of a worker unless the activity says otherwise. */
export interface GuardDefaults {
  /** Guard these activities although they are not marked: names, or patterns of names. */
  readonly guard?: readonly (string | RegExp)[];
  /** How long a claim stands without renewal; `'30s'` unless given. */
  readonly leaseFor?: GuardedOptions['leaseFor'];
  /** After the end of a lease, a probe's "no" counts only this much later; `'10s'` unless given. */
  readonly graceFor?: GuardedOptions['graceFor'];
  /** How long a call waits for another holder before it fails retryably; `'10s'` unless given. */
  readonly waitFor?: GuardedOptions['waitFor'];
}

/** What the interceptor of one worker works with. */
export interface InterceptorSetup {
  readonly engine: GuardEngine;
  readonly defaults: GuardDefaults;
  /** The registered activities, to find the marked ones. */
  readonly activities: object;
}

/** No call waits longer than this share of its time-outs: the attempt must end by itself. */
const waitShare = 0.8;

/** Only a mocked environment names no time at all. */
const longestAttemptMs = 10 * 60_000;

/** The end of an attempt is kept free for reporting its result to Temporal, also while the database is away. */
const reportShare = 0.15;
const longestReportMs = 3000;

/** The lease must outlive a few missed renewals. */
const leastLeaseMs = 500;

/** A factory for `interceptors.activity` of a worker. */
export function activityInterceptor(setup: InterceptorSetup): ActivityInterceptorsFactory {
  const warnOnce = { headerMissing: false };
  return (context) => ({
    inbound: { execute: (input, next) => execute(setup, context, input, next, warnOnce) },
  });
}

async function execute(
  setup: InterceptorSetup,
  context: Context,
  input: ActivityExecuteInput,
  next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  warnOnce: { headerMissing: boolean },
): Promise<unknown> {
  // The same plugin on the connection and on the worker runs twice: the outer one guards.
  if (guardContext.getStore()) return next(input);
  const fn = registered(setup.activities, context.info.activityType);
  const marked = guardedOptions(fn);
  if (!marked && !isListed(setup.defaults.guard, context.info.activityType)) return next(input);
  const run = (effect: HeldEffect): Promise<unknown> => {
    if (!marked) effect.begin();
    return guardContext.run({ guards: marked ? fn : undefined, effect }, () => next(input));
  };
  try {
    const call = callOf(setup.defaults, marked ?? {}, context, input, warnOnce);
    const outcome = await setup.engine.run({ ...call, codec: temporalCodec(context, fn), run });
    if (outcome.kind === 'result') return outcome.value;
    throw rejectionFailure(outcome.error, outcome.requestId);
  } catch (error) {
    throw await sendable(context, toFailure(error, context.cancellationSignal.aborted));
  }
}

function registered(activities: object, name: string): unknown {
  const { [name]: named, default: fallback } = activities as Record<string, unknown>;
  return named ?? fallback;
}

const isListed = (guard: GuardDefaults['guard'], name: string): boolean =>
  guard?.some((entry) => (typeof entry === 'string' ? entry === name : entry.test(name))) ?? false;

function callOf(
  defaults: GuardDefaults,
  options: GuardedOptions,
  context: Context,
  { args, headers }: ActivityExecuteInput,
  warnOnce: { headerMissing: boolean },
): Omit<GuardedCall, 'run' | 'codec'> {
  const { info } = context;
  const action = options.action ?? info.activityType;
  const identity = identityOf(options, args, readHeader<CallHeader>(headers), context, warnOnce);
  const startToCloseMs = info.startToCloseTimeoutMs || info.scheduleToCloseTimeoutMs || longestAttemptMs;
  const monotonic = performance.now();
  return {
    ...identity,
    action,
    fingerprint: fingerprint(
      action,
      options.fingerprint ? options.fingerprint(...args) : args,
      identity.requestId,
    ),
    payload: args,
    origin: originOf(context),
    onUnknown: options.onUnknown ?? 'hold',
    classify: options.classify,
    leaseMs: Math.max(leastLeaseMs, toMs('leaseFor', options.leaseFor ?? defaults.leaseFor ?? '30s')),
    graceMs: toMs('graceFor', options.graceFor ?? defaults.graceFor ?? '10s'),
    waitMs: Math.min(
      toMs('waitFor', options.waitFor ?? defaults.waitFor ?? '10s'),
      startToCloseMs * waitShare,
      // Only the effect itself sends heartbeats: who waits for another holder must end before one is missed.
      (info.heartbeatTimeoutMs || Infinity) * waitShare,
    ),
    providerKeyTtlMs:
      options.providerKeyTtl === undefined ? undefined : toMs('providerKeyTtl', options.providerKeyTtl),
    deadline: monotonic + startToCloseMs - Math.min(longestReportMs, startToCloseMs * reportShare),
    attempt: info.attempt,
    signal: context.cancellationSignal,
  };
}

function fingerprint(action: string, payload: unknown, requestId: string): string {
  try {
    return fingerprintOf(action, payload);
  } catch (cause) {
    throw new InvalidRequestError(
      `The arguments of ${action} cannot be guarded: ${(cause as Error).message}. Nothing was run.`,
      { requestId, cause },
    );
  }
}

const problems: Readonly<Record<IdentityProblem, string>> = {
  arguments: 'its arguments hold something JSON cannot (NaN, Infinity, a cycle) or are too large',
  'cron-with-retry':
    'its workflow has both a cron schedule and a retry policy, so a tick and a retry cannot be told apart',
};

function identityOf(
  options: GuardedOptions,
  args: readonly unknown[],
  header: Partial<{ id: string; idHash: string; problem: IdentityProblem }> | undefined,
  context: Context,
  warnOnce: { headerMissing: boolean },
): Pick<GuardedCall, 'requestId' | 'requestIdHash'> {
  if (header?.idHash !== undefined)
    return { requestId: hashedRequestId(header.idHash), requestIdHash: header.idHash };
  const { info } = context;
  if (options.requestId === undefined && header?.problem !== undefined) {
    throw new InvalidRequestError(
      `No request id can be derived for ${info.activityType}: ${problems[header.problem]}. Nothing was run. Give it one: withRequestId(id, fn) in the workflow, or requestId: (…args) => id on the activity.`,
    );
  }
  const requestId = options.requestId
    ? options.requestId(...(args as never[]))
    : (header?.id ?? withoutHeader(context, warnOnce));
  const problem = requestIdProblem(requestId);
  if (problem !== undefined)
    throw new InvalidRequestError(`${info.activityType}: ${problem}. Nothing was run.`);
  const normal = requestId.normalize('NFC');
  return { requestId: normal, requestIdHash: hashRequestId(normal) };
}

function withoutHeader({ info, log }: Context, warnOnce: { headerMissing: boolean }): string {
  if (!warnOnce.headerMissing) {
    warnOnce.headerMissing = true;
    log.warn(
      'activity-guard: this activity came without a request id, so its run and activity id are used, which do not survive a workflow reset or retry. ' +
        'Give ActivityGuardPlugin to bundleWorkflowCode too, or use explicit ids. (Said once per worker.)',
    );
  }
  const { workflowId, runId } = info.workflowExecution ?? { workflowId: '', runId: info.activityRunId ?? '' };
  return fallbackRequestId([info.namespace, workflowId, runId, info.activityId]);
}

function originOf({ info }: Context): Record<string, string> {
  const { workflowId, runId } = info.workflowExecution ?? {};
  return {
    temporalNamespace: info.namespace,
    ...(workflowId === undefined ? {} : { workflowId }),
    ...(runId === undefined ? {} : { runId }),
    ...(info.workflowType === undefined ? {} : { workflowType: info.workflowType }),
    activityId: info.activityId,
    attempt: String(info.attempt),
    worker: `${process.pid}@${hostname()}`,
  };
}
