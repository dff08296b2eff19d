/**
 * The workflow's part of the guard: gives every activity call the id of the intent it belongs to, in a header.
 * Adding or removing it never changes what a workflow does: it writes headers only, draws no random numbers,
 * awaits nothing before `next`, and hands on the very promises it got.
 */
import {
  ApplicationFailure,
  CancellationScope,
  workflowInfo,
  type ActivityInput,
  type LocalActivityInput,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';

// Not by their index: the bundle would hold what only workers need.
import { composeId, hashArgs, nextScope } from '../../ids/request-id';
import { CallTable, type Call } from '../../ids/slots';
import {
  headerName,
  isWritten,
  nexusHeaderName,
  readHeader,
  writeHeader,
  type CallHeader,
  type IdentityProblem,
  type ProblemHeader,
  type ScopeHeader,
  type StartHeader,
} from '../header';
import { currentCall, markInstalled, type ExplicitId } from './call-context';
import { isRejectionOf } from './failures';
import { rerunOf, scopeOf, type Rerun } from '../scope';

type Headers = Parameters<typeof readHeader>[0];

interface Identified {
  readonly header: CallHeader;
  /** The derived call, whose slot has to be closed or reopened. */
  readonly call?: Call;
}

/** The identity of one workflow run and its calls. */
class RunIdentity {
  /** Or why there are none. */
  private readonly calls: CallTable | IdentityProblem;
  private readonly rerun: Rerun;
  /** When an explicit id was first used, by its hash. */
  private readonly explicitSince = new Map<string, number>();

  constructor(headers: Headers) {
    const header = readHeader<StartHeader>(headers);
    const scope = scopeOf(workflowInfo(), header);
    this.calls = 'scope' in scope ? new CallTable(scope.scope, scope.open) : scope.problem;
    this.rerun = rerunOf(workflowInfo(), header);
  }

  /** @param backedOff finds the call itself, where the SDK schedules it again */
  activity(action: string, args: readonly unknown[], backedOff?: () => Call | undefined): Identified {
    const { explicit, print } = currentCall();
    const hash = print ?? hashOf(args);
    if (explicit) {
      useExplicitId(explicit, action, hash ?? '');
      const { idHash } = explicit;
      return { header: { idHash, since: this.sinceOf(idHash), ...this.rerun, print } };
    }
    if (hash === undefined) return { header: { problem: 'arguments' } };
    const { calls } = this;
    if (typeof calls === 'string') return { header: { problem: calls } };
    const call = backedOff?.() ?? calls.start('activity', action, hash);
    return { header: { id: call.id, since: seen(call), ...this.rerun, print }, call };
  }

  /** What is started: its scope is the call's id. Or why it has none. */
  child(type: string, args: readonly unknown[]): Call | IdentityProblem {
    const { calls } = this;
    if (typeof calls === 'string') return calls;
    const hash = currentCall().print ?? hashOf(args);
    return hash === undefined ? 'start-arguments' : calls.start('child', type, hash);
  }

  /** A child that is started again repeats what came before, although its parent repeats nothing. */
  childScope(call: Call): ScopeHeader {
    const since = seen(call);
    const isAgain = this.rerun.rerunOf === undefined && since !== undefined;
    const again = { rerunOf: workflowInfo().firstExecutionRunId, rerunAt: since };
    return { scope: call.id, ...(isAgain ? again : this.rerun) };
  }

  /** Ends the call: settled by a final outcome, else open again. */
  end(call: Call, isFinal: boolean): void {
    const { calls } = this;
    if (typeof calls === 'string') return; // there are no calls
    if (isFinal) calls.settle(call);
    else calls.reopen(call);
  }

  next(): ScopeHeader | ProblemHeader {
    const { calls } = this;
    if (typeof calls === 'string') return { problem: calls };
    const open = calls.openCalls();
    return { scope: nextScope(calls.scope), from: workflowInfo().runId, open, ...this.rerun };
  }

  private sinceOf(idHash: string): number | undefined {
    const since = this.explicitSince.get(idHash);
    if (since === undefined) this.explicitSince.set(idHash, Date.now());
    return since;
  }
}

/** When a call was first made, if this is not the first time. */
function seen(call: { since?: number | undefined }): number | undefined {
  const { since } = call;
  call.since ??= Date.now();
  return since;
}

function hashOf(args: readonly unknown[]): string | undefined {
  try {
    return hashArgs(args);
  } catch {
    return undefined; // an unguarded activity may not care; a guarded one refuses
  }
}

function useExplicitId(explicit: ExplicitId, action: string, hash: string): void {
  explicit.call ??= { action, hash };
  if (explicit.call.action !== action || explicit.call.hash !== hash) {
    throw ApplicationFailure.nonRetryable(
      `withRequestId: one id names one call, but ${action} was called after ${explicit.call.action}${explicit.call.action === action ? ' with other arguments' : ''} under the same id. Give each call its own withRequestId.`,
      'InvalidRequest',
    );
  }
}

/** The interceptors are registered twice, or the guard calls for itself. */
const isTakenCareOf = ({ headers, activityType }: ActivityInput | LocalActivityInput): boolean =>
  isWritten(headers) || currentCall().own === activityType;

const withHeader = <I extends { readonly headers: Headers }>(
  input: I,
  header: CallHeader | ScopeHeader | ProblemHeader,
): I => ({
  ...input,
  headers: { ...input.headers, [headerName]: writeHeader(header) },
});

/** The SDK throws this through the interceptors when it will schedule the same local activity again after a timer. */
const isLocalBackoff = (error: unknown): boolean =>
  error instanceof Error && error.name === 'LocalActivityDoBackoff';

interface BackOff {
  readonly args: readonly unknown[];
}

class IdentityOutbound implements WorkflowOutboundCallsInterceptor {
  /** Local activities that wait for the timer after which the SDK schedules them again, with their arguments. */
  private readonly backingOff = new Map<Call, BackOff>();

  constructor(private readonly run: () => RunIdentity) {}

  scheduleActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleActivity']> = (input, next) => {
    if (isTakenCareOf(input)) return next(input);
    const { header, call } = this.run().activity(input.activityType, input.args);
    return this.follow(call, () => next(withHeader(input, header)));
  };

  scheduleLocalActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleLocalActivity']> = (
    input,
    next,
  ) => {
    if (isTakenCareOf(input)) return next(input);
    const backedOff = input.attempt > 1 ? () => this.takeBackedOff(input) : undefined;
    const { header, call } = this.run().activity(input.activityType, input.args, backedOff);
    return this.follow(call, () => next(withHeader(input, header)), input.args);
  };

  startChildWorkflowExecution: NonNullable<WorkflowOutboundCallsInterceptor['startChildWorkflowExecution']> =
    (input, next) => {
      if (isWritten(input.headers)) return next(input);
      const call = this.run().child(input.workflowType, input.options.args ?? []);
      if (typeof call === 'string') return next(withHeader(input, { problem: call }));
      // Nobody retries it for the run that started it: an equal one in the next run is another intent.
      call.isDetached = /ABANDON$/.test(String(input.options.parentClosePolicy));
      return this.followStarted(
        call,
        () => next(withHeader(input, this.run().childScope(call))),
        ([, completed]) => completed,
      );
    };

  /** Nexus has headers of its own, of plain texts. The worker that handles the operation reads this one. */
  startNexusOperation: NonNullable<WorkflowOutboundCallsInterceptor['startNexusOperation']> = (
    input,
    next,
  ) => {
    if (nexusHeaderName in input.headers) return next(input);
    const { endpoint, service, operation } = input;
    const call = this.run().child(composeId(['nexus', endpoint, service, operation]), [input.input]);
    const withNexusHeader = (value: string) => ({
      ...input,
      headers: { ...input.headers, [nexusHeaderName]: value },
    });
    if (typeof call === 'string') return next(withNexusHeader(call));
    return this.followStarted(
      call,
      () => next(withNexusHeader(call.id)),
      ({ result }) => result,
    );
  };

  continueAsNew: NonNullable<WorkflowOutboundCallsInterceptor['continueAsNew']> = (input, next) => {
    return next(isWritten(input.headers) ? input : withHeader(input, this.run().next()));
  };

  /** A result settles the slot, and so does a rejection of this very intent; every other end leaves it open. */
  private follow<T>(call: Call | undefined, start: () => Promise<T>, local?: readonly unknown[]): Promise<T> {
    if (!call) return start();
    const end = (isFinal: boolean): void => this.run().end(call, isFinal);
    return listen(
      start,
      () => end(true),
      (error) => {
        if (local && isLocalBackoff(error)) this.backOff(call, local);
        else end(isRejectionOf(error, call.id));
      },
    );
  }

  /** Only a result settles the slot of what was started. */
  private followStarted<T>(call: Call, start: () => Promise<T>, resultOf: (output: T) => Promise<unknown>) {
    const end = (isFinal: boolean): void => this.run().end(call, isFinal);
    const reopen = (): void => end(false);
    return listen(start, (output) => void resultOf(output).then(() => end(true), reopen), reopen);
  }

  /** The call stays running while the SDK waits; a cancellation of the timer ends it, and comes from its scope. */
  private backOff(call: Call, args: readonly unknown[]): void {
    const backOff: BackOff = { args };
    this.backingOff.set(call, backOff);
    const { cancellable, cancelRequested } = CancellationScope.current();
    if (!cancellable) return;
    cancelRequested.catch(() => {
      // The scope outlives this back-off, and the call may be in another one by then.
      if (this.backingOff.get(call) !== backOff) return;
      this.backingOff.delete(call);
      this.run().end(call, false);
    });
  }

  /** The call that comes again: with the very array of arguments, unless an interceptor made another of it. */
  private takeBackedOff({ activityType, args }: LocalActivityInput): Call | undefined {
    const waiting = [...this.backingOff];
    const hashNow = currentCall().print ?? hashOf(args);
    const [call] =
      waiting.find(([, backOff]) => backOff.args === args) ??
      waiting.find(([{ action, hash }]) => action === activityType && hash === hashNow) ??
      [];
    if (call) this.backingOff.delete(call);
    return call;
  }
}

/** Hears how it ends, and hands on the very promise. What was not even started ends at once. */
function listen<T>(start: () => Promise<T>, done: (value: T) => void, failed: (error: unknown) => void) {
  try {
    const result = start();
    result.then(done, failed);
    return result;
  } catch (error) {
    failed(error);
    throw error;
  }
}

/** The interceptors of one workflow run; list this module in `workflowModules`, or let the plugin do it. */
export const interceptors = (): WorkflowInterceptors => {
  markInstalled();
  let identity: RunIdentity | undefined;
  // Kept here, not in the module: preloaded modules are shared between workflows.
  const run = (headers: Headers = {}): RunIdentity => (identity ??= new RunIdentity(headers));
  return {
    inbound: [
      {
        execute: (input, next) => {
          run(input.headers);
          return next(input);
        },
      },
    ],
    internals: [
      {
        // Handlers that were there before the workflow began may call activities before `execute`.
        activate: (input, next) => {
          if (!identity)
            for (const { initializeWorkflow: start } of input.activation.jobs ?? [])
              if (start) run(start.headers ?? {});
          return next(input);
        },
      },
    ],
    outbound: [new IdentityOutbound(run)],
  };
};
