/** Tools of LangChain.js: LangGraph's own agent and ToolNode, with a chat model that follows a script. */
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import type { ChatResult } from '@langchain/core/outputs';
import { tool } from '@langchain/core/tools';
import { Annotation, MemorySaver, MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { createReactAgent, ToolNode } from '@langchain/langgraph/prebuilt';
import { z } from 'zod';

import { currentClaim } from '../../src';
import { guardTool, type LangChainToolGuard } from '../../src/tools/langchain';
import { byInvoice, Mailing, told, type Mail } from '../support/mailing';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

type Turn = readonly Mail[];

/** Calls tools as its script says, each call under an id of its own, then says that it is done. */
class ScriptedModel extends BaseChatModel {
  static calls = 0;
  private turn = 0;
  /** What it is given to read of the calls: the status, and the text. */
  readonly read: string[] = [];

  constructor(private readonly turns: readonly Turn[]) {
    super({});
  }

  _llmType(): string {
    return 'scripted';
  }

  override bindTools(): this {
    return this;
  }

  async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const results = messages.filter((message) => ToolMessage.isInstance(message));
    this.read.splice(0, this.read.length, ...results.map(({ status, text }) => `${status}: ${text}`));
    const calls = (this.turns[this.turn++] ?? []).map((args) => calling(args));
    const message = new AIMessage({ content: calls.length === 0 ? 'done' : '', tool_calls: calls });
    return { generations: [{ text: '', message }] };
  }
}

const calling = (args: object) => ({
  ...{ name: 'send_mail', args: { ...args }, type: 'tool_call' as const },
  id: `call_${ScriptedModel.calls++}`,
});

const fields = {
  ...{ name: 'send_mail', description: 'Sends a mail' },
  schema: z.object({ invoice: z.string(), text: z.string() }),
};
const input = { messages: [{ role: 'user', content: 'send it' }] };

/** LangGraph's agent of a process, with a guarded tool. */
function agentOf(mailing: Mailing, turns: readonly Turn[], more: Partial<LangChainToolGuard<Mail>> = {}) {
  const model = new ScriptedModel(turns);
  const guarded = guardTool({ guard: mailing.guard(), ...byInvoice, ...more }, tool(mailing.send, fields));
  const agent = createReactAgent({ llm: model, tools: [guarded] });
  return { model, run: () => agent.invoke(input, { configurable: { step: '7' } }) };
}

const [one, two, three] = [
  { invoice: '7', text: 'Dear C' },
  { invoice: '7', text: 'Hello C' },
  { invoice: '7', text: 'Hi C' },
] as const;
const result = 'success: {"id":1,"reference":"mail:7"}';
const error = (text: string): unknown =>
  expect.stringMatching(new RegExp(`^error: .*${text.replace(/[()]/g, '\\$&')}`));

it('acts once when the model calls again with other words, and gives the same result', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [two]]);
  const { messages } = await run();
  expect(messages.at(-1)?.text).toBe('done');
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, result]]);
});

it('acts once for calls of one intent side by side', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one, two]]);
  await run();
  expect(mailing.sent).toHaveLength(1);
  expect(model.read).toEqual([result, result]);
});

it('tells the model of another call that is at it, and gives its result later', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one, two], [three]], { waitFor: 0 });
  await run();
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, error(told.inFlight), result]]);
});

it('lets the model try again what surely did not happen', async () => {
  const mailing = new Mailing();
  mailing.failing.push('not-sent');
  const { model, run } = agentOf(mailing, [[one], [two], [three]]);
  await run();
  expect(mailing.sent).toEqual(['Hello C']);
  expect(model.read).toEqual([error(told.notDone), result, result]);
});

it.each([
  ['that nobody knows', 'cut-off', told.unknown, ['Dear C']],
  ['a refusal', 'refused', told.refused, []],
] as const)('tells the model %s, each time, and does not act again', async (_what, failing, text, sent) => {
  const mailing = new Mailing();
  mailing.failing.push(failing);
  const { model, run } = agentOf(mailing, [[one], [two]]);
  await run();
  expect([mailing.sent, model.read]).toEqual([sent, [error(text), error(text)]]);
});

it('refuses an id that is used for something else', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [two]], { fingerprint: ({ text }) => text });
  await run();
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, error(told.conflict)]]);
});

it('names the intent by the plan of the run, where the model names it otherwise', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [{ ...two, invoice: 'seven' }]], {
    requestId: (_mail, { configurable }) => `mail:${configurable?.['step']}`,
    fingerprint: () => 'a step of the plan',
  });
  await run();
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, result]]);
});

