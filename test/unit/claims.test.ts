/** Claims for effects that are run elsewhere. */
import { randomUUID } from 'node:crypto';

import { Guard, RejectedError, type ReceiptStore } from '../../src';
import {
  claimFor,
  renewFor,
  settleFor,
  statusOf,
  unknownReceipts,
  type ClaimReply,
  type ClaimTerms,
  type Renewing,
  type Settling,
} from '../../src/claims';
import { recordEvidence } from '../../src/core';
import { hashOfWrittenId, receiptKey } from '../../src/ids';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { systemClock } from '../../src/system-clock';
import { until } from '../support/waiting';

const mail = { requestId: 'email:C123', action: 'send_email', payload: { to: 'ann', lines: [1, 2] } };

function setUp() {
  let now = 1_000_000;
  const receipts: ReceiptStore = new MemoryReceipts(
    new MemoryDatabase({ monotonic: () => now, wall: () => now }),
  );
  const claim = (more: Partial<ClaimTerms> = {}) => claimFor(receipts, { ...mail, ...more });
  const settle = (token: string, more: Partial<Settling> = {}) =>
    settleFor(receipts, { requestId: mail.requestId, token, outcome: 'committed', ...more });
  const found = async (id = mail.requestId) => {
    const known = await receipts.get(receiptKey('default', hashOfWrittenId(id)));
    if (!known) throw new Error('no receipt');
    return known;
  };
  const pass = (ms: number): void => void (now += ms);
  return { receipts, claim, settle, found, pass };
}

function tokenOf(reply: ClaimReply): string {
  if (reply.status !== 'PROCEED') throw new Error(`not claimed: ${reply.status}`);
  return reply.token;
}

const guardOver = (receipts: ReceiptStore): Guard => new Guard({ receipts, waitFor: 0 });

afterEach(() => jest.restoreAllMocks());

