/** The activity interceptor: finds what is guarded and hands it to the engine. */
import type { Context } from '@temporalio/activity';
import { CompleteAsyncError } from '@temporalio/common';
import type {
  ActivityExecuteInput,
  ActivityInterceptorsFactory,
  Next,
  ActivityInboundCallsInterceptor,
} from '@temporalio/worker';

import {
  InvalidRequestError,
  type GuardedCall,
  type GuardEngine,
  type HeldEffect,
  type Telemetry,
} from '../../core';
import { guardContext, type RunStep } from '../activity/context';
import { guardedOptions } from '../activity/guarded';
import { isOwnActivity } from '../decisions';
import { isAsking, rejectionFailure, toFailure } from '../outcomes/failures';
import { callHeader, callOf, stepCallOf, type ActivityAttempt, type GuardDefaults } from './guarded-call';
import { patienceWatch } from './patience';
import { rerunWatch } from './reruns';
import { attributeFinder } from './search-attribute';
import { sendable } from './sendable';
import { inTrace, tracedOn } from './trace';

/** What the interceptor of one worker works with. */
export interface InterceptorSetup {
  readonly engine: GuardEngine;
  readonly defaults: GuardDefaults;
  /** The registered activities, to find the marked ones. */
  readonly activities: object;
  /** Whether this interceptor is certainly the outermost one of its worker; asked at each attempt, for others may come. */
  readonly isOutermost?: () => boolean;
  readonly telemetry?: Telemetry | undefined;
}

/** A factory for `interceptors.activity` of a worker. */
export function activityInterceptor(setup: InterceptorSetup): ActivityInterceptorsFactory {
  const warnOnce = {
    headerMissing: false,
    ifImpatient: patienceWatch(),
    ofReruns: rerunWatch(),
    uselessFingerprints: new Set<string>(),
    unresolvedAttribute: attributeFinder(setup.defaults.unresolvedAttribute),
  };
  return (context) => ({
    inbound: { execute: (input, next) => execute(setup, context, input, next, warnOnce) },
  });
}

type NextCall = Next<ActivityInboundCallsInterceptor, 'execute'>;

async function execute(
  { engine, defaults, activities, telemetry, isOutermost = () => false }: InterceptorSetup,
  context: Context,
  input: ActivityExecuteInput,
  next: NextCall,
  warnOnce: ActivityAttempt['warnOnce'],
): Promise<unknown> {
  // The same plugin on the connection and on the worker runs twice: the outer one guards.
  if (guardContext.getStore()) return next(input);
  if (isOwnActivity(context.info.activityType)) return next(input); // whatever the patterns of `guard`
  const fn = registered(activities, context.info.activityType);
  const startedAt = performance.now();
  const isOuter = isOutermost();
  const attempt: ActivityAttempt = {
    defaults,
    context,
    input,
    header: callHeader(input),
    fn,
    startedAt,
    warnOnce,
    isOutermost: isOuter,
  };
  const marked = guardedOptions(fn);
  if (!marked && !isListed(defaults.guard, context.info.activityType)) {
    const steps = new Steps(engine, attempt);
    const step: RunStep = (name, options, fn) => steps.run(name, options, fn);
    return guardContext.run({ guards: undefined, step }, () => next(input)).finally(() => steps.end());
  }
  const run = (effect: HeldEffect): Promise<unknown> => {
    if (!marked) effect.begin();
    return guardContext.run({ guards: marked ? fn : undefined, step: undefined }, () =>
      next(tracedOn(telemetry, input)),
    );
  };
  const isDelegation = (thrown: unknown): boolean => thrown instanceof CompleteAsyncError;
  const guardedRun = (): Promise<unknown> =>
    runCall(engine, attempt, () => callOf(attempt, marked ?? {}, { run, isDelegation }));
  return inTrace(telemetry, input, guardedRun);
}

/** The steps of one attempt. */
class Steps {
  private readonly names = new Set<string>();
  private isOver = false;

  constructor(
    private readonly engine: GuardEngine,
    private readonly attempt: ActivityAttempt,
  ) {}

  /** A step that is called later would have an outcome that Temporal never hears of. */
  end(): void {
    this.isOver = true;
  }

  run(...[given, options, fn]: Parameters<RunStep>): Promise<unknown> {
    return runCall(this.engine, this.attempt, () => {
      const name = this.nameOf(given);
      const run = async (effect: HeldEffect): Promise<unknown> => {
        effect.begin();
        return guardContext.run({ guards: undefined, step: undefined }, () => fn(effect));
      };
      return stepCallOf(this.attempt, name, options, { run });
    });
  }

  /** The name of a step that may run. */
  private nameOf(given: unknown): string {
    if (typeof given !== 'string' || given === '') throw new InvalidRequestError('A step needs a name.');
    const name = given.normalize('NFC'); // ids are
    const step = `The step ${JSON.stringify(name)}`;
    if (this.isOver) {
      throw new InvalidRequestError(
        `${step} was called after its activity had ended, and was not run. Await all steps in the activity.`,
      );
    }
    if (this.names.has(name)) {
      throw new InvalidRequestError(
        `${step} was called twice in one attempt; the second call was not run. Give each step a name of its own.`,
      );
    }
    this.names.add(name);
    return name;
  }
}

async function runCall(
  engine: GuardEngine,
  { context, header, warnOnce }: ActivityAttempt,
  makeCall: () => GuardedCall,
): Promise<unknown> {
  try {
    const call = makeCall();
    warnOnce.ifImpatient(context, call);
    const outcome = await engine.run(call);
    warnOnce.ofReruns(context, header, outcome);
    switch (outcome.kind) {
      case 'result':
        return outcome.value;
      case 'rejected':
        // The mark names the intent as the workflow knows it, whatever its generation.
        throw rejectionFailure(outcome.error, call.requestId);
      case 'delegated':
        throw outcome.thrown;
      default:
        return outcome satisfies never;
    }
  } catch (error) {
    const attribute = isAsking(error) ? await warnOnce.unresolvedAttribute(context) : undefined;
    throw await sendable(context, toFailure(error, context.cancellationSignal.aborted, attribute));
  }
}

function registered(activities: object, name: string): unknown {
  const { [name]: named, default: fallback } = activities as Record<string, unknown>;
  return named ?? fallback;
}

/** Whether `guard` names an activity. `search`, because `test` of a pattern with `g` is true only every other time. */
export const isListed = (guard: GuardDefaults['guard'], name: string): boolean =>
  guard?.some((entry) => (typeof entry === 'string' ? entry === name : name.search(entry) >= 0)) ?? false;