/** A graph whose state holds the plan, made of the framework's parts; its tools may be retried. */
function graphOf(
  mailing: Mailing,
  turns: readonly Turn[],
  tools: 'guarded' | 'bare',
  saver = new MemorySaver(),
) {
  const model = new ScriptedModel(turns);
  const State = Annotation.Root({ ...MessagesAnnotation.spec, step: Annotation<string> });
  const send = { guarded: mailing.send, bare: mailing.sendBare }[tools];
  const made = tool(send, fields);
  const used =
    tools === 'bare'
      ? made
      : guardTool(
          {
            guard: mailing.guard(),
            requestId: (_mail, { state }) => `mail:${(state as typeof State.State).step}`,
            fingerprint: () => 'a step of the plan',
          },
          made,
        );
  const graph = new StateGraph(State)
    .addNode('model', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
    .addNode('tools', new ToolNode([used], { handleToolErrors: false }), {
      retryPolicy: {
        maxAttempts: 3,
        initialInterval: 1,
        jitter: false,
        retryOn: () => true,
        logWarning: false,
      },
    })
    .addEdge('__start__', 'model')
    .addConditionalEdges('model', ({ messages }) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : '__end__',
    )
    .addEdge('tools', 'model')
    .compile({ checkpointer: saver, interruptBefore: ['tools'] });
  return { graph, model, saver };
}

it('acts once when a run is taken up again from the checkpoint before the tool', async () => {
  const mailing = new Mailing();
  const started = graphOf(mailing, [[one]], 'guarded');
  const config = { configurable: { thread_id: 'thread' } };
  await started.graph.invoke({ ...input, step: '7' }, config);
  const { config: saved } = await started.graph.getState(config);
  expect(mailing.sent).toEqual([]);
  const endings = [];
  // The first process dies after the effect: the checkpoint before it is still the last one.
  for (const _process of [1, 2]) {
    const { graph, model } = graphOf(mailing, [], 'guarded', started.saver);
    await graph.invoke(null, saved);
    endings.push(...model.read);
  }
  expect([mailing.sent, endings]).toEqual([['Dear C'], [result, result]]);
});

it.each([
  ['acts once under a retry policy, and tells the model that nobody knows', 'guarded', ['Dear C']],
  ['does what LangGraph does not: without it, a retry policy sends again', 'bare', ['Dear C', 'Dear C']],
] as const)('%s', async (_what, tools, sent) => {
  const mailing = new Mailing();
  mailing.failing.push('cut-off');
  const { graph, model } = graphOf(mailing, [[one]], tools);
  const config = { configurable: { thread_id: 'thread' } };
  await graph.invoke({ ...input, step: '7' }, config);
  await graph.invoke(null, config);
  expect(mailing.sent).toEqual(sent);
  expect(model.read).toEqual([tools === 'bare' ? 'success: {"id":2}' : error(told.unknown)]);
});

it('tells a tool that runs that its run was stopped, and acts once when it is made again', async () => {
  const mailing = new Mailing();
  const options = { guard: mailing.guard(), ...byInvoice };
  const stopping = new AbortController();
  const slow = guardTool(options, tool(mailing.sendSlowly, fields));
  const stopped = slow.invoke(calling(one), { signal: stopping.signal });
  setTimeout(() => stopping.abort(), 30);
  const again = guardTool(options, tool(mailing.send, fields)).invoke(calling(two));
  const content = JSON.stringify({ id: 1, reference: 'mail:7' });
  expect([await stopped, await again]).toMatchObject([1, 2].map(() => ({ status: 'success', content })));
  expect([mailing.sent, mailing.wereStopped]).toEqual([['Dear C'], [true]]);
});

it('guards a tool that is made already, with all that it has', async () => {
  const mailing = new Mailing();
  const made = tool(
    async (mail) => [`sent ${mail.text}`, { by: currentClaim().requestId, ...(await mailing.send(mail)) }],
    {
      ...fields,
      ...{
        responseFormat: 'content_and_artifact' as const,
        returnDirect: true,
        metadata: { of: 'the shop' },
      },
    },
  );
  const guarded = guardTool({ guard: mailing.guard(), ...byInvoice }, made);
  expect(guarded).toBeInstanceOf(made.constructor);
  expect(guarded).toMatchObject({ name: 'send_mail', description: 'Sends a mail', returnDirect: true });
  expect(guarded.schema).toBe(made.schema);
  const messages = [await guarded.invoke(calling(one)), await guarded.invoke(calling(two))];
  const artifact = { by: 'mail:7', id: 1, reference: 'mail:7' };
  expect(messages).toMatchObject([1, 2].map(() => ({ content: 'sent Dear C', artifact, status: 'success' })));
  mailing.failing.push('refused');
  const refused = await guarded.invoke(calling({ ...one, invoice: '8' }));
  expect(refused).toMatchObject({
    status: 'error',
    name: 'send_mail',
    text: expect.stringContaining('Refused'),
  });
  await expect(guarded.invoke({ invoice: 8 } as never)).rejects.toThrow('expected schema');
});

it('gives the bare result, or the text, where it is called without a tool call', async () => {
  const mailing = new Mailing();
  const guarded = guardTool({ guard: mailing.guard(), ...byInvoice }, tool(mailing.send, fields));
  expect(await guarded.invoke(one)).toEqual({ id: 1, reference: 'mail:7' });
  expect(await guarded.invoke(two)).toEqual({ id: 1, reference: 'mail:7' });
  mailing.failing.push('cut-off');
  expect(await guarded.invoke({ ...one, invoice: '8' })).toContain('It is unknown');
});

it('takes the value that a tool returns after it has told of its progress', async () => {
  const mailing = new Mailing();
  const events: unknown[] = [];
  const made = tool(async function* (mail: Mail) {
    yield 'dialling';
    return (await mailing.send(mail)).id;
  }, fields);
  const guarded = guardTool({ guard: mailing.guard(), ...byInvoice }, made);
  const callbacks = [{ handleToolEvent: (event: unknown) => void events.push(event) }];
  const invoke = (mail: Mail) => guarded.invoke(calling(mail), { callbacks });
  expect([await invoke(one), await invoke(two)]).toMatchObject([{ content: '1' }, { content: '1' }]);
  expect([events, mailing.sent]).toEqual([['dialling'], ['Dear C']]);
});

it('refuses options that guard nothing, and what is no tool', () => {
  const guard = new Mailing().guard();
  const { requestId } = byInvoice;
  const made = tool(() => 'sent', fields);
  expect(() => guardTool({ requestId } as never, made)).toThrow('needs a guard');
  expect(() => guardTool({ guard } as never, made)).toThrow('requestId');
  expect(() => guardTool({ guard, requestId, leaseFor: 'soon' }, made)).toThrow('leaseFor');
  expect(() => guardTool({ guard, requestId }, { name: 'send_mail' } as never)).toThrow('needs a tool');
});
