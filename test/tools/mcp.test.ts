/** MCP servers over Postgres: processes that are started by the official client, and HTTP. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { z } from 'zod';

import { Guard } from '../../src';
import { answerKey, guardTool } from '../../src/tools/mcp';
import { cliMain, resolveCommitted, runCli } from '../support/cli-process';
import {
  calling,
  clientOfScript,
  connected,
  newServer,
  StreamableHTTPClientTransport,
  StreamableHTTPServerTransport,
  textIn,
  type CallToolResult,
} from '../support/mcp';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { until } from '../support/waiting';

let scratch: ScratchSchema;
const closes: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  scratch = await scratchSchema();
  await scratch.pool.query(
    `create table "${scratch.schema}".charges (id bigint generated always as identity, reference text, cents int)`,
  );
}, 30_000);
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
});
afterAll(() => scratch.close());

async function claimServer() {
  const started = await clientOfScript(cliMain, ['mcp', '--schema', scratch.schema]);
  closes.push(() => started.client.close());
  return started;
}

type Transport = 'stdio' | 'http';
type Mode = 'dying' | 'dying-probing' | 'living' | 'probing';

/** A guarded tool in a process of its own, and a client of it. */
async function payments(transport: Transport, mode: Mode) {
  const client = await clientOfPayments[transport]([scratch.schema, mode, transport]);
  closes.push(() => client.close());
  return (order: string) => calling(client, 'charge', { order, cents: 500 });
}

const paymentsScript = join(__dirname, '../fixtures/mcp-payments-process.js');
const clientOfPayments = {
  stdio: async (args: readonly string[]) => (await clientOfScript(paymentsScript, args)).client,
  http: async (args: readonly string[]) => {
    const { client, server } = await paymentsOverHttp(args);
    // The client does not notice that the answer broke off: it would wait for its own time-out.
    server.once('exit', () => void client.close());
    return client;
  },
};

/** The SDK's own code for it. */
const requestTimeout = -32001;

async function paymentsOverHttp(args: readonly string[]) {
  const server = fork(paymentsScript, args);
  closes.push(async () => server.kill('SIGKILL'));
  const [port] = (await once(server, 'message')) as [number];
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  return { server, client: await connected(new StreamableHTTPClientTransport(url)) };
}

const chargesOf = async (reference: string): Promise<number> =>
  (await scratch.pool.query(`select from "${scratch.schema}".charges where reference = $1`, [reference]))
    .rowCount ?? 0;

const mail = { requestId: 'email:C123', action: 'send_email', payload: { to: 'ann' } };

describe('activity-guard mcp', () => {
  it('is killed between claim and settlement: unknown after the lease, and its holder can still settle', async () => {
    const [first, second] = [await claimServer(), await claimServer()];
    const { structuredContent } = await calling(first.client, 'claim', { ...mail, leaseFor: '2s' });
    const { token } = structuredContent as { token: string };
    process.kill(first.pid, 'SIGKILL');
    const { client, errors } = second;
    expect((await calling(client, 'claim', mail)).structuredContent).toMatchObject({ status: 'IN_FLIGHT' });
    await delay(2100);
    expect((await calling(client, 'claim', mail)).structuredContent).toMatchObject({ status: 'UNKNOWN' });
    const listed = await calling(client, 'list_unknown', {});
    expect(listed.structuredContent).toMatchObject({
      receipts: [{ requestId: mail.requestId, state: 'unknown' }],
    });
    const settle = { requestId: mail.requestId, token };
    const forged = { ...settle, token: token.replace(/^.{8}/, '00000000'), outcome: 'committed' };
    expect((await calling(client, 'settle', forged)).structuredContent).toMatchObject({ status: 'NOT_HELD' });
    const late = await calling(client, 'settle', { ...settle, outcome: 'committed', result: { id: 'm_1' } });
    expect(late.structuredContent).toMatchObject({ status: 'SETTLED', state: 'committed' });
    expect((await calling(client, 'claim', mail)).structuredContent).toMatchObject({
      ...{ status: 'SKIP', result: { id: 'm_1' } },
    });
    expect(errors()).toBe('');
  });

  it('gives one of many callers at once the claim', async () => {
    const clients = await Promise.all([claimServer(), claimServer()]);
    const of = { ...mail, requestId: 'email:race' };
    const calls = clients.flatMap(({ client }) =>
      Array.from({ length: 8 }, () => calling(client, 'claim', of)),
    );
    const statuses = (await Promise.all(calls)).map(({ structuredContent }) => structuredContent?.['status']);
    expect(statuses.filter((status) => status === 'PROCEED')).toHaveLength(1);
    expect(statuses.filter((status) => status === 'IN_FLIGHT')).toHaveLength(15);
  });

  it('answers what it was asked before its input ended, with the protocol alone on its output', async () => {
    const messages = [
      {
        ...{ id: 1, method: 'initialize' },
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'sh', version: '1' } },
      },
      { method: 'notifications/initialized' },
      {
        id: 2,
        method: 'tools/call',
        params: { name: 'claim', arguments: { ...mail, requestId: 'email:sh' } },
      },
    ];
    const lines = messages.map((message) => JSON.stringify({ jsonrpc: '2.0', ...message }));
    const input = `${lines.join('\n')}\nno JSON\n`;
    const { code, out, err } = await runCli(['mcp', '--schema', scratch.schema], { input });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const answers = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id?: number; result?: unknown });
    expect(answers).toMatchObject([
      { id: 1 },
      { id: 2, result: { structuredContent: { status: 'PROCEED' } } },
    ]);
  });

  it('does not start without a database, and says what is missing', async () => {
    const none = Object.fromEntries(
      Object.keys(process.env)
        .filter((name) => name.startsWith('PG') || name === 'DATABASE_URL')
        .map((name) => [name, '']),
    );
    expect(await runCli(['mcp'], { env: none })).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringContaining('none is named: give --database-url') },
    });
    const away = ['mcp', '--database-url', 'postgres://127.0.0.1:1/none'];
    expect(await runCli(away)).toMatchObject({
      ...{ code: 1, out: '', err: expect.stringContaining('The database cannot be reached') },
    });
    expect(await runCli(['mcp', '--schema', 'nothing_here'])).toMatchObject({
      ...{ code: 1, out: '', err: expect.stringContaining('run `activity-guard migrate`') },
    });
  });
});

