/** Tools of the AI SDK: its own loops, with a model that follows a script. */
import {
  convertToModelMessages,
  generateText,
  stepCountIs,
  tool,
  type ModelMessage,
  type ToolSet,
  type UIMessage,
} from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

import { guardTool, isToolFailure, type AIToolGuard } from '../../src/tools/ai';
import { byInvoice, Mailing, told, type Mail } from '../support/mailing';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

type Turn = readonly Mail[];
type Read = { readonly type: string; readonly value?: unknown };

const value = { id: 1, reference: 'mail:7' };
let calls = 0;
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** Calls tools as its script says, each call under an id of its own, then says that it is done. */
function scriptedModel(turns: readonly Turn[]) {
  let next = 0;
  const read: Read[] = [];
  const model = new MockLanguageModelV3({
    doGenerate: async ({ prompt }) => {
      const results = prompt.flatMap(({ role, content }) => (role === 'tool' ? content : []));
      read.splice(
        0,
        read.length,
        ...results.flatMap((part) => (part.type === 'tool-result' ? [part.output] : [])),
      );
      const turn = turns[next++];
      const content = turn?.map((mail) => ({
        ...{ type: 'tool-call' as const, toolCallId: `call_${calls++}`, toolName: 'send_mail' },
        input: JSON.stringify(mail),
      }));
      const finishReason = { unified: content ? ('tool-calls' as const) : ('stop' as const), raw: undefined };
      return {
        content: content ?? [{ type: 'text' as const, text: 'done' }],
        ...{ finishReason, usage, warnings: [] },
      };
    },
  });
  return { model, read };
}

const inputSchema = z.object({ invoice: z.string(), text: z.string() });
const stopWhen = stepCountIs(6);

/** A loop of a process, with a guarded tool. */
function loopOf(
  mailing: Mailing,
  turns: readonly Turn[],
  {
    needsApproval = false,
    ...more
  }: Partial<AIToolGuard<Mail, typeof value>> & { needsApproval?: boolean } = {},
) {
  const { model, read } = scriptedModel(turns);
  const send_mail = guardTool(
    { guard: mailing.guard(), ...byInvoice, ...more },
    tool({ inputSchema, needsApproval, execute: mailing.send }),
  );
  const messages: ModelMessage[] = [{ role: 'user', content: 'send it' }];
  const run = (from = messages) =>
    generateText({
      ...{ model, stopWhen, tools: { send_mail }, messages: from },
      experimental_context: { step: '7' },
    });
  return { read, run, messages };
}

const [one, two, three] = [
  { invoice: '7', text: 'Dear C' },
  { invoice: '7', text: 'Hello C' },
  { invoice: '7', text: 'Hi C' },
] as const;
const result = { type: 'json', value };
const error = (text: string): unknown => ({
  type: 'error-text',
  value: expect.stringContaining(text) as string,
});

it('acts once when the model calls again with other words, and gives the same result', async () => {
  const mailing = new Mailing();
  const { read, run } = loopOf(mailing, [[one], [two]]);
  const { text, steps } = await run();
  expect([text, mailing.sent, read]).toEqual(['done', ['Dear C'], [result, result]]);
  expect(steps.flatMap(({ toolResults }) => toolResults.map(({ output }) => output))).toEqual([value, value]);
});

it('acts once for calls of one intent side by side', async () => {
  const mailing = new Mailing();
  const { read, run } = loopOf(mailing, [[one, two]]);
  await run();
  expect([mailing.sent, read]).toEqual([['Dear C'], [result, result]]);
});

it('tells the model of another call that is at it, and gives its result later', async () => {
  const mailing = new Mailing();
  const { read, run } = loopOf(mailing, [[one, two], [three]], { waitFor: 0 });
  await run();
  expect([mailing.sent, read]).toEqual([['Dear C'], [result, error(told.inFlight), result]]);
});

