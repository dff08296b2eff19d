/** A LangGraph agent whose model calls a tool again: `node dist/examples/tools/langchain.js`. */
import { AIMessage } from '@langchain/core/messages';
import { fakeModel } from '@langchain/core/testing';
import { tool } from '@langchain/core/tools';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { z } from 'zod';

import { Guard } from 'activity-guard';
import { guardTool } from 'activity-guard/langchain';
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
  const sendMail = guardTool(
    { guard, requestId: ({ invoice }) => `mail:${invoice}`, fingerprint: ({ invoice }) => invoice },
    tool(async ({ text }) => `sent as mail ${sent.push(text)}`, {
      name: 'send_mail',
      description: 'Mails an invoice',
      schema: z.object({ invoice: z.string(), text: z.string() }),
    }),
  );
  // In place of a model: a call in each turn, every one under an id of its own.
  const llm = fakeModel();
  for (const args of wanted) llm.respondWithTools([{ name: 'send_mail', args }]);
  llm.respond(new AIMessage('done'));

  const agent = createReactAgent({ llm, tools: [sendMail] });
  const { messages } = await agent.invoke({ messages: ['Send invoice 7 to Ann.'] });
  const [first, again] = messages.filter(({ type }) => type === 'tool');
  console.log(`first call: ${first?.text}`);
  console.log(`retry: ${again?.text}`);
  const intents = new Set(wanted.map(({ invoice }) => invoice));
  console.log(`effects: ${sent.length}, intents: ${intents.size}`);
}

run(() => withDatabase(main));
