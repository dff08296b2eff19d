import type { Order, ToolCall } from './order';

/** What the model sees and what the workflow keeps: plain JSON, so that it lives in the history. */
export type Message =
  | { role: 'user'; order: Order }
  | { role: 'assistant'; text: string; call: ToolCall }
  | { role: 'tool'; call: ToolCall; outcome: ToolOutcome };

export type ToolOutcome = { ok: true; result: ToolResult } | { ok: false; error: string };

/** What the provider answered: its own id of the thing, and what else the model may need. */
export interface ToolResult {
  id: string;
  [detail: string]: string | number;
}

/** One turn of the model: the next tool to call, or that it is done. */
export type Decision = { type: 'call'; text: string; call: ToolCall } | { type: 'done'; text: string };

/** A model decides and has no side effect: asking it again is safe, only slower and dearer. */
export interface Model {
  decide(conversation: readonly Message[]): Promise<Decision>;
}
