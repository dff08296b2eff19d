/**
 * Takes the scope of a Nexus caller over to the workflows that the operation's handler starts, as a child workflow
 * takes over its parent's. The header may come from another team's namespace. So a scope is never used as it came:
 * what a handler starts gets one of its own, made from it, from who called, and from what is started.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { WorkflowClientInterceptor } from '@temporalio/client';
import {
  Runtime,
  type NexusInboundCallsInterceptor,
  type NexusStartOperationInput,
  type WorkerInterceptors,
} from '@temporalio/worker';

import { CallTable, composeId, hashArgs, type Call } from '../../ids';
import { headerName, nexusHeaderName, writeHeader, type IdentityProblem } from '../header';
import { lineOf } from './finding';

/** Who calls a Nexus operation, and which. */
export interface NexusCaller {
  /** The calling workflow's namespace as the server states it, or `undefined` if no workflow called. */
  readonly namespace: string | undefined;
  readonly service: string;
  readonly operation: string;
}

type OperationContext = NexusStartOperationInput['ctx'];

/** The starts of one run of a handler, or why they have no scope. */
const handlerStarts = new AsyncLocalStorage<CallTable | IdentityProblem>();

/** What the workflow interceptor sends. Nothing else is taken, however long it is. */
const sentScope = /^child-[0-9a-f]{32}$/;

/** Or why the caller has no scope to send: what is started for it has none either. */
const sentProblems: readonly IdentityProblem[] = ['start-arguments', 'cron-with-retry'];

/** For the worker's `interceptors`. `trust` says whose scopes are taken over. */
export function nexusInterceptors(
  trust: (caller: NexusCaller) => boolean = () => true,
): Required<Pick<WorkerInterceptors, 'nexus' | 'client'>> {
  const warnOnce = brokenHeaderWarning();
  const startOperation: NonNullable<NexusInboundCallsInterceptor['startOperation']> = (input, next) => {
    const { [nexusHeaderName]: sent } = input.ctx.headers;
    if (sent === undefined) return next(input);
    const problem = sentProblems.find((name) => name === sent);
    if (!problem && !sentScope.test(sent)) {
      warnOnce(input.ctx);
      return next(input);
    }
    const { service, operation } = input.ctx;
    const namespace = callerNamespace(input.ctx);
    if (!trust({ namespace, service, operation })) return next(input);
    const scope = composeId(['nexus', namespace ?? '', service, operation, sent]);
    return handlerStarts.run(problem ?? new CallTable(scope), () => next(input));
  };
  return { nexus: [() => ({ inbound: { startOperation } })], client: { workflow: [{ startWithDetails }] } };
}

/** Not `signalWithStart` nor `startUpdateWithStart`: such a workflow is shared by callers, and is no one's child. */
const startWithDetails: NonNullable<WorkflowClientInterceptor['startWithDetails']> = async (input, next) => {
  const starts = handlerStarts.getStore();
  if (!starts || headerName in input.headers) return next(input);
  const call = startOf(starts, input.workflowType, input.options.args);
  // No other kind of workflow has such a scope: it must not get the receipts of one.
  const value = typeof call === 'string' ? { problem: call } : { scope: call.id.replace('child', 'nexus') };
  const start = next({ ...input, headers: { ...input.headers, [headerName]: writeHeader(value) } });
  if (typeof starts === 'string' || typeof call === 'string') return start;
  try {
    const started = await start;
    starts.settle(call);
    return started;
  } catch (error) {
    starts.reopen(call); // the handler that tries again means the same start
    throw error;
  }
};

function startOf(
  starts: CallTable | IdentityProblem,
  type: string,
  args: readonly unknown[],
): Call | IdentityProblem {
  if (typeof starts === 'string') return starts;
  try {
    return starts.start('child', type, hashArgs(args));
  } catch {
    return 'start-arguments';
  }
}

/** The server puts the event that scheduled the operation into the links; a workflow cannot write them. */
function callerNamespace({ inboundLinks }: OperationContext): string | undefined {
  const link = inboundLinks.find(({ type }) => type === 'temporal.api.common.v1.Link.WorkflowEvent');
  const name = /^\/namespaces\/([^/]+)\//.exec(link?.url.pathname ?? '')?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** Warns of a header that the guard did not write, once. It is not quoted: it may be anything. */
function brokenHeaderWarning(): (ctx: OperationContext) => void {
  let hasWarned = false;
  return ({ service, operation }) => {
    if (hasWarned) return;
    hasWarned = true;
    const message = `A caller of the Nexus operation ${service}/${operation} sent a header ${nexusHeaderName} that the guard does not write; it is ignored, and what the operation starts is not tied to its caller.`;
    Runtime.instance().logger.warn(lineOf({ level: 'warning', code: 'nexus-header', message }), {
      code: 'nexus-header',
    });
  };
}
