/** The tools that claim and settle, called by the official client. */
import { randomUUID } from 'node:crypto';

import { memoryReceipts } from '../../src';
import { claimServer } from '../../src/tools/mcp';
import { calling, clientOf, textIn, type CallToolResult, type Client } from '../support/mcp';

const closes: (() => Promise<void>)[] = [];
beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of closes.splice(0)) await close();
});

async function setUp() {
  const receipts = memoryReceipts();
  const client = await clientOf(claimServer(receipts));
  closes.push(() => client.close());
  return {
    receipts,
    client,
    call: (name: string, args: Record<string, unknown>) => calling(client, name, args),
  };
}

const mail = { requestId: 'email:C123', action: 'send_email', payload: { to: 'ann' } };

/** Whether it is an error, its answer for programs, and what the model reads. */
const read = (result: CallToolResult) => ({
  ...{ isError: result.isError ?? false, text: textIn(result), answer: result.structuredContent },
});

async function claimed(client: Client, more: Record<string, unknown> = {}): Promise<string> {
  const { structuredContent } = await calling(client, 'claim', { ...mail, ...more });
  return (structuredContent as { token: string }).token;
}

describe('the claim server', () => {
  it('offers five tools, with schemas that leave no room for other arguments', async () => {
    const { client } = await setUp();
    const { tools } = await client.listTools();
    expect(tools.map(({ name, inputSchema }) => [name, inputSchema.required])).toEqual([
      ['claim', ['requestId', 'action']],
      ['settle', ['requestId', 'token', 'outcome']],
      ['renew', ['requestId', 'token', 'leaseFor']],
      ['status', ['requestId']],
      ['list_unknown', []],
    ]);
    for (const { inputSchema } of tools) expect(inputSchema['additionalProperties']).toBe(false);
    expect(client.getInstructions()).toMatch(/only if the answer is PROCEED/);
  });

  it('lets one caller act, and tells the next one the result', async () => {
    const { client, call, receipts } = await setUp();
    const first = read(await call('claim', mail));
    expect(first).toMatchObject({
      ...{ isError: false, text: expect.stringMatching(/^PROCEED: .*exactly once.*within 120 seconds/) },
      answer: { status: 'PROCEED', requestId: mail.requestId, epoch: 1 },
    });
    expect(first.text).toContain((first.answer as { token: string }).token);
    expect((await receipts.list())[0]?.origin).toMatchObject({ via: 'mcp', client: 'test 1' });
    const other = await clientOf(claimServer(receipts));
    closes.push(() => other.close());
    expect(read(await calling(other, 'claim', mail))).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^IN_FLIGHT: Another call is doing exactly this/) },
      answer: { status: 'IN_FLIGHT', retryAfterMs: 10_000 },
    });
    const token = (first.answer as { token: string }).token;
    const settled = await call('settle', {
      ...{ requestId: mail.requestId, token },
      outcome: 'committed',
      result: { id: 1 },
    });
    expect(read(settled)).toMatchObject({
      isError: false,
      text: expect.stringMatching(/^SETTLED: committed/),
    });
    const again = read(await calling(other, 'claim', mail));
    expect(again).toEqual({
      isError: false,
      text: 'SKIP: {"id":1}\n\nThis had already been done (request id email:C123); it was not done again. Do not call the tool again for it.',
      answer: { status: 'SKIP', requestId: mail.requestId, state: 'committed', result: { id: 1 } },
    });
    expect(await client.ping()).toEqual({});
  });

  it('says what must not be done, and never that something is well that is not', async () => {
    const { client, call, receipts } = await setUp();
    const token = await claimed(client);
    const settle = { requestId: mail.requestId, token };
    const texts = [
      await call('claim', { ...mail, payload: { to: 'bob' } }),
      await call('settle', { ...settle, token: randomUUID(), outcome: 'committed' }),
      await call('settle', { ...settle, outcome: 'rejected', result: 'no such address' }),
      await call('claim', mail),
      await call('settle', { ...settle, outcome: 'committed' }),
    ].map(read);
    expect(texts).toMatchObject([
      { isError: true, text: expect.stringMatching(/^CONFLICT: .*belongs to something else/) },
      { isError: true, text: expect.stringMatching(/^NOT_HELD: /) },
      { isError: false, text: expect.stringMatching(/^SETTLED: rejected/) },
      { isError: true, text: expect.stringMatching(/^SKIP: Refused for good.*no such address/) },
      { isError: true, text: expect.stringMatching(/^LATE: .*is rejected/) },
    ]);
    const of = { requestId: 'email:C124' };
    const released = { ...of, token: await claimed(client, of), outcome: 'not-committed' };
    expect(read(await call('settle', released)).text).toMatch(/^SETTLED: it did not happen.*claimed again/);
    await receipts.prune({ retainMs: 0 });
    expect(read(await call('claim', mail))).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^CONFLICT: This was settled long ago/) },
    });
  });

  it('takes words that differ under one id where the fingerprint is the same', async () => {
    const { call, client } = await setUp();
    await claimed(client, { fingerprint: 'C123' });
    const again = { ...mail, payload: { to: 'Ann!' }, fingerprint: 'C123' };
    expect((await call('claim', again)).structuredContent).toMatchObject({ status: 'IN_FLIGHT' });
    const other = { ...mail, fingerprint: 'C124' };
    expect((await call('claim', other)).structuredContent).toMatchObject({ status: 'CONFLICT' });
  });

  it('gives more time while the lease stands, and says what to do where it does not', async () => {
    const { client, call } = await setUp();
    const held = { requestId: mail.requestId, token: await claimed(client, { leaseFor: '500ms' }) };
    const renew = async (more: object = {}) =>
      read(await call('renew', { ...held, leaseFor: '500ms', ...more }));
    expect(await renew({ leaseFor: '5s' })).toEqual({
      isError: false,
      text: expect.stringMatching(/^RENEWED: the claim stands for 5 seconds from now/) as string,
      answer: { status: 'RENEWED', requestId: mail.requestId, leaseMs: 5000 },
    });
    await renew();
    await new Promise((resolve) => setTimeout(resolve, 520));
    expect(await renew()).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^UNKNOWN: the lease was over.*Stop what can/) },
    });
    await call('settle', { ...held, outcome: 'committed' });
    expect(await renew()).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^LATE: .*is committed/) },
    });
    expect(await renew({ token: randomUUID() })).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^NOT_HELD: /) },
    });
  });

  it('says that nobody knows after the lease, lists it, and tells no result by its id alone', async () => {
    const { client, call } = await setUp();
    expect(read(await call('list_unknown', {}))).toEqual({
      ...{ isError: false, text: 'No outcome is unknown.', answer: { receipts: [] } },
    });
    const token = await claimed(client, { leaseFor: '500ms' });
    await claimed(client, { requestId: 'email:C124', action: 'send_letter', leaseFor: 500 });
    await new Promise((resolve) => setTimeout(resolve, 520));
    expect(read(await call('claim', mail))).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^UNKNOWN: It is unknown.*could happen twice/) },
    });
    const listed = read(await call('list_unknown', { action: 'send_email', limit: 5 }));
    expect(listed.text).toMatch(/^Nobody knows.*\n- send_email, request id email:C123, claimed at 2/);
    expect(listed.answer).toMatchObject({ receipts: [{ requestId: mail.requestId, state: 'unknown' }] });
    const settle = { requestId: mail.requestId, token };
    expect(read(await call('settle', { ...settle, outcome: 'not-committed' }))).toMatchObject({
      ...{ isError: true, text: expect.stringMatching(/^UNKNOWN: that came too late/) },
    });
    await call('settle', { ...settle, outcome: 'committed', result: 'SECRET' });
    const status = await call('status', { requestId: mail.requestId });
    expect(read(status)).toMatchObject({
      ...{ isError: false, text: 'send_email is committed (request id email:C123).' },
      answer: { state: 'committed', epoch: 1 },
    });
    expect(JSON.stringify(status)).not.toContain('SECRET');
    expect(JSON.stringify(status)).not.toContain(token);
    expect(read(await call('status', { requestId: 'email:none' }))).toMatchObject({
      answer: { state: 'none' },
    });
  });

  it('lets nobody act while the receipts are away, and says how to settle then', async () => {
    const { call, receipts } = await setUp();
    jest.spyOn(receipts, 'claim').mockRejectedValue(new Error('connection refused at db:5432'));
    const answer = read(await call('claim', { ...mail, leaseFor: 500 }));
    expect(answer).toMatchObject({
      isError: true,
      answer: { status: 'UNAVAILABLE', requestId: mail.requestId },
    });
    expect(answer.text).toMatch(/^UNAVAILABLE: .*nothing may be done.*Do not act on it now/);
    expect(answer.text).not.toContain('5432');
  });

  it.each([
    ['claim', {}],
    ['claim', { requestId: 7, action: 'a' }],
    ['claim', { requestId: 'a', action: ['a'] }],
    ['claim', { ...mail, request_id: 'b' }],
    ['claim', { ...mail, leaseFor: {} }],
    ['claim', { ...mail, origin: { via: 'forged' } }],
    ['claim', { ...mail, token: randomUUID() }],
    ['settle', {}],
    ['settle', { requestId: 'a', token: 'b', outcome: 'committed' }],
    ['settle', { requestId: 'a', token: randomUUID(), outcome: 'done' }],
    ['settle', { requestId: 'a', token: randomUUID(), outcome: ['committed'] }],
    ['status', {}],
    ['status', { requestId: null }],
    ['status', { requestId: 'a\u0000' }],
    ['list_unknown', { limit: 'all' }],
    ['list_unknown', { action: '' }],
    ['list_unknown', { states: ['committed'] }],
    ['drop_everything', {}],
    ['toString', {}],
  ])('refuses rubbish: %s %j', async (name, args) => {
    const { call, receipts } = await setUp();
    const answer = read(await call(name, args));
    expect(answer).toMatchObject({ isError: true, answer: { status: 'INVALID', code: 'InvalidRequest' } });
    expect(answer.text).toMatch(/^INVALID: /);
    expect(await receipts.list()).toEqual([]);
  });
});
