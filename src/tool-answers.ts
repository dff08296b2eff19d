/**
 * What a model reads when a tool of its is guarded: what happened, and what it must not do now. Imports nothing but types:
 * the workflow sandbox reads it too.
 */
import type { GuardErrorCode } from './core';

/** The end of a tool call, for programs. */
export type ToolAnswer<R = unknown> =
  | {
      readonly status: 'done';
      readonly requestId: string;
      /** It had been done before this call, and was not done again. */
      readonly replayed: boolean;
      readonly result: R;
    }
  | {
      /** The provider has finally said no. */
      readonly status: 'refused';
      readonly requestId: string;
      readonly replayed: boolean;
      readonly error: { readonly name: string; readonly message: string };
    }
  | {
      /**
       * `no-result`: it happened, and its result is not kept here. `in-flight`: somebody else is at it. `unknown`: nobody
       * knows whether it happened. `conflict`: the id belongs to another intent. `not-done`: nothing happened, and it may be
       * tried again. `invalid`: nothing happened, and trying the same again cannot help.
       */
      readonly status: 'no-result' | 'in-flight' | 'unknown' | 'conflict' | 'not-done' | 'invalid';
      readonly requestId: string | undefined;
      readonly code: GuardErrorCode;
    };

/** What each error of the guard says of the call. */
export const statusOf: Readonly<Record<GuardErrorCode, Exclude<ToolAnswer['status'], 'done' | 'refused'>>> = {
  OutcomeUnknown: 'unknown',
  ResultUnavailable: 'no-result',
  InFlight: 'in-flight',
  LeaseLost: 'in-flight',
  RequestIdReused: 'conflict',
  ReceiptPruned: 'conflict',
  NotCommitted: 'not-done',
  ReceiptStoreUnavailable: 'not-done',
  InvalidRequest: 'invalid',
  GuardNotInstalled: 'invalid',
  Rejected: 'invalid',
};

/** Whether the model is to take it for a failure of the tool. */
export const isFailure = ({ status }: ToolAnswer): boolean => status !== 'done';

/** What is added to a result that is given again. */
export const replayNote = (requestId: string): string =>
  `This had already been done (request id ${requestId}); it was not done again. Do not call the tool again for it.`;

/** The answer in words for the model. Written so that it neither tries again what must not be, nor gives up too early. */
export function textOf(answer: ToolAnswer): string {
  const id = answer.requestId === undefined ? '' : ` (request id ${answer.requestId})`;
  switch (answer.status) {
    case 'done': {
      const result = typeof answer.result === 'string' ? answer.result : JSON.stringify(answer.result);
      const text = result ?? 'Done.';
      return answer.replayed ? `${text}\n\n${replayNote(answer.requestId)}` : text;
    }
    case 'refused':
      return `Refused for good${id}: ${answer.error.message}. Nothing was done. Calling the tool again gives the same answer; do not try it in another way without asking.`;
    case 'in-flight':
      return `Another call is doing exactly this right now${id}. Do not do it in another way. If you need its result, call the tool again later with the same arguments.`;
    case 'no-result':
      return `This has been done${id}, and its result cannot be told here. It was not done again. Do not call the tool again and do not do it in another way; if the result is needed, tell the user to look it up at the provider.`;
    case 'unknown':
      return `It is unknown whether this happened${id}. It was not done again. Do not call the tool again and do not do it in another way: it could happen twice. Tell the user that somebody has to find out first.`;
    case 'conflict':
      if (answer.code === 'ReceiptPruned')
        return `This was settled long ago${id}, and what became of it is no longer kept. Do not do it; ask the user.`;
      return `This request id${id} belongs to something else that was asked for before. Nothing was done. If this is a new intent, it needs a request id of its own; if it is a correction, ask the user.`;
    case 'not-done':
      return `This surely did not happen${id}. You may call the tool again with the same arguments.`;
    case 'invalid':
      return `This call cannot be guarded, so nothing was done${id}. Calling it again with the same arguments cannot help.`;
    default:
      return answer satisfies never;
  }
}

/** The output of a tool that did not act, or of which nobody knows it. The model reads its `message`. */
export interface ToolFailure {
  /** Why. Also tells failures from results. */
  readonly activityGuard: Exclude<ToolAnswer['status'], 'done'>;
  readonly requestId: string | undefined;
  readonly message: string;
}

/** Whether a tool's output is no result of it. */
export const isToolFailure = (output: unknown): output is ToolFailure =>
  typeof output === 'object' && output !== null && 'activityGuard' in output && 'message' in output;

/** An answer as the output of a tool. */
export const toolFailure = (answer: Exclude<ToolAnswer, { status: 'done' }>): ToolFailure => ({
  activityGuard: answer.status,
  requestId: answer.requestId,
  message: textOf(answer),
});
