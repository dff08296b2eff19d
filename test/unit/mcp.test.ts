/** Guarded tools of an MCP server, called by the official client. */
import { z } from 'zod';

import {
  committed,
  Guard,
  memoryReceipts,
  NotCommittedError,
  RejectedError,
  type EffectClaim,
  type GuardOptions,
} from '../../src';
import { answerKey, guardTool, requestIdKey, type McpToolGuard } from '../../src/tools/mcp';
import { calling, clientOf, newServer, textIn, type CallToolResult } from '../support/mcp';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of closes.splice(0)) await close();
});

interface Mail {
  readonly to: string;
  readonly note?: string | undefined;
}
type Handler = (mail: Mail, claim: EffectClaim) => CallToolResult | Promise<CallToolResult>;

const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] });

/** Servers over one store, as processes share a database. Each call has another JSON-RPC id. */
function setUp(options: Partial<GuardOptions> = {}) {
  const receipts = memoryReceipts();
  const runs: string[] = [];
  async function tool(handler?: Handler, terms: Partial<McpToolGuard<Mail>> = {}) {
    const guard = new Guard({ receipts, waitFor: 0, ...options });
    const server = newServer();
    server.registerTool(
      'send_email',
      { inputSchema: { to: z.string(), note: z.string().optional() } },
      guardTool(
        { guard, action: 'send_email', requestId: ({ to }: Mail) => `email:${to}`, ...terms },
        async (mail: Mail, claim) => {
          runs.push(claim.requestId);
          return handler ? handler(mail, claim) : said(`sent ${runs.length}`);
        },
      ),
    );
    const client = await clientOf(server);
    const close = (): Promise<void> => client.close();
    closes.push(close);
    const call = (
      args: Record<string, unknown> = { to: 'ann' },
      meta?: Record<string, unknown>,
    ): Promise<CallToolResult> => calling(client, 'send_email', args, meta);
    return { call, close };
  }
  return { receipts, runs, tool };
}

/** What the model reads, and what programs find. */
const read = (result: CallToolResult) => ({
  ...{ isError: result.isError ?? false, text: textIn(result), answer: result._meta?.[answerKey] },
});

