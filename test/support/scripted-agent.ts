/** A model that follows a script, in other words each time it is asked where it has any. It keeps nothing: any worker may ask it. */
import { randomUUID } from 'node:crypto';

import { AiSdkPlugin, type McpClientFactories } from '@temporalio/ai-sdk';
import { customProvider } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';

import type { Payment } from '../fixtures/activities';
import type { Message, Task, Turn } from '../fixtures/agent-workflows';

/** The next turn, after `made` of them; the last one says what it has read of its calls. */
function turnOf(script: string, made: number, read: readonly unknown[]): Turn {
  const turn = (JSON.parse(script) as Task['turns'])[made] ?? [];
  const reworded = (payment: Payment): Payment =>
    payment.note === '' ? payment : { ...payment, note: `${payment.note} ${randomUUID()}` };
  return { calls: turn.map(reworded), text: turn.length > 0 ? '' : JSON.stringify(read) };
}

/** The model of the loop by hand, as an activity. */
export async function decide(messages: readonly Message[]): Promise<Turn> {
  const [first] = messages;
  const made = messages.filter(({ role }) => role === 'assistant').length;
  const read = messages.flatMap((message) => (message.role === 'tool' ? message.outputs : []));
  return turnOf(first?.role === 'user' ? first.text : '', made, read);
}

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

const scripted = new MockLanguageModelV3({
  doGenerate: async ({ prompt }) => {
    const script = prompt.flatMap(({ role, content }) => (role === 'user' ? content : []));
    const made = prompt.filter(({ role }) => role === 'assistant').length;
    const read = prompt
      .flatMap(({ role, content }) => (role === 'tool' ? content : []))
      .flatMap((part) => (part.type === 'tool-result' && 'value' in part.output ? [part.output.value] : []));
    const { calls, text } = turnOf(script[0]?.type === 'text' ? script[0].text : '', made, read);
    const content = calls.map((payment) => ({
      ...{ type: 'tool-call' as const, toolCallId: randomUUID(), toolName: 'pay' },
      input: JSON.stringify(payment),
    }));
    const finishReason = {
      unified: text === '' ? ('tool-calls' as const) : ('stop' as const),
      raw: undefined,
    };
    return { content: text === '' ? content : [{ type: 'text', text }], finishReason, usage, warnings: [] };
  },
});

/** The worker's part of the AI SDK, with that model. */
export const aiSdkPlugin = (mcpClientFactories: McpClientFactories = {}): AiSdkPlugin =>
  new AiSdkPlugin({ modelProvider: customProvider({ languageModels: { scripted } }), mcpClientFactories });