describe.each(['stdio', 'http'] as const)('a guarded tool in a process of its own, over %s', (transport) => {
  const start = (mode: Mode) => payments(transport, mode);
  const statusOf = ({ _meta }: CallToolResult) => (_meta?.[answerKey] as { status: string }).status;
  const order = (name: string) => `${transport}-${name}`;

  it('is killed after its effect: nothing runs again, and once somebody has looked, all get the result', async () => {
    const living = await start('living');
    const orders = ['a', 'b', 'c'].map(order);
    for (const killed of orders)
      await expect((await start('dying'))(killed)).rejects.toThrow(/Connection closed/);
    for (const killed of orders) {
      await until(async () => statusOf(await living(killed)) !== 'in-flight');
      const unknown = await living(killed);
      expect(unknown).toMatchObject({ isError: true, _meta: { [answerKey]: { status: 'unknown' } } });
      expect(textIn(unknown)).toMatch(/^It is unknown/);

      const seen = { content: [{ type: 'text', text: `seen for ${killed}` }] };
      await resolveCommitted(scratch, `charge:${killed}`, seen);
      const replayed = await living(killed);
      expect(replayed).toMatchObject({ _meta: { [answerKey]: { status: 'done', replayed: true } } });
      expect(replayed.content[0]).toEqual(seen.content[0]);
      expect(await chargesOf(`charge:${killed}`)).toBe(1);
    }
  });

  it('is killed after its effect, and a probe finds it: every later process gets its result', async () => {
    const [killed, probing] = [order('probed'), await start('probing')];
    await expect((await start('dying-probing'))(killed)).rejects.toThrow(/Connection closed/);
    await until(async () => statusOf(await probing(killed)) !== 'in-flight');
    for (const mode of ['probing', 'living'] as const) {
      const found = await (await start(mode))(killed);
      expect(found).toMatchObject({ _meta: { [answerKey]: { status: 'done', replayed: true } } });
      expect(textIn(found)).toMatch(/^charged as \d+\nThis had already been done/);
    }
    expect(await chargesOf(`charge:${killed}`)).toBe(1);
  });

  it('gives its result to every later process', async () => {
    const paid = order('paid');
    const [first, again] = [await (await start('living'))(paid), await (await start('living'))(paid)];
    expect(first).toMatchObject({ _meta: { [answerKey]: { status: 'done', replayed: false } } });
    expect(again).toMatchObject({ _meta: { [answerKey]: { status: 'done', replayed: true } } });
    expect(again.content[0]).toEqual(first.content[0]);
    expect(await chargesOf(`charge:${paid}`)).toBe(1);
  });
});

describe('a guarded tool over streamable HTTP', () => {
  it('is killed unnoticed: its client waits for its own time-out', async () => {
    const { client, server } = await paymentsOverHttp([scratch.schema, 'dying', 'http']);
    closes.push(() => client.close());
    const dead = once(server, 'exit');
    const charging = calling(client, 'charge', { order: 'late', cents: 5 }, undefined, { timeout: 3000 });
    await expect(charging).rejects.toMatchObject({ code: requestTimeout });
    await dead;
    expect(await chargesOf('charge:late')).toBe(1);
  });

  it('runs once, whichever session calls it', async () => {
    const guard = new Guard({ receipts: scratch.open('http'), waitFor: 0 });
    let runs = 0;
    const http: Server = createServer((request, response) => {
      // Without sessions there is a server for each request: nothing is shared but the receipts.
      const server = newServer();
      server.registerTool(
        'pay',
        { inputSchema: { order: z.string() } },
        guardTool({ guard, action: 'pay', requestId: ({ order }) => order, trustClientIds: true }, () => ({
          content: [{ type: 'text', text: `paid ${++runs}` }],
        })),
      );
      const transport = new StreamableHTTPServerTransport({});
      void server.connect(transport as never).then(() => transport.handleRequest(request, response));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    closes.push(async () => http.close());
    const url = new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`);
    const answers = [];
    for (const meta of [undefined, undefined, { 'activity-guard/requestId': 'plan:1' }]) {
      const client = await connected(new StreamableHTTPClientTransport(url));
      answers.push(await calling(client, 'pay', { order: '7' }, meta));
      await client.close();
    }
    expect(answers.map(({ _meta }) => _meta?.[answerKey])).toMatchObject([
      { requestId: '7', replayed: false },
      { requestId: '7', replayed: true },
      { requestId: 'plan:1', replayed: false },
    ]);
    expect(runs).toBe(2);
  });
});
