/**
 * The workflow's part of the guard: gives every activity call the id of the intent it belongs to, in a header.
 * Adding or removing it never changes what a workflow does: it writes headers only, draws no random numbers,
 * awaits nothing before `next`, and hands on the very promises it got.
 */
import {
  ApplicationFailure,
  workflowInfo,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';

import { CallTable, hashArgs, nextScope, type Call } from '../../ids';
import {
  headerName,
  nexusHeaderName,
  readHeader,
  writeHeader,
  type CallHeader,
  type IdentityProblem,
  type ScopeHeader,
} from '../header';
import { currentExplicitId, markInstalled, type ExplicitId } from './explicit-id';
import { isRejectionOf } from './failures';
import { scopeOf } from './scope';

type Headers = Parameters<typeof readHeader>[0];

interface Identified {
  readonly header: CallHeader;
  /** The derived call, whose slot has to be closed or reopened. */
  readonly call?: Call;
}

/** The identity of one workflow run and its calls. */
class RunIdentity {
  private readonly scope: ReturnType<typeof scopeOf>;
  private readonly calls: CallTable | undefined;

  constructor(headers: Headers) {
    this.scope = scopeOf(workflowInfo(), readHeader<ScopeHeader>(headers));
    if ('scope' in this.scope) this.calls = new CallTable(this.scope.scope, this.scope.open);
  }

  activity(action: string, args: readonly unknown[]): Identified {
    const explicit = currentExplicitId();
    const hash = hashOf(args);
    if (explicit) return { header: useExplicitId(explicit, action, hash ?? '') };
    if (hash === undefined) return problem('arguments');
    if (!this.calls) return problem('problem' in this.scope ? this.scope.problem : 'arguments');
    const call = this.calls.start('activity', action, hash);
    return { header: { id: call.id }, call };
  }

  child(type: string, args: readonly unknown[]): Call | undefined {
    const hash = hashOf(args);
    return hash === undefined ? undefined : this.calls?.start('child', type, hash);
  }

  settle(call: Call): void {
    this.calls?.settle(call);
  }

  reopen(call: Call): void {
    this.calls?.reopen(call);
  }

  next(): ScopeHeader | undefined {
    if (!('scope' in this.scope) || !this.calls) return undefined;
    return { scope: nextScope(this.scope.scope), from: workflowInfo().runId, open: this.calls.openCalls() };
  }
}

const problem = (name: IdentityProblem): Identified => ({ header: { problem: name } });

function hashOf(args: readonly unknown[]): string | undefined {
  try {
    return hashArgs(args);
  } catch {
    return undefined; // an unguarded activity may not care; a guarded one refuses
  }
}

function useExplicitId(explicit: ExplicitId, action: string, hash: string): CallHeader {
  explicit.call ??= { action, hash };
  if (explicit.call.action !== action || explicit.call.hash !== hash) {
    throw ApplicationFailure.nonRetryable(
      `withRequestId: one id names one call, but ${action} was called after ${explicit.call.action}${explicit.call.action === action ? ' with other arguments' : ''} under the same id. Give each call its own withRequestId.`,
      'InvalidRequest',
    );
  }
  return { idHash: explicit.idHash };
}

const withHeader = <I extends { readonly headers: Headers }>(
  input: I,
  header: CallHeader | ScopeHeader,
): I => ({
  ...input,
  headers: { ...input.headers, [headerName]: writeHeader(header) },
});

/** The SDK throws this through the interceptors when it will schedule the same local activity again after a timer. */
const isLocalBackoff = (error: unknown): boolean =>
  error instanceof Error && error.name === 'LocalActivityDoBackoff';

class IdentityOutbound implements WorkflowOutboundCallsInterceptor {
  // A local activity that is scheduled again comes with the very same array of arguments.
  private readonly local = new WeakMap<readonly unknown[], Identified>();

  constructor(private readonly run: () => RunIdentity) {}

  scheduleActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleActivity']> = (input, next) => {
    if (headerName in input.headers) return next(input); // registered twice
    const { header, call } = this.run().activity(input.activityType, input.args);
    const result = next(withHeader(input, header));
    if (call) this.follow(call, result);
    return result;
  };

  scheduleLocalActivity: NonNullable<WorkflowOutboundCallsInterceptor['scheduleLocalActivity']> = (
    input,
    next,
  ) => {
    if (headerName in input.headers) return next(input);
    const identified = this.local.get(input.args) ?? this.run().activity(input.activityType, input.args);
    this.local.set(input.args, identified);
    const result = next(withHeader(input, identified.header));
    if (identified.call) this.follow(identified.call, result, () => this.local.delete(input.args));
    return result;
  };

  startChildWorkflowExecution: NonNullable<WorkflowOutboundCallsInterceptor['startChildWorkflowExecution']> =
    (input, next) => {
      if (headerName in input.headers) return next(input);
      const call = this.run().child(input.workflowType, input.options.args ?? []);
      if (!call) return next(input);
      const started = next(withHeader(input, { scope: call.id }));
      this.followStarted(call, started, ([, completed]) => completed);
      return started;
    };

  /** Nexus has headers of its own, of plain texts. The worker that handles the operation reads this one. */
  startNexusOperation: NonNullable<WorkflowOutboundCallsInterceptor['startNexusOperation']> = (
    input,
    next,
  ) => {
    if (nexusHeaderName in input.headers) return next(input);
    const call = this.run().child('nexus', [input.endpoint, input.service, input.operation, input.input]);
    if (!call) return next(input);
    const started = next({ ...input, headers: { ...input.headers, [nexusHeaderName]: call.id } });
    this.followStarted(call, started, ({ result }) => result);
    return started;
  };

  continueAsNew: NonNullable<WorkflowOutboundCallsInterceptor['continueAsNew']> = (input, next) => {
    const scope = headerName in input.headers ? undefined : this.run().next();
    return next(scope ? withHeader(input, scope) : input);
  };

  /** Only a result settles the slot of what was started. */
  private followStarted<T>(call: Call, started: Promise<T>, resultOf: (output: T) => Promise<unknown>): void {
    const reopen = (): void => this.run().reopen(call);
    started.then((output) => {
      resultOf(output).then(() => this.run().settle(call), reopen);
    }, reopen);
  }

  /** A result settles the slot, and so does a rejection of this very intent; every other end leaves it open. */
  private follow(call: Call, result: Promise<unknown>, ended: () => void = () => undefined): void {
    result.then(
      () => {
        ended();
        this.run().settle(call);
      },
      (error: unknown) => {
        if (isLocalBackoff(error)) return;
        ended();
        if (isRejectionOf(error, call.id)) this.run().settle(call);
        else this.run().reopen(call);
      },
    );
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
    outbound: [new IdentityOutbound(run)],
  };
};