it('lets the model try again what surely did not happen', async () => {
  const mailing = new Mailing();
  mailing.failing.push('not-sent');
  const { read, run } = loopOf(mailing, [[one], [two], [three]]);
  await run();
  expect([mailing.sent, read]).toEqual([['Hello C'], [error(told.notDone), result, result]]);
});

it.each([
  ['that nobody knows', 'cut-off', told.unknown, ['Dear C'], 'unknown'],
  ['a refusal', 'refused', told.refused, [], 'refused'],
] as const)(
  'tells the model %s, each time, and does not act again',
  async (_what, failing, text, sent, status) => {
    const mailing = new Mailing();
    mailing.failing.push(failing);
    const { read, run } = loopOf(mailing, [[one], [two]]);
    const { steps } = await run();
    expect([mailing.sent, read]).toEqual([sent, [error(text), error(text)]]);
    const [output] = steps.flatMap(({ toolResults }) => toolResults.map((told) => told.output));
    expect([isToolFailure(output), output]).toMatchObject([
      true,
      { activityGuard: status, requestId: 'mail:7' },
    ]);
  },
);

it('refuses an id that is used for something else', async () => {
  const mailing = new Mailing();
  const { read, run } = loopOf(mailing, [[one], [two]], { fingerprint: ({ text }) => text });
  await run();
  expect([mailing.sent, read]).toEqual([['Dear C'], [result, error(told.conflict)]]);
});

it('names the intent by the plan of the run, and never by the call', async () => {
  const mailing = new Mailing();
  const seen: string[][] = [];
  const { read, run } = loopOf(mailing, [[one], [{ ...two, invoice: 'seven' }]], {
    requestId: (_mail, run) => {
      seen.push(Object.keys(run));
      return `mail:${(run.experimental_context as { step: string }).step}`;
    },
    fingerprint: () => 'a step of the plan',
  });
  await run();
  expect([mailing.sent, read]).toEqual([['Dear C'], [result, result]]);
  expect(seen.flat()).not.toContain('toolCallId');
});

it('acts once when a run is taken up again from the messages that were saved before', async () => {
  const mailing = new Mailing();
  const { run, messages } = loopOf(mailing, [[one]], { needsApproval: true });
  const { content, response } = await run();
  const [asked] = content.filter((part) => part.type === 'tool-approval-request');
  const approvalId = asked?.approvalId ?? '';
  const approval: ModelMessage = {
    ...{ role: 'tool', content: [{ type: 'tool-approval-response', approvalId, approved: true }] },
  };
  const saved = JSON.stringify([...messages, ...response.messages, approval]);
  expect(mailing.sent).toEqual([]);
  const endings = [];
  // The first process dies after the effect: what it saved is still what came before.
  for (const _process of [1, 2]) {
    const again = loopOf(mailing, [], { needsApproval: true });
    await again.run(JSON.parse(saved) as ModelMessage[]);
    endings.push(...again.read);
  }
  expect([mailing.sent, endings]).toEqual([['Dear C'], [result, result]]);
});

it('acts once when a whole loop is made again, by another process', async () => {
  const mailing = new Mailing();
  const loops = [loopOf(mailing, [[one]]), loopOf(mailing, [[two]])];
  for (const { run } of loops) await run();
  expect([mailing.sent, loops.map(({ read }) => read)]).toEqual([['Dear C'], [[result], [result]]]);
});

it('does what the AI SDK does not: without it, a model that reads of an error sends again', async () => {
  const mailing = new Mailing();
  mailing.failing.push('cut-off');
  const { model, read } = scriptedModel([[one], [two]]);
  const tools = { send_mail: tool({ inputSchema, execute: mailing.sendBare }) };
  await generateText({ model, stopWhen, tools, prompt: 'send it' });
  expect([mailing.sent, read[0]]).toEqual([
    ['Dear C', 'Hello C'],
    { type: 'error-text', value: 'socket hang up' },
  ]);
});

