/** A loop of the AI SDK whose model calls a tool again: `node dist/examples/tools/ai-sdk.js`. */
import { generateText, stepCountIs, tool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

import { Guard } from 'activity-guard';
import { guardTool } from 'activity-guard/ai';
import { run, withDatabase, type Database } from './database';

/** The mail server's own list of what was sent. */
const sent: string[] = [];

/** What the model wants sent in its turns: the same invoice, in other words. */
const wanted = [
  { invoice: '7', text: 'Dear Ann, your invoice is attached.' },
  { invoice: '7', text: 'Hello Ann, here is invoice 7.' },
];

async function main({ receipts }: Database): Promise<void> {
  const guard = new Guard({ receipts });
  const send_mail = guardTool(
    {
      guard,
      action: 'send_mail',
      requestId: ({ invoice }) => `mail:${invoice}`,
      fingerprint: ({ invoice }) => invoice,
    },
    tool({
      description: 'Mails an invoice',
      inputSchema: z.object({ invoice: z.string(), text: z.string() }),
      execute: async ({ text }) => `sent as mail ${sent.push(text)}`,
    }),
  );
  const { steps } = await generateText({
    model: scripted(),
    tools: { send_mail },
    stopWhen: stepCountIs(wanted.length),
    prompt: 'Send invoice 7 to Ann.',
  });
  const [first, again] = steps.flatMap(({ toolResults }) => toolResults);
  console.log(`first call: ${String(first?.output)}`);
  console.log(`retry: ${String(again?.output)}`);
  const intents = new Set(wanted.map(({ invoice }) => invoice));
  console.log(`effects: ${sent.length}, intents: ${intents.size}`);
}

/** In place of a model: a call in each turn, every one under an id of its own. */
const scripted = () =>
  new MockLanguageModelV3({
    doGenerate: wanted.map((mail, turn) => ({
      content: [
        {
          type: 'tool-call',
          toolCallId: `call_${turn}`,
          toolName: 'send_mail',
          input: JSON.stringify(mail),
        },
      ],
      finishReason: { unified: 'tool-calls', raw: undefined },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      },
      warnings: [],
    })),
  });

run(() => withDatabase(main));
