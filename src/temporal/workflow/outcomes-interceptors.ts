/**
 * Waits, durably, where a guarded activity with `onUnknown: 'ask'` ends in an unknown outcome; notes calls for
 * `withReceipt`; and marks undos. Comes after the identity interceptors, whose header it reads. A workflow in which
 * nothing is asked does the very same without it.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  scheduleActivity,
  scheduleLocalActivity,
  setHandler,
  type ActivityInput,
  type LocalActivityInput,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';

import { hashedRequestId } from '../../ids/receipt-id';
import {
  isOwnActivity,
  resolveActivity,
  type AskDetail,
  type ResolveAnswer,
  type ResolveRequest,
} from '../decisions';
import { headerName, readHeader, writeHeader, type CallHeader, type ReadCallHeader } from '../header';
import {
  callOwn,
  markOutcomesInstalled,
  outcomeContext,
  withOutcomeContext,
  type CallAgain,
} from './outcome-context';
import { resolveOutcome, unresolvedOutcomes } from './outcome-definitions';
import { listenToFailure } from './sdk-completion';
import { Unresolved, type Entry, type Question } from './unresolved';

type Input = ActivityInput | LocalActivityInput;

/** The decision is written with patience: the receipts may be away. */
const patiently = { startToCloseTimeout: '30s', retry: { maximumInterval: '30s' } } as const;

/** What a failure of the guard asks, if it asks. */
function questionOf(error: unknown, activityType: string): Question | undefined {
  // Not deeper: an activity or a child may hand on the failure of another one. That of a local activity stands alone.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'OutcomeUnknown') return undefined;
  const { requestId, ask } = Object(cause.details?.[0]) as { requestId?: unknown; ask?: AskDetail };
  if (typeof requestId !== 'string' || typeof ask?.epoch !== 'number') return undefined;
  return { requestId, activityType, epoch: ask.epoch, attribute: ask.attribute };
}

/** How an activity of one kind is scheduled. */
type Schedule = (activityType: string, args: unknown[], like: CallAgain, own?: object) => Promise<unknown>;

const remotely: Schedule = (activityType, args, { options, typeInfo }, own) =>
  scheduleActivity(
    activityType,
    args,
    (own ?? options) as ActivityInput['options'],
    own ? undefined : typeInfo,
  );
const locally: Schedule = (activityType, args, { options, typeInfo }, own) =>
  scheduleLocalActivity(
    activityType,
    args,
    (own ?? options) as LocalActivityInput['options'],
    own ? undefined : typeInfo,
  );

class OutcomesOutbound implements WorkflowOutboundCallsInterceptor {
  constructor(private readonly unresolved: Unresolved) {}

  scheduleActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleActivity']> = (input, next) =>
    this.follow(input, next, remotely);

  scheduleLocalActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleLocalActivity']> = (
    input,
    next,
  ) => this.follow(input, next, locally);

  private follow<I extends Input>(given: I, next: (input: I) => Promise<unknown>, schedule: Schedule) {
    const { activityType, seq } = given;
    if (isOwnActivity(activityType)) return next(given);
    const { again: made } = outcomeContext();
    const again = made?.activityType === activityType ? made : undefined;
    const input = again ? asBefore(given, again) : identified(given);
    const firstMade = Date.now();
    return listenToFailure(
      seq,
      () => next(input),
      (error) => questionOf(error, activityType),
      (question) => {
        const { args, headers, options, typeInfo } = input;
        const call: CallAgain = {
          ...{ activityType, args, options },
          headers: madeBefore(headers, firstMade),
          ...(typeInfo && { typeInfo }),
        };
        return this.untilDecided({ ...question, refused: again?.refused }, call, schedule);
      },
    );
  }

  /** The caller's scope can be cancelled while it waits. */
  private async untilDecided(question: Question, call: CallAgain, schedule: Schedule): Promise<unknown> {
    const entry = this.unresolved.ask(question, Date.now());
    let refused: string | undefined;
    try {
      try {
        await condition(() => entry.decision !== undefined);
        // What was accepted is written down, whatever becomes of the caller.
        refused = await CancellationScope.nonCancellable(() => writeDown(entry, call, schedule));
      } finally {
        this.unresolved.leave(entry);
      }
      // Also after a refusal: somebody may have resolved it otherwise. If not, it is asked again.
      return await withOutcomeContext({ again: { ...call, refused } }, () =>
        callOwn(call.activityType, () => schedule(call.activityType, [...call.args], call)),
      );
    } finally {
      this.unresolved.show();
    }
  }
}