describe('a claim', () => {
  it('lets one caller act, and gives the result to all later ones', async () => {
    const { claim, settle } = setUp();
    const first = await claim();
    expect(first).toEqual({
      ...{ status: 'PROCEED', requestId: mail.requestId, epoch: 1, leaseMs: 120_000 },
      token: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(await claim()).toEqual({ status: 'IN_FLIGHT', requestId: mail.requestId, retryAfterMs: 10_000 });
    expect(await settle(tokenOf(first), { result: { id: 'm_1', to: ['ann'] } })).toEqual({
      ...{ status: 'SETTLED', requestId: mail.requestId, state: 'committed' },
    });
    expect(await claim({ payload: { lines: [1, 2], to: 'ann' } })).toEqual({
      ...{
        status: 'SKIP',
        requestId: mail.requestId,
        state: 'committed',
        result: { id: 'm_1', to: ['ann'] },
      },
    });
  });

  it('has a token of its own each time', async () => {
    const { claim, settle } = setUp();
    const first = tokenOf(await claim());
    await settle(first, { outcome: 'not-committed' });
    const second = await claim();
    expect(second).toMatchObject({ status: 'PROCEED', epoch: 2 });
    expect(tokenOf(second)).not.toBe(first);
  });

  it.each([
    ['another payload', { payload: { to: 'bob' } }],
    ['another action', { action: 'send_letter' }],
    ['no payload', { payload: undefined }],
  ])('is refused where the id has %s, whatever became of it', async (_what, more) => {
    const { claim, settle, pass } = setUp();
    const token = tokenOf(await claim());
    const conflict = { status: 'CONFLICT', requestId: mail.requestId, code: 'RequestIdReused' };
    expect(await claim(more)).toEqual(conflict);
    pass(121_000);
    expect(await claim(more)).toEqual(conflict);
    await settle(token, { result: 'secret' });
    expect(await claim(more)).toEqual(conflict);
  });

  it('goes by its fingerprint where it has one', async () => {
    const { claim } = setUp();
    await claim({ fingerprint: 'C123' });
    expect(await claim({ fingerprint: 'C123', payload: { to: 'Ann' } })).toMatchObject({
      ...{ status: 'IN_FLIGHT' },
    });
    for (const more of [{ fingerprint: 'C124' }, {}])
      expect(await claim(more)).toMatchObject({ status: 'CONFLICT', code: 'RequestIdReused' });
  });

  it('that is not settled within its lease is unknown, and lets nobody act', async () => {
    const { claim, receipts, pass } = setUp();
    await claim({ leaseFor: '30s' });
    pass(29_500);
    expect(await claim()).toEqual({ status: 'IN_FLIGHT', requestId: mail.requestId, retryAfterMs: 1000 });
    pass(500);
    expect(await claim()).toEqual({ status: 'UNKNOWN', requestId: mail.requestId });
    expect(await statusOf(receipts, mail.requestId)).toMatchObject({
      state: 'unknown',
      action: 'send_email',
    });
    await claim({ requestId: 'email:held' });
    const unknown = await unknownReceipts(receipts);
    expect(unknown).toMatchObject([{ requestId: mail.requestId, state: 'unknown' }]);
  });

  it('is settled by what other sources say, as soon as they agree', async () => {
    const { claim, receipts, pass } = setUp();
    await claim();
    await recordEvidence(receipts, {
      ...{ requestId: mail.requestId, source: 'webhook', verdict: 'committed', result: { id: 'm_9' } },
    });
    pass(121_000);
    expect(await claim()).toMatchObject({ status: 'SKIP', state: 'committed', result: { id: 'm_9' } });
  });

  it('is settled by what a source said before there was one', async () => {
    const { claim, receipts } = setUp();
    await recordEvidence(receipts, {
      ...{ requestId: mail.requestId, source: 'webhook', verdict: 'committed', result: { id: 'm_9' } },
    });
    expect(await claim()).toMatchObject({ status: 'SKIP', state: 'committed', result: { id: 'm_9' } });
  });

  it('is not given where a source says that it happened, also over what was released', async () => {
    const { claim, settle, receipts } = setUp();
    await settle(tokenOf(await claim()), { outcome: 'not-committed' });
    await recordEvidence(receipts, {
      ...{ requestId: mail.requestId, source: 'webhook', verdict: 'committed' },
    });
    expect(await claim()).toEqual({ status: 'UNKNOWN', requestId: mail.requestId });
  });

  it('of what was superseded is one of the next generation, whose id it answers', async () => {
    const { claim, settle, receipts, found } = setUp();
    await settle(tokenOf(await claim()));
    const { receipt } = await found();
    const { key, epoch } = receipt;
    await receipts.supersede({ key, epoch, state: 'committed', source: 'operator' });
    const second = await claim();
    expect(second).toMatchObject({ status: 'PROCEED', requestId: 'email:C123~g2' });
    // Settled under either id: the token says which of them is meant.
    expect(await settle(tokenOf(second))).toMatchObject({ status: 'SETTLED' });
    expect(await settle(tokenOf(second), { requestId: 'email:C123~g2' })).toMatchObject({
      status: 'SETTLED',
    });
    expect(await claim()).toMatchObject({ status: 'SKIP', requestId: 'email:C123~g2' });
    expect(await statusOf(receipts, 'email:C123~g2')).toMatchObject({ state: 'committed' });
  });

  it('of what was pruned is refused', async () => {
    const { claim, settle, receipts, pass } = setUp();
    await settle(tokenOf(await claim()));
    pass(1);
    await receipts.prune({ retainMs: 0 });
    expect(await claim()).toEqual({ status: 'CONFLICT', requestId: mail.requestId, code: 'ReceiptPruned' });
  });

  it('is written down although an answer of the receipts was lost', async () => {
    const { claim, receipts } = setUp();
    const write = receipts.claim.bind(receipts);
    jest.spyOn(receipts, 'claim').mockImplementationOnce(async (request) => {
      await write(request);
      throw new Error('connection reset');
    });
    expect(await claim()).toMatchObject({ status: 'PROCEED', epoch: 1 });
  });

  it('is not waited for without end where the receipts do not answer', async () => {
    const { receipts, claim } = setUp();
    jest.spyOn(receipts, 'claim').mockReturnValue(new Promise(() => undefined));
    const waits: number[] = [];
    jest.spyOn(systemClock, 'after').mockImplementation((ms, late) => {
      waits.push(ms);
      const passed = setImmediate(late);
      return () => clearImmediate(passed);
    });
    await expect(claim()).rejects.toMatchObject({
      code: 'ReceiptStoreUnavailable',
      requestId: mail.requestId,
    });
    expect(waits).toEqual([10_000, 10_000, 10_000]);
  });

  it('is not made where the receipts are away, and one whose answer never came is given back', async () => {
    const { claim, receipts, found } = setUp();
    const write = receipts.claim.bind(receipts);
    const broken = jest.spyOn(receipts, 'claim').mockImplementation(async (request) => {
      await write(request);
      throw new Error('connection reset');
    });
    await expect(claim()).rejects.toMatchObject({
      code: 'ReceiptStoreUnavailable',
      requestId: mail.requestId,
    });
    expect((await found()).receipt.state).toBe('released');
    broken.mockRestore();
    expect(await claim()).toMatchObject({ status: 'PROCEED', epoch: 2 });
  });
});

describe('a claim whose answer is slow', () => {
  it('is made anew where its lease ran out meanwhile', async () => {
    const { claim, receipts } = setUp();
    const write = receipts.claim.bind(receipts);
    jest.spyOn(receipts, 'claim').mockImplementationOnce((request) => write({ ...request, leaseMs: -1 }));
    expect(await claim()).toMatchObject({ status: 'PROCEED', epoch: 2 });
  });

  it('is given back also where it arrives after its release', async () => {
    const { claim, receipts, found } = setUp();
    const write = receipts.claim.bind(receipts);
    let arrive = (): Promise<unknown> => Promise.resolve();
    const broken = jest.spyOn(receipts, 'claim').mockImplementation((request) => {
      arrive = () => write(request);
      return Promise.reject(new Error('timed out'));
    });
    await expect(claim()).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable' });
    await arrive();
    expect((await found()).receipt.state).toBe('claimed');
    await until(async () => (await found()).receipt.state === 'released');
    broken.mockRestore();
  });
});

describe('a renewal', () => {
  const renewing = (token: string, more: Partial<Renewing> = {}): Renewing => ({
    ...{ requestId: mail.requestId, token, leaseFor: '1m', ...more },
  });

  it('keeps a claim as long as its holder is at it, and no longer', async () => {
    const { receipts, claim, settle, pass } = setUp();
    const token = tokenOf(await claim({ leaseFor: '30s' }));
    for (let i = 0; i < 5; i++) {
      pass(29_000);
      expect(await renewFor(receipts, renewing(token, { leaseFor: '30s' }))).toEqual({
        ...{ status: 'RENEWED', requestId: mail.requestId, leaseMs: 30_000 },
      });
    }
    pass(29_000);
    expect((await claim()).status).toBe('IN_FLIGHT');
    pass(2000);
    expect((await claim()).status).toBe('UNKNOWN');
    // Others may have been told so: it is not revived, and a "no" counts no more.
    const unknown = { status: 'UNKNOWN', requestId: mail.requestId };
    expect(await renewFor(receipts, renewing(token))).toEqual(unknown);
    expect(await settle(token, { outcome: 'not-committed' })).toEqual(unknown);
    expect((await settle(token)).status).toBe('SETTLED');
    expect(await renewFor(receipts, renewing(token))).toMatchObject({ status: 'LATE', state: 'committed' });
  });

  it('is refused to who never held the claim, and to a holder that was overtaken', async () => {
    const { receipts, claim, settle } = setUp();
    const notHeld = { status: 'NOT_HELD', requestId: mail.requestId };
    expect(await renewFor(receipts, renewing(randomUUID()))).toEqual(notHeld);
    const first = tokenOf(await claim());
    expect(await renewFor(receipts, renewing(randomUUID()))).toEqual(notHeld);
    await settle(first, { outcome: 'not-committed' });
    expect(await renewFor(receipts, renewing(first))).toMatchObject({ status: 'LATE', state: 'released' });
    const second = tokenOf(await claim());
    expect(await renewFor(receipts, renewing(first))).toMatchObject({ status: 'LATE', state: 'claimed' });
    expect((await renewFor(receipts, renewing(second.toUpperCase()))).status).toBe('RENEWED');
  });

  it.each([
    ['no token', { token: 'mine' }, /^renew: token is the one that claim answered/],
    ['no id', { requestId: '' }, /^renew: /],
    ['a lease that is too long', { leaseFor: '25h' }, /^leaseFor is half a second to a day/],
    ['no lease', { leaseFor: undefined as never }, /^leaseFor/],
  ])('is refused with %s', async (_what, more, message) => {
    const { receipts, claim } = setUp();
    const token = tokenOf(await claim());
    await expect(renewFor(receipts, renewing(token, more))).rejects.toMatchObject({
      ...{ code: 'InvalidRequest', message: expect.stringMatching(message) as string },
    });
  });
});

describe('a settlement', () => {
  it('is not written while the receipts are away', async () => {
    const { claim, settle, receipts, found } = setUp();
    const token = tokenOf(await claim());
    jest.spyOn(receipts, 'settle').mockRejectedValue(new Error('away'));
    await expect(settle(token)).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable' });
    expect((await found()).receipt.state).toBe('claimed');
  });

  it('can be said again after a lost answer, and the first word stays', async () => {
    const { claim, settle, found } = setUp();
    const token = tokenOf(await claim());
    await settle(token, { result: 1 });
    expect(await settle(token, { result: 2 })).toMatchObject({ status: 'SETTLED', state: 'committed' });
    expect(await settle(token.toUpperCase())).toMatchObject({ status: 'SETTLED' });
    expect(await settle(token, { outcome: 'rejected' })).toMatchObject({
      status: 'LATE',
      state: 'committed',
    });
    expect(await settle(token, { outcome: 'not-committed' })).toMatchObject({ status: 'LATE' });
    expect(await claim()).toMatchObject({ status: 'SKIP', result: 1 });
    expect((await found()).receipt.state).toBe('committed');
  });

  it('as rejected is told to every later caller, with the reason', async () => {
    const { claim, settle } = setUp();
    const reply = await settle(tokenOf(await claim()), { outcome: 'rejected', result: 'no such address' });
    expect(reply).toMatchObject({ status: 'SETTLED', state: 'rejected' });
    expect(await claim()).toEqual({
      ...{ status: 'SKIP', requestId: mail.requestId, state: 'rejected' },
      error: { name: 'RejectedError', message: 'no such address' },
    });
  });

  it('as not committed lets the next one act; said again it is still so', async () => {
    const { claim, settle } = setUp();
    const token = tokenOf(await claim());
    for (const _time of [1, 2])
      expect(await settle(token, { outcome: 'not-committed' })).toMatchObject({
        ...{ status: 'SETTLED', state: 'released' },
      });
    const second = await claim();
    expect(second.status).toBe('PROCEED');
    // The first holder has nothing to say of the second one's claim.
    expect(await settle(token, { outcome: 'not-committed' })).toMatchObject({
      status: 'LATE',
      state: 'claimed',
    });
    expect(await claim()).toMatchObject({ status: 'IN_FLIGHT' });
  });

  it('as not committed after the lease stays unknown; that it happened still counts', async () => {
    const { claim, settle, pass } = setUp();
    const token = tokenOf(await claim());
    pass(121_000);
    expect(await settle(token, { outcome: 'not-committed' })).toMatchObject({ status: 'UNKNOWN' });
    expect(await claim()).toMatchObject({ status: 'UNKNOWN' });
    expect(await settle(token, { result: 'sent' })).toMatchObject({ status: 'SETTLED', state: 'committed' });
    expect(await claim()).toMatchObject({ status: 'SKIP', result: 'sent' });
  });

  it.each(['not-committed', 'rejected'] as const)(
    'as %s over an earlier doubt stays unknown',
    async (outcome) => {
      const { claim, settle, receipts, found, pass } = setUp();
      await claim();
      pass(121_000);
      const { receipt } = await found();
      const token = '00000000-0000-4000-8000-000000000001';
      const over = { ...receipt, token, leaseMs: 60_000, fromUnknown: true, policy: 'retry' } as const;
      expect(await receipts.takeOver(over)).toMatchObject({ doubt: true });
      expect(await settle(token, { outcome })).toMatchObject({ status: 'UNKNOWN' });
      expect((await found()).receipt.state).toBe('unknown');
    },
  );

  it('as unknown lets others know at once, before the lease is over; its holder may still find out', async () => {
    const { claim, settle, found } = setUp();
    const token = tokenOf(await claim());
    const unknown = { status: 'SETTLED', requestId: mail.requestId, state: 'unknown' };
    expect(await settle(token, { outcome: 'unknown' })).toEqual(unknown);
    expect(await settle(token, { outcome: 'unknown' })).toEqual(unknown);
    expect((await found()).receipt).toMatchObject({ state: 'unknown', leaseRemainingMs: 120_000 });
    expect((await claim()).status).toBe('UNKNOWN');
    expect((await settle(token, { outcome: 'not-committed' })).status).toBe('UNKNOWN');
    expect(await settle(token, { result: 1 })).toMatchObject({ status: 'SETTLED', state: 'committed' });
    expect(await settle(token, { outcome: 'unknown' })).toMatchObject({ status: 'LATE', state: 'committed' });
  });

  it('by a token that never held the claim writes nothing, also where nobody knows the outcome', async () => {
    const { claim, settle, found, pass, receipts } = setUp();
    const token = '00000000-0000-4000-8000-000000000001';
    expect(await settle(token)).toEqual({ status: 'NOT_HELD', requestId: mail.requestId });
    await claim();
    for (const ms of [0, 121_000]) {
      pass(ms);
      for (const outcome of ['committed', 'rejected', 'not-committed', 'unknown'] as const)
        expect(await settle(token, { outcome })).toMatchObject({ status: 'NOT_HELD' });
      expect(await found()).toMatchObject({
        evidence: [],
        receipt: { state: 'claimed', outcome: undefined },
      });
    }
    expect(await claim()).toMatchObject({ status: 'UNKNOWN' });
    expect(await statusOf(receipts, 'another')).toBeUndefined();
  });

  it('by a holder that was overtaken is kept as evidence, and changes nothing', async () => {
    const { claim, settle, found, pass, receipts } = setUp();
    const first = tokenOf(await claim());
    pass(140_000);
    const { receipt } = await found();
    await receipts.resolve({ key: receipt.key, epoch: 1, verdict: 'not-committed', source: 'operator' });
    const second = tokenOf(await claim());
    expect(await settle(first, { result: 'mine' })).toMatchObject({ status: 'LATE', state: 'claimed' });
    const late = { source: 'late-settle', verdict: 'committed', epoch: 1 };
    expect((await found()).evidence).toContainEqual(expect.objectContaining(late));
    expect(await settle(second, { result: 'the second' })).toMatchObject({ status: 'SETTLED' });
    expect(await claim()).toMatchObject({ result: 'the second' });
  });

  it('by an overtaken holder settles what nobody knows of the second one', async () => {
    const { claim, settle, found, pass, receipts } = setUp();
    const first = tokenOf(await claim());
    pass(140_000);
    const { key } = (await found()).receipt;
    await receipts.resolve({ key, epoch: 1, verdict: 'not-committed', source: 'operator' });
    await settle(tokenOf(await claim()), { outcome: 'not-committed' });
    await claim();
    pass(140_000);
    expect(await settle(first, { result: 'mine' })).toMatchObject({ status: 'LATE', state: 'unknown' });
    expect(await settle(first, { outcome: 'not-committed' })).toMatchObject({ status: 'UNKNOWN' });
    expect(await claim()).toMatchObject({ status: 'SKIP', result: 'mine' });
  });
});

describe('claims and guards over one store', () => {
  const request = { ...mail, run: () => ({ id: 'm_1' }) };

  it('know of each other: the same id, action and payload is the same intent', async () => {
    const { claim, settle, receipts } = setUp();
    await guardOver(receipts).execute(request);
    expect(await claim()).toMatchObject({ status: 'SKIP', result: { id: 'm_1' } });
    const other = { requestId: 'email:C124' };
    await settle(tokenOf(await claim(other)), { ...other, result: [1] });
    const receipt = await guardOver(receipts).execute({ ...request, ...other });
    expect(receipt).toMatchObject({ ok: true, replayed: true, result: [1] });
  });

  it('tell each other what was rejected, and that a result is of a form of its own', async () => {
    const { claim, settle, receipts } = setUp();
    await settle(tokenOf(await claim()), { outcome: 'rejected', result: { code: 550 } });
    const rejected = await guardOver(receipts).execute(request);
    expect(rejected).toMatchObject({ ok: false, error: { message: '{"code":550}' } });
    expect((rejected as { error: unknown }).error).toBeInstanceOf(RejectedError);
    const dated = { requestId: 'email:C125' };
    await guardOver(receipts).execute({ ...request, ...dated, run: () => ({ at: new Date(5) }) });
    const skipped = await claim(dated);
    expect(skipped).toEqual({
      status: 'SKIP',
      requestId: 'email:C125',
      state: 'committed',
      resultUnavailable: true,
    });
  });

  it('tell what an operator has undone as undone', async () => {
    const { claim, receipts, found, pass } = setUp();
    await claim();
    pass(140_000);
    const { key } = (await found()).receipt;
    await receipts.resolve({ key, epoch: 1, verdict: 'compensated', source: 'operator' });
    expect(await claim()).toMatchObject({
      status: 'SKIP',
      state: 'rejected',
      error: { name: 'Compensated' },
    });
  });
});

describe('what cannot be used', () => {
  const { claim, settle, receipts } = setUp();
  const token = '00000000-0000-4000-8000-000000000001';
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;

  it.each([
    ['no id', { requestId: undefined as unknown as string }],
    ['an empty id', { requestId: '' }],
    ['an id of a generation', { requestId: 'a~g2' }],
    ['no action', { action: undefined as unknown as string }],
    ['a long action', { action: 'a'.repeat(201) }],
    ['a cycle as payload', { payload: cyclic }],
    ['a fingerprint that says nothing', { fingerprint: Symbol('none') }],
    ['a lease that is no time', { leaseFor: 'soon' }],
    ['a lease that is too short', { leaseFor: 499 }],
    ['a lease that is too long', { leaseFor: '25h' }],
  ])('is refused before anything is claimed: %s', async (_what, more) => {
    const written = jest.spyOn(receipts, 'claim');
    await expect(claim(more)).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(written).not.toHaveBeenCalled();
    written.mockRestore();
  });

  it.each([
    ['an id that is none', { requestId: 7 as unknown as string }],
    ['a token that is none', { token: "' or true" }],
    ['no token', { token: undefined as unknown as string }],
    ['an outcome that is none', { outcome: 'done' as 'committed' }],
  ])('is refused before anything is settled: %s', async (_what, more) => {
    await expect(settle(token, more)).rejects.toMatchObject({ code: 'InvalidRequest' });
  });

  it('is refused where it is a result that has no stored form', async () => {
    const id = { requestId: 'email:C130' };
    const held = tokenOf(await claim(id));
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;
    for (const result of [cyclic, deep])
      await expect(settle(held, { ...id, result })).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(await statusOf(receipts, 'email:C130')).toMatchObject({ state: 'claimed' });
  });

  it.each([0, -1, 1.5, 101, '5' as unknown as number])('is refused as a limit: %p', async (limit) => {
    await expect(unknownReceipts(receipts, { limit })).rejects.toMatchObject({ code: 'InvalidRequest' });
  });
});
