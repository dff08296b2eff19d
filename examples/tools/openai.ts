/** A run of the OpenAI Agents SDK that is made again: `node dist/examples/tools/openai.js`. */
import { Agent, Runner, tool, Usage, type Model, type ModelResponse } from '@openai/agents-core';
import { z } from 'zod';

import { Guard } from 'activity-guard';
import { guardTool } from 'activity-guard/openai';
import { run, withDatabase, type Database } from './database';

/** The mail server's own list of what was sent. */
const sent: string[] = [];

/** What the model wants sent in each run: the same invoice, in other words. */
const wanted = {
  'first call': { invoice: '7', text: 'Dear Ann, your invoice is attached.' },
  retry: { invoice: '7', text: 'Hello Ann, here is invoice 7.' },
};

async function main({ receipts }: Database): Promise<void> {
  const guard = new Guard({ receipts });
  const sendMail = tool(
    guardTool(
      { guard, requestId: ({ invoice }) => `mail:${invoice}`, fingerprint: ({ invoice }) => invoice },
      {
        name: 'send_mail',
        description: 'Mails an invoice',
        parameters: z.object({ invoice: z.string(), text: z.string() }),
        execute: async ({ text }) => `sent as mail ${sent.push(text)}`,
      },
    ),
  );
  const runner = new Runner({ tracingDisabled: true });
  for (const [call, mail] of Object.entries(wanted)) {
    const agent = new Agent({ name: 'clerk', model: scripted(mail), tools: [sendMail] });
    const { finalOutput } = await runner.run(agent, 'Send invoice 7 to Ann.');
    console.log(`${call}: ${finalOutput}`);
  }
  const intents = new Set(Object.values(wanted).map(({ invoice }) => invoice));
  console.log(`effects: ${sent.length}, intents: ${intents.size}`);
}

/** In place of a model: it calls the tool, then says what it has read. */
const scripted = (mail: object): Model => ({
  getResponse: async ({ input }): Promise<ModelResponse> => {
    const last = typeof input === 'string' ? undefined : input.at(-1);
    const read = last?.type === 'function_call_result' && (last.output as { text: string }).text;
    const status = 'completed';
    const call = { type: 'function_call', status, callId: 'call_1', name: 'send_mail' } as const;
    const message = { type: 'message', status, role: 'assistant' } as const;
    return {
      usage: new Usage(),
      output: read
        ? [{ ...message, content: [{ type: 'output_text', text: read }] }]
        : [{ ...call, arguments: JSON.stringify(mail) }],
    };
  },
  getStreamedResponse: () => {
    throw new Error('not scripted');
  },
});

run(() => withDatabase(main));