describe('a guarded tool of an MCP server', () => {
  it('runs once for each intent; a later call gets the same result, and the model that it was no new one', async () => {
    const { runs, tool } = setUp();
    const first = await (await tool()).call();
    const again = await (await tool()).call();
    expect(read(first)).toEqual({
      ...{ isError: false, text: 'sent 1' },
      answer: { status: 'done', requestId: 'email:ann', replayed: false },
    });
    expect(read(again)).toEqual({
      isError: false,
      text: 'sent 1\nThis had already been done (request id email:ann); it was not done again. Do not call the tool again for it.',
      answer: { status: 'done', requestId: 'email:ann', replayed: true },
    });
    expect(runs).toEqual(['email:ann']);
  });

  it('gives the whole result of the handler again: its content, structured content and metadata', async () => {
    const { tool } = setUp();
    const { call } = await tool(() => ({
      content: [
        { type: 'image', data: 'AAAA', mimeType: 'image/png' },
        { type: 'text', text: 'sent' },
      ],
      structuredContent: { id: 7, at: ['now'] },
      _meta: { 'my/own': 1 },
    }));
    const [first, again] = [await call(), await call()];
    expect(first).toMatchObject({ structuredContent: { id: 7, at: ['now'] }, _meta: { 'my/own': 1 } });
    expect(again).toMatchObject({
      ...{ structuredContent: first.structuredContent, _meta: { 'my/own': 1 } },
      content: [...first.content, { type: 'text', text: expect.stringContaining('already been done') }],
    });
  });

  it('runs nothing where its id was used for something else', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool();
    await call();
    expect(read(await call({ to: 'ann', note: 'another one' }))).toEqual({
      isError: true,
      text: expect.stringMatching(/^This request id \(request id email:ann\) belongs to something else/),
      answer: { status: 'conflict', requestId: 'email:ann', code: 'RequestIdReused' },
    });
    expect(runs).toHaveLength(1);
  });

  it('takes calls for the same that differ only in what does not matter', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(undefined, { fingerprint: ({ to }) => to });
    await call({ to: 'ann', note: 'one wording' });
    expect(read(await call({ to: 'ann', note: 'another one' }))).toMatchObject({
      answer: { replayed: true },
    });
    expect(runs).toHaveLength(1);
  });

  it('tells who calls meanwhile that somebody is at it', async () => {
    const { runs, tool } = setUp();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const { call } = await tool(async () => (await ended, said('sent')));
    const first = call();
    while (runs.length === 0) await new Promise(setImmediate);
    expect(read(await (await tool()).call())).toMatchObject({
      ...{ isError: true, text: expect.stringContaining('Another call is doing exactly this right now') },
      answer: { status: 'in-flight', code: 'InFlight' },
    });
    end();
    expect(read(await first)).toMatchObject({ isError: false, text: 'sent' });
    expect(runs).toHaveLength(1);
  });

  it('does not know what became of a handler that threw, and never runs it again', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => {
      throw new Error('socket hang up');
    });
    for (const answer of [await call(), await (await tool()).call()])
      expect(read(answer)).toEqual({
        isError: true,
        text: expect.stringMatching(/^It is unknown whether this happened.*Do not call the tool again/),
        answer: { status: 'unknown', requestId: 'email:ann', code: 'OutcomeUnknown' },
      });
    expect(runs).toHaveLength(1);
  });

  it('finds out by a probe, whose result is the tool result', async () => {
    const { runs, tool } = setUp({ graceFor: 0 });
    const { call } = await tool(
      () => {
        throw new Error('socket hang up');
      },
      { onUnknown: ({ payload }) => committed(said(`found the mail to ${payload.to}`)) },
    );
    await call();
    expect(read(await call())).toMatchObject({
      ...{
        isError: false,
        text: expect.stringMatching(/^found the mail to ann\nThis had already been done/),
      },
    });
    expect(runs).toHaveLength(1);
  });

  it('gives a final no again without asking again', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => {
      throw new RejectedError('the address does not exist');
    });
    const answers = [await call(), await call()].map(read);
    expect(answers).toMatchObject([
      { isError: true, answer: { status: 'refused', replayed: false } },
      { isError: true, answer: { status: 'refused', replayed: true } },
    ]);
    expect(answers[1]?.text).toMatch(/^Refused for good.*: the address does not exist\. Nothing was done/);
    expect(runs).toHaveLength(1);
  });

  it('lets the model call again what surely did not happen', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => {
      if (runs.length === 1) throw new NotCommittedError('no connection');
      return said('sent');
    });
    expect(read(await call())).toMatchObject({
      ...{ isError: true, text: expect.stringContaining('You may call the tool again') },
      answer: { status: 'not-done' },
    });
    expect(read(await call())).toMatchObject({ isError: false, text: 'sent' });
  });

  it('says that it happened, and never does it again, where its result cannot be kept', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => ({ ...said('sent'), _meta: { undo: () => undefined } }));
    for (const result of [await call(), await call()])
      expect(read(result)).toEqual({
        ...{ isError: true, text: expect.stringMatching(/^This has been done .*not done again/) as string },
        answer: { status: 'no-result', requestId: 'email:ann', code: 'ResultUnavailable' },
      });
    expect(runs).toHaveLength(1);
  });

  it('runs nothing while the receipts are away', async () => {
    const { receipts, runs, tool } = setUp({ leaseFor: 500 });
    jest.spyOn(receipts, 'claim').mockRejectedValue(new Error('connection refused'));
    const answer = read(await (await tool()).call());
    expect(answer).toMatchObject({
      isError: true,
      answer: { status: 'not-done', code: 'ReceiptStoreUnavailable' },
    });
    expect(runs).toEqual([]);
  });

  it('keeps what happened after its client had gone, and gives it to the next one', async () => {
    const { runs, tool } = setUp();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    let signal: AbortSignal | undefined;
    const { call, close } = await tool(async (_mail, claim) => {
      signal = claim.signal;
      await ended;
      return said('sent');
    });
    const first = call().catch((error: Error) => error.message);
    while (runs.length === 0) await new Promise(setImmediate);
    expect(signal?.aborted).toBe(false);
    await close();
    expect(signal?.aborted).toBe(true);
    end();
    expect(await first).toMatch(/Connection closed/);
    expect(read(await (await tool()).call())).toMatchObject({
      text: expect.stringMatching(/^sent\nThis had/),
    });
    expect(runs).toHaveLength(1);
  });
});

describe('a handler that answers with isError', () => {
  const failing = (text = 'quota exceeded'): CallToolResult => ({ ...said(text), isError: true });

  it('has proved nothing: the outcome is unknown, and the model reads first what it must not do', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => failing());
    expect(read(await call())).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^It is unknown.*\nquota exceeded$/) },
      answer: { status: 'unknown' },
    });
    expect(read(await call())).toMatchObject({ isError: true, answer: { status: 'unknown' } });
    expect(runs).toHaveLength(1);
  });

  it.each([
    ['a classifier that says nothing', () => undefined],
    ['one that says so', () => 'unknown' as const],
    ['one that fails', () => JSON.parse('{') as undefined],
    ['one that says what does not exist', () => 'committed' as 'unknown'],
  ])('is unknown with %s', async (_what, classifyResult) => {
    const { tool } = setUp();
    const { call } = await tool(() => failing(), { classifyResult });
    expect(read(await call())).toMatchObject({ answer: { status: 'unknown' } });
  });

  it('is a final no where it is classified so, and then given again', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => failing('no such address'), { classifyResult: () => 'rejected' });
    for (const replayed of [false, true])
      expect(read(await call())).toMatchObject({
        text: expect.stringContaining('no such address'),
        answer: { status: 'refused', replayed, error: { message: 'no such address' } },
      });
    expect(runs).toHaveLength(1);
  });

  it('runs again where it is classified as not committed', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(() => (runs.length === 1 ? failing() : said('sent')), {
      classifyResult: ({ content }) => (content.length === 1 ? 'not-committed' : undefined),
    });
    expect(read(await call())).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^This surely did not happen.*\nquota exceeded$/) },
      answer: { status: 'not-done' },
    });
    expect(read(await call())).toMatchObject({ isError: false, text: 'sent' });
  });
});

