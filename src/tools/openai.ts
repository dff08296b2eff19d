/** Function tools of the OpenAI Agents SDK that act once for each intent. */
import type {
  RunContext,
  ToolExecuteArgument,
  ToolInputParameters,
  ToolOptions,
  ToolOutputSchema,
} from '@openai/agents-core';

import { InvalidRequestError } from '../core';
import { textOf } from './answers';
import { callTool, checkToolGuard, type ToolGuard } from './guarded-tool';

export type { ToolGuard } from './guarded-tool';

/** How a function tool is guarded. `requestId` gets the arguments and the run's context: `run(agent, input, { context })`. */
export type OpenAIToolGuard<P extends ToolInputParameters, Context> = ToolGuard<
  ToolExecuteArgument<P>,
  unknown,
  RunContext<Context>
>;

/**
 * Guards the `execute` of a function tool: `tool(guardTool({ guard, requestId }, { name, parameters, execute, … }))`. It
 * gives what `execute` gave, also on a replay. Everything else (refused, unknown, in flight, a reused id) is a text that
 * tells the model what happened and what it must not do now, not an exception, which the SDK answers with "Please try again".
 *
 * A tool with an `outputSchema` can give no text: there an error with that text is thrown, which ends the run, or goes to
 * the tool's own `errorFunction`.
 *
 * In `execute`, `requestId()` and `currentClaim()` of `activity-guard` are those of the call.
 * @returns options for your own `tool`: runs tell tools of another copy of the SDK (CommonJS, ES modules) apart
 * @throws InvalidRequestError for options that guard nothing
 */
export function guardTool<
  P extends ToolInputParameters = undefined,
  Context = unknown,
  S extends ToolOutputSchema | undefined = undefined,
>(
  guardOptions: OpenAIToolGuard<P, Context>,
  toolOptions: ToolOptions<P, Context, S>,
): ToolOptions<P, Context, S> {
  checkToolGuard('guardTool', guardOptions);
  // Both kinds of options have the same `execute`, which TypeScript does not see while P is open.
  const { execute, name = execute?.name, outputSchema } = toolOptions as OpenOptions<P, Context>;
  if (typeof execute !== 'function')
    throw new InvalidRequestError('guardTool needs the options of a tool, with execute.');
  const guarded: typeof execute = async (args, context, details) => {
    const call = { name, args, context, signal: details?.signal };
    const answer = await callTool(guardOptions, call, () => execute(args, context, details));
    if (answer.status === 'done') return answer.result;
    if (outputSchema !== undefined) throw new Error(textOf(answer));
    return textOf(answer);
  };
  return { ...toolOptions, name, execute: guarded } as ToolOptions<P, Context, S>;
}

/** The options of a tool as they are when their types are known. */
interface OpenOptions<P extends ToolInputParameters, Context> {
  readonly name?: string;
  readonly outputSchema?: unknown;
  readonly execute: (
    args: ToolExecuteArgument<P>,
    context: RunContext<Context>,
    details?: { readonly signal?: AbortSignal },
  ) => unknown;
}
