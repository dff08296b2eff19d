/** Tools of the OpenAI Agents SDK: its own runs, with a model that follows a script. */
import {
  Agent,
  Runner,
  RunState,
  setTracingDisabled,
  tool,
  Usage,
  type Model,
  type ModelRequest,
  type ModelResponse,
} from '@openai/agents-core';
import { z } from 'zod';

import { guardTool, type OpenAIToolGuard } from '../../src/tools/openai';
import { byInvoice, Mailing, told, type Mail } from '../support/mailing';

setTracingDisabled(true);
beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

/** The calls of one turn, each under an id that no other call has. */
type Turn = readonly Mail[];

/** Calls tools as its script says, then says that it is done. Keeps what it is given to read of the calls. */
class ScriptedModel implements Model {
  readonly read: unknown[] = [];
  private turn = 0;
  private static calls = 0;

  constructor(private readonly turns: readonly Turn[]) {}

  async getResponse({ input }: ModelRequest): Promise<ModelResponse> {
    const items = typeof input === 'string' ? [] : input;
    const results = items.filter((item) => item.type === 'function_call_result');
    this.read.splice(0, this.read.length, ...results.map(({ output }) => (output as { text: string }).text));
    const turn = this.turns[this.turn++];
    const output: ModelResponse['output'] = turn
      ? turn.map((mail) => ({
          ...{ type: 'function_call', callId: `call_${ScriptedModel.calls++}`, name: 'send_mail' },
          ...{ status: 'completed', arguments: JSON.stringify(mail) },
        }))
      : [
          {
            ...{ type: 'message', role: 'assistant', status: 'completed' },
            content: [{ type: 'output_text', text: 'done' }],
          },
        ];
    return { usage: new Usage(), output };
  }

  getStreamedResponse(): never {
    throw new Error('not scripted');
  }
}

const runner = new Runner({ tracingDisabled: true });
const parameters = z.object({ invoice: z.string(), text: z.string() });
const sendMail = { name: 'send_mail', description: 'Sends a mail', parameters };
/** What a run is told of the plan. */
interface Plan {
  readonly step: string;
}

interface ToolTerms {
  readonly needsApproval?: boolean;
  readonly timeoutMs?: number;
  readonly isSlow?: boolean;
}

/** An agent of a process, with a guarded tool. */
function agentOf(
  mailing: Mailing,
  turns: readonly Turn[],
  more: Partial<OpenAIToolGuard<typeof parameters, Plan>> & ToolTerms = {},
) {
  const { needsApproval = false, timeoutMs, isSlow, ...guardOptions } = more;
  const execute = isSlow ? mailing.sendSlowly : mailing.send;
  const model = new ScriptedModel(turns);
  const guarded = tool(
    guardTool<typeof parameters, Plan>(
      { guard: mailing.guard(), ...byInvoice, ...guardOptions },
      { ...sendMail, needsApproval, execute, ...(timeoutMs ? { timeoutMs } : {}) },
    ),
  );
  const agent = new Agent<Plan>({ name: 'clerk', model, tools: [guarded] });
  return { agent, model, run: () => runner.run(agent, 'send it', { context: { step: '7' } }) };
}

const [first, again, third]: Mail[] = ['Dear C', 'Hello C', 'Hi C'].map((text) => ({ invoice: '7', text }));
const [one, two, three] = [first as Mail, again as Mail, third as Mail];
const result = JSON.stringify({ id: 1, reference: 'mail:7' });

it('acts once when the model calls again with other words, and gives the same result', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [two]]);
  expect((await run()).finalOutput).toBe('done');
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, result]]);
});

it('acts once for calls of one intent side by side', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one, two]]);
  await run();
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, result]]);
});

it('tells the model of another call that is at it, and gives its result later', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one, two], [three]], { waitFor: 0 });
  await run();
  expect([mailing.sent, model.read]).toEqual([
    ['Dear C'],
    [result, expect.stringContaining(told.inFlight), result],
  ]);
});

it('lets the model try again what surely did not happen', async () => {
  const mailing = new Mailing();
  mailing.failing.push('not-sent');
  const { model, run } = agentOf(mailing, [[one], [two], [three]]);
  await run();
  expect(mailing.sent).toEqual(['Hello C']);
  expect(model.read).toEqual([expect.stringContaining(told.notDone), result, result]);
});

it('tells the model that nobody knows, and does not act again', async () => {
  const mailing = new Mailing();
  mailing.failing.push('cut-off');
  const { model, run } = agentOf(mailing, [[one], [two]]);
  expect((await run()).finalOutput).toBe('done');
  const unknown = expect.stringContaining(told.unknown) as unknown;
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [unknown, unknown]]);
});

it('tells the model a refusal, each time', async () => {
  const mailing = new Mailing();
  mailing.failing.push('refused');
  const { model, run } = agentOf(mailing, [[one], [two]]);
  await run();
  const refused = expect.stringContaining(told.refused) as unknown;
  expect([mailing.sent, model.read]).toEqual([[], [refused, refused]]);
});