/** Exactly as it was made before: interceptors before this one may have changed it once more. */
const asBefore = <I extends Input>(input: I, { args, headers, options, typeInfo }: CallAgain): I => ({
  ...input,
  ...{ args, headers, options },
  ...(typeInfo && { typeInfo }),
});

/** The header of the call that comes next says that it has been made before: a failover may have lost its claim. */
function madeBefore(headers: Input['headers'], at: number): Input['headers'] {
  const header: ReadCallHeader | undefined = readHeader<CallHeader>(headers);
  return header
    ? { ...headers, [headerName]: writeHeader({ ...header, since: header.since ?? at } as CallHeader) }
    : headers;
}

/** Writes the decision on an entry down where its activity ran; gives why it did not count. */
async function writeDown(
  { requestId, epoch, decision }: Entry,
  call: CallAgain,
  schedule: Schedule,
): Promise<string | undefined> {
  if (decision?.verdict === undefined) return undefined;
  const { verdict, by, reason } = decision;
  const request: ResolveRequest = {
    ...{ requestId, epoch, verdict, by, reason },
    ...('result' in decision ? { hasResult: true, result: decision.result } : { hasResult: false }),
  };
  const { taskQueue } = call.options as { taskQueue?: string };
  const options = { ...patiently, ...(taskQueue === undefined ? {} : { taskQueue }) };
  const answer = await callOwn(resolveActivity, () => schedule(resolveActivity, [request], call, options));
  return (answer as ResolveAnswer).refused;
}

/** Notes a call of the workflow, and says what it undoes. */
function identified<I extends Input>(input: I): I {
  const { noted, undo } = outcomeContext();
  if (!noted && !undo) return input;
  const { activityType, headers } = input;
  const header: ReadCallHeader | undefined = readHeader<CallHeader>(headers);
  const requestId = header?.idHash === undefined ? header?.id : hashedRequestId(header.idHash);
  if (noted && requestId !== undefined) {
    const [first] = noted;
    if (first && first.requestId !== requestId) {
      throw ApplicationFailure.nonRetryable(
        `withReceipt: one receipt is that of one call, but ${activityType} was called after ${first.activityType}. Give each call its own withReceipt.`,
        'InvalidRequest',
      );
    }
    if (!first) noted.push({ requestId, activityType });
  }
  if (!header || header.idHash !== undo?.idHash) return input;
  const marked = writeHeader({ ...header, undoes: undo?.undoes } as CallHeader);
  return { ...input, headers: { ...headers, [headerName]: marked } };
}

/** The interceptors of one workflow run; list this module after that of the identity, or let the plugin do it. */
export const interceptors = (): WorkflowInterceptors => {
  markOutcomesInstalled();
  const unresolved = new Unresolved();
  return {
    inbound: [
      {
        execute: (input, next) => {
          setHandler(unresolvedOutcomes, () => unresolved.list());
          // Synchronous: the SDK replays handlers that schedule work beside other calls out of order.
          setHandler(resolveOutcome, (decision) => unresolved.decide(decision), {
            validator: (decision) => unresolved.validate(decision),
          });
          return next(input);
        },
      },
    ],
    outbound: [new OutcomesOutbound(unresolved)],
  };
};