describe('the id of an intent', () => {
  it('is the one that a client sends, where it is trusted', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(undefined, { trustClientIds: true });
    await call({ to: 'ann' }, { [requestIdKey]: 'plan:7' });
    await call({ to: 'ann' });
    expect(read(await call({ to: 'ann' }, { [requestIdKey]: 'plan:7' }))).toMatchObject({
      answer: { requestId: 'plan:7', replayed: true },
    });
    expect(runs).toEqual(['plan:7', 'email:ann']);
  });

  it('is that of the arguments, whatever a client sends that is not trusted', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool();
    for (const id of ['plan:7', 'plan:8']) await call({ to: 'ann' }, { [requestIdKey]: id });
    expect(runs).toEqual(['email:ann']);
  });

  it.each([[''], [null], [7], [{}], ['x'.repeat(513)], ['a\u0000b'], ['plan~g2']])(
    'is not replaced where a client sends none that can be used: %p',
    async (id) => {
      const { runs, tool } = setUp();
      const { call } = await tool(undefined, { trustClientIds: true });
      expect(read(await call({ to: 'ann' }, { [requestIdKey]: id }))).toMatchObject({
        ...{ isError: true, text: expect.stringContaining('cannot be guarded, so nothing was done') },
        answer: { status: 'invalid', code: 'InvalidRequest' },
      });
      expect(runs).toEqual([]);
    },
  );

  it('may come from who calls, and never does from the message', async () => {
    const { runs, tool } = setUp();
    const messages = new Set<unknown>();
    const { call } = await tool(undefined, {
      requestId: ({ to }, request) => (
        messages.add(request.requestId), `${request.authInfo?.clientId}:${to}`
      ),
    });
    for (const _call of [1, 2]) await call();
    expect(messages.size).toBe(2);
    expect(runs).toEqual(['undefined:ann']);
  });

  it('is missing where it cannot be said: nothing runs, and the model is told', async () => {
    const { runs, tool } = setUp();
    const { call } = await tool(undefined, {
      requestId: () => {
        throw new Error('which order?');
      },
    });
    expect(read(await call())).toMatchObject({ isError: true, text: 'which order?' });
    expect(runs).toEqual([]);
  });
});

describe('a tool with structured content', () => {
  async function withSchema(structuredAnswers: boolean, hasSchema = true) {
    const guard = new Guard({ receipts: memoryReceipts(), waitFor: 0 });
    const server = newServer();
    let runs = 0;
    server.registerTool(
      'pay',
      {
        inputSchema: { order: z.string() },
        ...(hasSchema ? { outputSchema: { charge: z.string() } } : {}),
      },
      guardTool(
        { guard, action: 'pay', requestId: ({ order }) => order, structuredAnswers },
        async ({ order }) => {
          runs++;
          if (order === 'broken') throw new Error('socket hang up');
          return { content: [], structuredContent: { charge: `ch_${order}` } };
        },
      ),
    );
    const client = await clientOf(server);
    closes.push(() => client.close());
    await client.listTools(); // from now on the client checks what it gets against the schemas
    const call = (order: string) => client.callTool({ name: 'pay', arguments: { order } });
    return { call, ran: () => runs };
  }

  it('gives what its schema asks for on every call, and what became of it only in metadata', async () => {
    const { call, ran } = await withSchema(false);
    for (const replayed of [false, true])
      expect(await call('42')).toMatchObject({
        structuredContent: { charge: 'ch_42' },
        _meta: { [answerKey]: { status: 'done', replayed } },
      });
    const broken = await call('broken');
    expect(broken).toMatchObject({ isError: true, _meta: { [answerKey]: { status: 'unknown' } } });
    expect(broken['structuredContent']).toBeUndefined();
    expect(ran()).toBe(2);
  });

  it('says it in structured content, too, where it may: without a schema', async () => {
    const { call } = await withSchema(true, false);
    expect(await call('broken')).toMatchObject({
      isError: true,
      structuredContent: { status: 'unknown', requestId: 'broken', code: 'OutcomeUnknown' },
    });
    // With a schema its client takes that for a broken server, which is why it is not the default.
    await expect((await withSchema(true)).call('broken')).rejects.toThrow(/does not match/);
  });
});

describe('options', () => {
  it('are refused when the tool is made, not at the first call', async () => {
    const guard = new Guard({ receipts: memoryReceipts() });
    const handler = () => said('');
    const requestId = () => '1';
    expect(() => guardTool({ guard: undefined as never, action: 'a', requestId }, handler)).toThrow(
      /needs a guard/,
    );
    expect(() => guardTool({ guard, action: 'a', requestId: 'id' as never }, handler)).toThrow(
      /needs requestId/,
    );
    const tool = guardTool({ guard, action: 'a', requestId }, handler);
    // What the SDK does with a tool that has no input.
    await expect(tool({}, undefined as never)).rejects.toThrow(/inputSchema/);
  });
});