it('refuses an id that is used for something else', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [two]], { fingerprint: ({ text }) => text });
  await run();
  expect(mailing.sent).toEqual(['Dear C']);
  expect(model.read).toEqual([result, expect.stringContaining(told.conflict)]);
});

it('names the intent by the plan, where the model names it otherwise', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [{ ...two, invoice: 'seven' }]], {
    requestId: (_mail, { context }) => `mail:${context.step}`,
    fingerprint: (_mail, { context }) => context.step,
  });
  await run();
  expect([mailing.sent, model.read]).toEqual([['Dear C'], [result, result]]);
});

it('acts once when a run is taken up again from the state that was saved before', async () => {
  const mailing = new Mailing();
  const { run } = agentOf(mailing, [[one]], { needsApproval: true });
  const interrupted = await run();
  expect([interrupted.interruptions.length, mailing.sent]).toEqual([1, []]);
  const saved = interrupted.state.toString();
  const endings = [];
  // The first process dies after the effect: what it saved is still the state before it.
  for (const _process of [1, 2]) {
    const { agent, model } = agentOf(mailing, [], { needsApproval: true });
    const state = await RunState.fromString<Plan, typeof agent>(agent, saved);
    for (const interruption of state.getInterruptions()) state.approve(interruption);
    await runner.run(agent, state);
    endings.push(...model.read);
  }
  expect([mailing.sent, endings]).toEqual([['Dear C'], [result, result]]);
});

it('acts once when a whole run is made again, by another process', async () => {
  const mailing = new Mailing();
  const runs = [agentOf(mailing, [[one]]), agentOf(mailing, [[two]])];
  for (const { run } of runs) await run();
  expect([mailing.sent, runs.map(({ model }) => model.read)]).toEqual([['Dear C'], [[result], [result]]]);
});

it('acts once where the SDK gives up on a call, and asks the model to go on', async () => {
  const mailing = new Mailing();
  const { model, run } = agentOf(mailing, [[one], [two], [three]], { timeoutMs: 80, isSlow: true });
  await run();
  expect([mailing.sent, mailing.wereStopped]).toEqual([['Dear C'], [true]]);
  expect(model.read[0]).toContain('timed out');
  expect(model.read[2]).toBe(result);
});

it('does what the SDK does not: without it, "Please try again" sends twice', async () => {
  const mailing = new Mailing();
  mailing.failing.push('cut-off');
  const model = new ScriptedModel([[one], [two]]);
  const bare = tool({ ...sendMail, execute: mailing.sendBare });
  await runner.run(new Agent({ name: 'clerk', model, tools: [bare] }), 'send it');
  expect(model.read[0]).toContain('Please try again');
  expect(mailing.sent).toEqual(['Dear C', 'Hello C']);
});

it('throws where the tool has a schema for its output, so that its errorFunction or the caller decides', async () => {
  const mailing = new Mailing();
  const outputSchema = z.object({ id: z.number(), reference: z.string() });
  const runWith = (errorFunction: (() => { id: number; reference: string }) | null) => {
    const model = new ScriptedModel([[one]]);
    const guarded = tool(
      guardTool(
        { guard: mailing.guard(), ...byInvoice },
        { ...sendMail, outputSchema, errorFunction, execute: mailing.send },
      ),
    );
    return { model, ending: runner.run(new Agent({ name: 'clerk', model, tools: [guarded] }), 'send it') };
  };
  mailing.failing.push('cut-off');
  await expect(runWith(null).ending).rejects.toThrow(told.unknown);
  const { model, ending } = runWith(() => ({ id: 0, reference: 'unknown' }));
  await ending;
  expect([model.read, mailing.sent]).toEqual([['{"id":0,"reference":"unknown"}'], ['Dear C']]);
});

it('takes the name of the tool for what is done, and refuses options that guard nothing', async () => {
  const mailing = new Mailing();
  const { requestId } = byInvoice;
  const options = { ...sendMail, execute: mailing.send };
  const guarded = tool(guardTool({ guard: mailing.guard(), requestId }, options));
  await runner.run(new Agent({ name: 'clerk', model: new ScriptedModel([[one]]), tools: [guarded] }), 'x');
  expect((await mailing.receipts.list())[0]?.action).toBe('send_mail');
  const guard = mailing.guard();
  expect(() => guardTool({ requestId } as never, options)).toThrow('needs a guard');
  expect(() => guardTool({ guard } as never, options)).toThrow('requestId');
  expect(() => guardTool({ guard, requestId } as never, sendMail as never)).toThrow('with execute');
  expect(() => guardTool({ guard, requestId, leaseFor: 'soon' }, options)).toThrow('leaseFor');
  expect(() => guardTool({ guard, requestId, onUnknown: 'ask' as never }, options)).toThrow('ask');
});
