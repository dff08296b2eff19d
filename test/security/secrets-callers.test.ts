/** Secrets in what models and clients call with, and in what goes wrong: what others than the caller read of it. */
import { RunContext, tool as openAiTool } from '@openai/agents-core';
import { tool as langChainTool } from '@langchain/core/tools';
import { tool as aiTool } from 'ai';
import { z } from 'zod';

import { Guard, RejectedError, type GuardEvent } from '../../src';
import { guardTool as guardAi } from '../../src/tools/ai';
import { guardTool as guardLangChain } from '../../src/tools/langchain';
import { guardTool as guardMcp } from '../../src/tools/mcp';
import { guardTool as guardOpenAi } from '../../src/tools/openai';
import { frameworks, post, problemIn, serveWith } from '../support/http-servers';
import { calling, clientOf, newServer } from '../support/mcp';
import { clean, leaksIn, planted, secretive, secretiveError, Sinks, told } from '../support/planted-secrets';
import { everyRow, plantedWorld, type PlantedWorld } from '../support/planted-world';

let world: PlantedWorld;
let guard: Guard;
const events: GuardEvent[] = [];
beforeAll(async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  world = await plantedWorld();
  guard = new Guard({ receipts: world.pg, onEvent: (event) => events.push(event) });
}, 30_000);
afterAll(async () => {
  jest.restoreAllMocks();
  await world.close();
});

const args = { order: '7', card: planted.card, note: told };
const shape = { order: z.string(), card: z.string(), note: z.string() };
const named = { name: 'refund', description: 'Refunds' };
/** Under one id; other notes are another payload. */
const under = (id: string) => ({ guard, action: 'refund', requestId: () => `planted:${id}` });

type Call = (given: typeof args) => Promise<unknown>;
type Work = () => Promise<never>;

/** A guarded tool of each framework, as the framework calls it. */
const tools: Readonly<Record<string, (id: string, work: Work) => Call>> = {
  openai: (id, execute) => {
    const parameters = z.object(shape);
    const guarded = openAiTool(guardOpenAi(under(id), { ...named, parameters, execute }));
    return (given) => guarded.invoke(new RunContext(), JSON.stringify(given));
  },
  langchain: (id, execute) => {
    const guarded = guardLangChain(under(id), langChainTool(execute, { ...named, schema: z.object(shape) }));
    return (given) => guarded.invoke({ name: 'refund', args: given, type: 'tool_call', id: 'call_1' });
  },
  ai: (id, execute) => {
    const guarded = guardAi(
      under(id),
      aiTool({ inputSchema: z.object(shape), execute: async (): Promise<string> => execute() }),
    );
    return async (given) => guarded.execute?.(given, { toolCallId: 'call_1', messages: [] });
  },
  mcp: (id, execute) => async (given) => {
    const server = newServer();
    server.registerTool('refund', { inputSchema: shape }, guardMcp(under(id), execute));
    const client = await clientOf(server);
    const answered = await calling(client, 'refund', given);
    await client.close();
    return answered;
  },
};

describe.each(Object.keys(tools))('a model that calls a tool of %s', (framework) => {
  it('reads of a tool that breaks, of a doubt and of a conflict, and nothing that was passed or thrown', async () => {
    const sinks = new Sinks();
    const call = tools[framework]?.(`${framework}:broken`, () => Promise.reject(secretiveError())) as Call;
    for (const given of [args, args, { ...args, note: `${told}, in other words` }]) {
      const read = (await call(given)) as { lc_kwargs?: object };
      sinks.catch('model', JSON.stringify(read));
    }
    expect(sinks.verdict({ model: /It is unknown[^]*belongs to something else/ })).toEqual(clean);
  });

  it('reads the message of a rejection, which is said to it', async () => {
    const call = tools[framework]?.(`${framework}:refused`, () =>
      Promise.reject(new RejectedError(told)),
    ) as Call;
    expect(leaksIn(JSON.stringify(await call(args)))).toEqual(Object.keys(planted));
  });
});

describe.each(frameworks)('a guarded route of %s', (framework) => {
  it('tells others of a request nothing that it held, and keeps neither credentials nor cookies', async () => {
    const sinks = new Sinks();
    let fails = true;
    const options = { guard, action: 'charge', scope: () => framework };
    const running = await serveWith(framework, options, () => {
      if (fails) throw secretiveError();
      return { status: 201, headers: { 'set-cookie': `session=${planted.token}` }, body: '{"id":"ch_1"}' };
    });
    const headers = { authorization: `Bearer ${planted.bearer}`, cookie: `session=${planted.token}` };
    const send = async (key: string, body: unknown = secretive) => {
      const seen = await post(running, key, body, { headers });
      sinks.catch('answers', seen.text, [...seen.headers]);
      return seen;
    };
    try {
      await post(running, 'broken', secretive, { headers }); // its own answer is the framework's, which may show the error
      expect(problemIn(await send('broken'))).toBe('outcome-unknown');
      expect(problemIn(await send('broken', { other: secretive }))).toBe('key-reused');
      fails = false;
      expect((await post(running, 'fine', secretive, { headers })).headers.get('set-cookie')).toContain(
        planted.token,
      );
      expect(await send('fine')).toMatchObject({ status: 201, replayed: true, text: '{"id":"ch_1"}' });
    } finally {
      await running.close();
    }
    expect(sinks.verdict({ answers: /outcome-unknown[^]*key-reused[^]*ch_1/ })).toEqual(clean);
  });
});

it('what is kept of all these calls has no secret, but for the messages of the rejections', async () => {
  const { pool, schema } = world.scratch;
  const sinks = new Sinks();
  sinks.catch('tables', await everyRow(pool, schema, 'without outcomes'));
  sinks.catch('events', events);
  expect(
    sinks.verdict({ tables: /^(?=[^]*planted:mcp:broken)[^]*fastify/, events: 'planted:ai:refused' }),
  ).toEqual(clean);
});
