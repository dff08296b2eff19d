/** Tools of the AI SDK (`ai`) that act once for each intent. */
import type { Tool, ToolExecutionOptions } from 'ai';

import { InvalidRequestError } from '../core';
import { isToolFailure, toolFailure, type ToolFailure } from '../tool-answers';
import { callTool, checkToolGuard, type ToolGuard } from './guarded-tool';

export { isToolFailure } from '../tool-answers';
export type { ToolFailure } from '../tool-answers';
export type { ToolGuard } from './guarded-tool';

/** What a tool is told of the run that calls it. The id of the tool call is left out: a retry has another one. */
export type RunOfTool = Omit<ToolExecutionOptions, 'toolCallId'>;

/** How a tool is guarded. `requestId` gets the arguments and the run: its `experimental_context`, where a plan may be kept. */
export interface AIToolGuard<A, R = unknown> extends ToolGuard<A, R, RunOfTool> {
  /** What is done, such as `send_email`. Tools of the AI SDK have no name of their own. */
  readonly action: string;
}

/**
 * Guards a tool: `guardTool({ guard, action, requestId }, tool({ inputSchema, execute, … }))`. It gives what `execute`
 * gave, also on a replay. Everything else (refused, unknown, in flight, a reused id) is a {@link ToolFailure}, whose text the
 * model reads as the tool's error, not an exception: chats hide the messages of exceptions, and the model with them.
 *
 * Of an `execute` that yields, the last value is the result; values before it are not shown. In it, `requestId()` and
 * `currentClaim()` of `activity-guard` are those of the call.
 * @throws InvalidRequestError for options that guard nothing, and for a tool without `execute`: it runs elsewhere
 */
export function guardTool<INPUT, OUTPUT>(
  guardOptions: AIToolGuard<NoInfer<INPUT>, NoInfer<OUTPUT>>,
  tool: Tool<INPUT, OUTPUT>,
): Tool<INPUT, OUTPUT | ToolFailure> {
  checkToolGuard('guardTool', guardOptions);
  const { action } = guardOptions;
  if (typeof action !== 'string' || action === '')
    throw new InvalidRequestError("guardTool needs an action, such as 'send_email': the tool has no name.");
  // An output schema describes results alone, and would refuse failures in messages that are read again.
  const { execute, toModelOutput, outputSchema: _results, ...rest } = tool as OpenTool<INPUT, OUTPUT>;
  if (typeof execute !== 'function')
    throw new InvalidRequestError('guardTool needs a tool with execute: one without runs elsewhere.');
  const guarded: OpenTool<INPUT, OUTPUT | ToolFailure> = {
    ...rest,
    execute: async (args, { toolCallId, ...context }) => {
      const call = { name: action, args, context, signal: context.abortSignal };
      const answer = await callTool(guardOptions, call, () =>
        lastOf(execute(args, { toolCallId, ...context })),
      );
      return answer.status === 'done' ? answer.result : toolFailure(answer);
    },
    toModelOutput: (told) => {
      const { output } = told;
      if (isToolFailure(output)) return { type: 'error-text', value: output.message };
      if (toModelOutput) return toModelOutput({ ...told, output });
      return typeof output === 'string'
        ? { type: 'text', value: output }
        : { type: 'json', value: output ?? null };
    },
  };
  return guarded as Tool<INPUT, OUTPUT | ToolFailure>;
}

type ModelOutput = Awaited<ReturnType<NonNullable<Tool['toModelOutput']>>>;

/** A tool as it is when its types are known. */
interface OpenTool<INPUT, OUTPUT> {
  execute?: (
    args: INPUT,
    options: ToolExecutionOptions,
  ) => AsyncIterable<OUTPUT> | PromiseLike<OUTPUT> | OUTPUT;
  toModelOutput?: (told: {
    toolCallId: string;
    input: INPUT;
    output: OUTPUT;
  }) => ModelOutput | PromiseLike<ModelOutput>;
  outputSchema?: unknown;
}

async function lastOf<T>(output: AsyncIterable<T> | PromiseLike<T> | T): Promise<T> {
  if (typeof output !== 'object' || output === null || !(Symbol.asyncIterator in output)) return output;
  let last: T | undefined;
  for await (const value of output) last = value;
  return last as T;
}
