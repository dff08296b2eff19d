/** Tools of servers made with the official MCP SDK, run once for each intent. Of the SDK only types are used. */
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js' with {
  'resolution-mode': 'import',
};
import type {
  CallToolResult,
  ServerNotification,
  ServerRequest,
} from '@modelcontextprotocol/sdk/types.js' with { 'resolution-mode': 'import' };

import { InvalidRequestError, NotCommittedError, RejectedError, type ErrorClass } from '../core';
import type { EffectClaim } from '../guard';
import { isFailure, replayNote, textOf, type ToolAnswer } from './answers';
import { callTool, checkToolGuard, type ToolGuard } from './guarded-tool';

export { claimServer } from './mcp-server';

/** What the SDK tells a tool of the request. */
export type McpRequest = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** The key in the `_meta` of a call under which a client names the intent. */
export const requestIdKey = 'activity-guard/requestId';

/** The key in the `_meta` of a result under which programs find the guard's answer. */
export const answerKey = 'activity-guard/answer';

/** How a tool of an MCP server is guarded. */
export interface McpToolGuard<A> extends Omit<ToolGuard<A, CallToolResult>, 'requestId' | 'action'> {
  /** What is done, such as `send_email`: an id belongs to one action. The tool's name will do. */
  readonly action: string;
  /**
   * Names the intent of a call: from the arguments, and where clients must not meet from who calls, too
   * (`request.authInfo`). Never from `request.requestId`, which names a message: a retry has another one.
   */
  readonly requestId: (args: A, request: McpRequest) => string;
  /**
   * Take the id that a client sends in `_meta` under `activity-guard/requestId`, where it sends one. Not unless all
   * clients are yours: whoever knows an id and its arguments is told its result.
   */
  readonly trustClientIds?: boolean;
  /**
   * What it means that the handler answered with `isError`. That alone proves nothing, as a throw does not: without this
   * (or at `'unknown'`) the outcome is unknown. `'rejected'`: the provider's final no. `'not-committed'`: nothing happened.
   */
  readonly classifyResult?: (result: CallToolResult) => ErrorClass | undefined;
  /**
   * Say what became of a call that was not done also as `structuredContent`, for clients that do not read `_meta`. Not for
   * a tool with an `outputSchema`: its clients throw at content that does not fit, and their model never reads why.
   */
  readonly structuredAnswers?: boolean;
}

/** The handler answered with `isError`, which says nothing of the outcome. */
class ToolResultError extends Error {
  override readonly name = 'ToolResultError';
}

/**
 * A callback for `server.registerTool(name, { inputSchema, … }, guardTool(options, handler))`: the handler runs once for
 * each intent, and every later call of it gets the very result that it gave (`content`, `structuredContent`, `_meta`).
 * What the model reads otherwise says what it must not do now; `_meta['activity-guard/answer']` says it to programs.
 * The result is stored, so that it must not hold what may not be kept.
 * @throws InvalidRequestError for options that cannot work
 */
export function guardTool<A>(
  options: McpToolGuard<A>,
  handler: (args: A, claim: EffectClaim, request: McpRequest) => CallToolResult | Promise<CallToolResult>,
): (args: A, request: McpRequest) => Promise<CallToolResult> {
  checkToolGuard('guardTool', options);
  const {
    requestId,
    trustClientIds = false,
    classifyResult,
    structuredAnswers = false,
    ...guarded
  } = options;
  return async (args, request) => {
    if ((request as McpRequest | undefined) === undefined)
      throw new InvalidRequestError('guardTool: give the tool an inputSchema. Nothing was run.');
    const sent = trustClientIds ? request._meta?.[requestIdKey] : undefined;
    let failed: CallToolResult | undefined;
    const answer = await callTool<A, CallToolResult>(
      // What a client sends is checked as any other id is: a bad one is refused, and nothing takes its place.
      { ...guarded, requestId: (own) => (sent === undefined ? requestId(own, request) : (sent as string)) },
      { name: options.action, args, signal: request.signal },
      async (own, claim) => {
        const result = await handler(own, claim, request);
        if (!result.isError) return result;
        failed = result;
        throw meaningOf(result, classifyResult);
      },
    );
    return resultOf(answer, { failed, structuredAnswers });
  };
}

/** What is thrown for it: only so does the guard not take it for done. */
function meaningOf(result: CallToolResult, classify: McpToolGuard<never>['classifyResult']): Error {
  const texts = (result.content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : []));
  const message = texts.join('\n') || 'The tool said that it failed.';
  let meaning: ErrorClass | undefined;
  try {
    meaning = classify?.(result);
  } catch {
    // A classifier that fails knows nothing.
  }
  if (meaning === 'rejected') return new RejectedError(message);
  return meaning === 'not-committed' ? new NotCommittedError(message) : new ToolResultError(message);
}

function resultOf(
  answer: ToolAnswer<CallToolResult>,
  {
    failed,
    structuredAnswers,
  }: { readonly failed: CallToolResult | undefined; readonly structuredAnswers: boolean },
): CallToolResult {
  if (answer.status === 'done') {
    const { result, ...rest } = answer;
    const note = answer.replayed ? [text(replayNote(answer.requestId))] : [];
    const _meta = { ...result._meta, [answerKey]: rest };
    return { ...result, content: [...(result.content ?? []), ...note], _meta };
  }
  // What the handler itself said of its failure comes after what the model must not do now.
  const said = answer.status === 'refused' ? [] : (failed?.content ?? []);
  return {
    content: [text(textOf(answer)), ...said],
    ...(structuredAnswers ? { structuredContent: { ...answer } } : {}),
    isError: isFailure(answer),
    _meta: { [answerKey]: answer },
  };
}

const text = (words: string): { type: 'text'; text: string } => ({ type: 'text', text: words });
