/**
 * An application of ES modules, as most agents are: it has the frameworks' other copies than the CommonJS of this package.
 * Prints what each framework's loop did with two calls of one intent, and with arguments that are none.
 */
import {
  Agent,
  Runner,
  setTracingDisabled,
  tool as openaiTool,
  Usage,
  type Model,
} from '@openai/agents-core';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { generateText, stepCountIs, tool as aiTool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

import { Guard, memoryReceipts } from '../../src/index.js';
import { guardTool as guardAI } from '../../src/tools/ai.js';
import { guardTool as guardLangChain } from '../../src/tools/langchain.js';
import { guardTool as guardOpenAI } from '../../src/tools/openai.js';

const guard = new Guard({ receipts: memoryReceipts() });
const sent: string[] = [];
const schema = z.object({ invoice: z.string() });
const send = async ({ invoice }: { invoice: string }): Promise<string> => `sent ${sent.push(invoice)}`;
const options = { guard, action: 'send_mail' };
/** The arguments of three turns, each with one call. */
const turns = (invoice: string): unknown[] => [{ invoice }, { invoice }, { invoice: 7 }];

async function openai(): Promise<unknown> {
  const script = turns('a').map((args) => JSON.stringify(args));
  script[2] = '{';
  const read: unknown[] = [];
  const model: Model = {
    getResponse: async ({ input }) => {
      const results = (typeof input === 'string' ? [] : input).filter(
        ({ type }) => type === 'function_call_result',
      );
      read.splice(
        0,
        read.length,
        ...results.map((result) => (result as { output: { text: string } }).output.text),
      );
      const args = script.shift();
      const [callId, status] = [`call_${script.length}`, 'completed' as const];
      const call = {
        type: 'function_call' as const,
        callId,
        name: 'send_mail',
        arguments: args ?? '',
        status,
      };
      const content = [{ type: 'output_text' as const, text: 'done' }];
      const end = { type: 'message' as const, role: 'assistant' as const, status, content };
      return { usage: new Usage(), output: [args === undefined ? end : call] };
    },
    getStreamedResponse: () => {
      throw new Error('not scripted');
    },
  };
  const settings = { name: 'send_mail', description: 'Sends', parameters: schema, execute: send };
  const made = openaiTool(guardOpenAI({ ...options, requestId: ({ invoice }) => invoice }, settings));
  const agent = new Agent({ name: 'clerk', model, tools: [made] });
  const { finalOutput } = await new Runner({ tracingDisabled: true }).run(agent, 'send it');
  return [...read, finalOutput];
}

class ScriptedModel extends BaseChatModel {
  private readonly script = turns('b');

  override _llmType(): string {
    return 'scripted';
  }

  override bindTools(): this {
    return this;
  }

  override async _generate() {
    const args = this.script.shift() as Record<string, unknown> | undefined;
    const calls = args ? [{ name: 'send_mail', args, id: `call_${this.script.length}` }] : [];
    return { generations: [{ text: '', message: new AIMessage({ content: 'done', tool_calls: calls }) }] };
  }
}

async function langchain(): Promise<unknown> {
  const made = guardLangChain(
    { ...options, requestId: ({ invoice }) => invoice },
    langchainTool(send, { name: 'send_mail', schema }),
  );
  const agent = createReactAgent({ llm: new ScriptedModel({}), tools: [made] });
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'send it' }] });
  const results = messages.filter(({ type }) => type === 'tool');
  return [...results, ...messages.slice(-1)].map(({ text }) => text);
}

async function ai(): Promise<unknown> {
  const script = turns('c');
  const total = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0, text: 1, reasoning: 0 };
  const read: unknown[] = [];
  const model = new MockLanguageModelV3({
    doGenerate: async ({ prompt }) => {
      const results = prompt.flatMap(({ role, content }) => (role === 'tool' ? content : []));
      read.splice(
        0,
        read.length,
        ...results.map((part) => (part as { output: { value: unknown } }).output.value),
      );
      const args = script.shift();
      const call = { type: 'tool-call' as const, toolCallId: `call_${script.length}`, toolName: 'send_mail' };
      const unified = args ? ('tool-calls' as const) : ('stop' as const);
      return {
        content: args ? [{ ...call, input: JSON.stringify(args) }] : [{ type: 'text', text: 'done' }],
        finishReason: { unified, raw: undefined },
        usage: { inputTokens: total, outputTokens: total },
        warnings: [],
      };
    },
  });
  const made = aiTool({ inputSchema: schema, execute: send });
  const send_mail = guardAI({ ...options, requestId: ({ invoice }) => invoice }, made);
  const { text } = await generateText({
    model,
    stopWhen: stepCountIs(6),
    tools: { send_mail },
    prompt: 'send it',
  });
  return [...read, text];
}

setTracingDisabled(true);
const told = { openai: await openai(), langchain: await langchain(), ai: await ai() };
console.log(JSON.stringify({ sent, ...told }));
