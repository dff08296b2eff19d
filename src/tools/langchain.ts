/** Tools of LangChain.js that act once for each intent, for the agents of LangChain and LangGraph. */
import { ToolMessage } from '@langchain/core/messages';
import type { ToolRunnableConfig, ToolRuntime } from '@langchain/core/tools';
import type { InferInteropZodOutput, InteropZodType } from '@langchain/core/utils/types';

import { InvalidRequestError } from '../core';
import { textOf } from './answers';
import { callTool, checkToolGuard, type ToolGuard } from './guarded-tool';

export type { ToolGuard } from './guarded-tool';

/**
 * What a tool is told of the run that calls it: `configurable`, `context`, `metadata`, and in a LangGraph agent its `state`,
 * where a plan may be kept. Take nothing from its tool call: a retry has another one.
 */
export type RunOfTool = Omit<ToolRunnableConfig, 'toolCall'> & Partial<Pick<ToolRuntime, 'state' | 'store'>>;

/** How a tool is guarded. `requestId` gets the arguments, after the schema has parsed them, and the run. */
export type LangChainToolGuard<A, R = unknown> = ToolGuard<A, R, RunOfTool>;

/** The arguments of a schema; those of a JSON schema are not known to TypeScript. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type ArgsOf<S> = S extends InteropZodType ? InferInteropZodOutput<S> : any;

/** A tool of any copy of `@langchain/core`: made by `tool()`, or of a class that extends `StructuredTool`. */
export interface AnyTool {
  readonly name: string;
  readonly schema: unknown;
  invoke(...args: never): Promise<unknown>;
}

/**
 * Guards a tool: `guardTool({ guard, requestId }, tool(func, fields))`, for LangGraph's `ToolNode` and all agents. It gives
 * what the tool gave, also on a replay. Everything else (refused, unknown, in flight, a reused id) is a `ToolMessage` of
 * status `error` that tells the model what happened and what it must not do now, not an exception, which `ToolNode` answers
 * with "Please fix your mistakes", and retry policies with another call. Called without a tool call, it gives that text.
 *
 * In the tool, `requestId()` and `currentClaim()` of `activity-guard` are those of the call; the `signal` of the claim says
 * that the run was stopped, and the tool is waited for all the same. Give plain results: a `Command`
 * or a `ToolMessage` is not the same when it is replayed. Interrupt before the tool, not in it: what it throws means that
 * nobody knows what happened.
 * @throws InvalidRequestError for options that guard nothing, and for what is no tool
 */
export function guardTool<T extends AnyTool>(
  guardOptions: LangChainToolGuard<ArgsOf<NoInfer<T>['schema']>>,
  tool: T,
): T {
  checkToolGuard('guardTool', guardOptions);
  const made = tool as AnyTool as OpenTool;
  if (typeof (made as OpenTool | undefined)?._call !== 'function')
    throw new InvalidRequestError('guardTool needs a tool of @langchain/core: tool(func, fields).');
  const _call: OpenTool['_call'] = async (args, callbacks, run) => {
    const call = {
      name: made.name,
      args: args as ArgsOf<T['schema']>,
      context: run as RunOfTool,
      signal: run?.signal,
    };
    // Told of the signal, tool() gives up at once while its function goes on: its end would never be known.
    const { signal: _stops, ...untilItsEnd } = run ?? {};
    const answer = await callTool(guardOptions, call, () =>
      endOf(made._call(args, callbacks, untilItsEnd), callbacks),
    );
    if (answer.status === 'done') return answer.result;
    const id = run?.toolCall?.id;
    const told =
      id === undefined
        ? textOf(answer)
        : new ToolMessage({ status: 'error', content: textOf(answer), tool_call_id: id, name: made.name });
    return made.responseFormat === 'content_and_artifact' ? [told, undefined] : told;
  };
  // All but the call is the tool's own: what the model sees of it, its schema, callbacks and configuration.
  return Object.create(made, { _call: { value: _call } }) as T;
}

/** A tool as LangChain calls it, after the schema has parsed the arguments. */
interface OpenTool extends AnyTool {
  readonly responseFormat?: unknown;
  _call(args: unknown, callbacks: Callbacks | undefined, run: ToolRunnableConfig | undefined): unknown;
}

interface Callbacks {
  handleToolEvent(event: unknown): unknown;
}

/** The result of a tool, which may tell of its progress by yielding. */
async function endOf(ending: unknown, callbacks: Callbacks | undefined): Promise<unknown> {
  const result = await ending;
  if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return result;
  const steps = (result as AsyncGenerator)[Symbol.asyncIterator]();
  for (;;) {
    const step: IteratorResult<unknown, unknown> = await steps.next();
    if (step.done) return step.value;
    await callbacks?.handleToolEvent(step.value);
  }
}