it('tells a tool that runs that its run was stopped, and acts once when it is made again', async () => {
  const mailing = new Mailing();
  const options = { guard: mailing.guard(), ...byInvoice };
  const stopping = new AbortController();
  const slow = guardTool(options, tool({ inputSchema, execute: mailing.sendSlowly }));
  const call = { toolCallId: 'call', messages: [], abortSignal: stopping.signal };
  const stopped = slow.execute?.(one, call);
  setTimeout(() => stopping.abort(), 30);
  expect(await stopped).toEqual(value);
  const send_mail = guardTool(options, tool({ inputSchema, execute: mailing.send }));
  expect(await execute({ send_mail }, two)).toEqual(value);
  expect([mailing.sent, mailing.wereStopped]).toEqual([['Dear C'], [true]]);
});

it('keeps what a failure tells the model through the messages of a chat', async () => {
  const mailing = new Mailing();
  mailing.failing.push('cut-off');
  const send_mail = guardTool(
    { guard: mailing.guard(), ...byInvoice },
    tool({ inputSchema, execute: mailing.send }),
  );
  const output = JSON.parse(JSON.stringify(await execute({ send_mail }, one))) as object;
  const part = { type: 'tool-send_mail' as const, toolCallId: 'call', state: 'output-available' as const };
  const chat = [{ role: 'assistant', parts: [{ ...part, input: one, output }] }] as unknown as UIMessage[];
  const [, results] = await convertToModelMessages(chat, { tools: { send_mail } });
  expect(results?.content).toMatchObject([{ output: error(told.unknown) }]);
});

/** Calls a tool without a loop. */
const execute = async (tools: ToolSet, mail: Mail): Promise<unknown> =>
  tools['send_mail']?.execute?.(mail, { toolCallId: `call_${calls++}`, messages: [] }) as Promise<unknown>;

it('says a result as the tool does, and takes the last value of one that yields', async () => {
  const mailing = new Mailing();
  const send_mail = guardTool(
    { guard: mailing.guard(), ...byInvoice },
    tool({
      ...{ inputSchema, description: 'Sends a mail', title: 'Mail' },
      async *execute(mail: Mail) {
        yield { id: 0, reference: 'dialling' };
        yield await mailing.send(mail);
      },
      toModelOutput: ({ output }) => ({ type: 'text', value: `number ${output.id}` }),
    }),
  );
  expect(send_mail).toMatchObject({ description: 'Sends a mail', title: 'Mail', inputSchema });
  expect([await execute({ send_mail }, one), await execute({ send_mail }, two)]).toEqual([value, value]);
  const say = (output: never) => send_mail.toModelOutput?.({ toolCallId: 'call', input: one, output });
  expect(say(value as never)).toEqual({ type: 'text', value: 'number 1' });
  const plain = guardTool(
    { guard: mailing.guard(), ...byInvoice },
    tool({ inputSchema, execute: () => 'sent' }),
  );
  const saying = (output: never) => plain.toModelOutput?.({ toolCallId: 'call', input: one, output });
  expect(saying('sent' as never)).toEqual({ type: 'text', value: 'sent' });
  expect(saying(undefined as never)).toEqual({ type: 'json', value: null });
});

it('refuses options that guard nothing, and tools that run elsewhere', () => {
  const guard = new Mailing().guard();
  const made = tool({ inputSchema, execute: () => 'sent' });
  const elsewhere = tool({ inputSchema, outputSchema: z.string() });
  expect(() => guardTool({ ...byInvoice } as never, made)).toThrow('needs a guard');
  expect(() => guardTool({ guard, action: 'send_mail' } as never, made)).toThrow('requestId');
  expect(() => guardTool({ guard, requestId: byInvoice.requestId } as never, made)).toThrow('action');
  expect(() => guardTool({ guard, ...byInvoice, timeout: 'soon' }, made)).toThrow('timeout');
  expect(() => guardTool({ guard, ...byInvoice }, elsewhere)).toThrow('with execute');
});
