import {
  committed,
  InvalidRequestError,
  notCommitted,
  undetermined,
  type ProbeQuestion,
} from 'activity-guard';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { probeSource, type EvidenceSource, type Receipt } from '../../src/core';
import { MemoryReceipts } from '../../src/stores/memory';
import { World } from '../support/guarding';

const { signal } = new AbortController();
const noResult = { format: 'none', bytes: new Uint8Array() };

let receipt: Receipt;
beforeAll(async () => {
  const world = new World();
  await world.abandon();
  receipt = (await world.row()) as Receipt;
});

const source = (answer: unknown, more: object = {}): EvidenceSource =>
  probeSource({
    ...{ action: 'charge', probe: () => answer as never, payloadOf: async () => ({ payload: [1] }) },
    ...{ encode: async () => noResult, ...more },
  });

describe('a probe as a source', () => {
  it('is asked with what the effect was called with, and says what it found', async () => {
    const asked: unknown[] = [];
    const probe = ({ requestId, payload, claim }: ProbeQuestion<never>) => {
      asked.push({ requestId, payload, claim });
      return committed('found');
    };
    const encoded: unknown[] = [];
    const encode = async (result: unknown) => (encoded.push(result), noResult);
    expect(await source(undefined, { probe, encode }).ask(receipt, signal)).toEqual({
      ...{ verdict: 'committed', outcome: noResult },
    });
    expect(asked).toEqual([
      { requestId: 'order:1', payload: [1], claim: expect.objectContaining({ action: 'charge', epoch: 1 }) },
    ]);
    expect(encoded).toEqual(['found']);
    expect(await source(notCommitted()).ask(receipt, signal)).toEqual({ verdict: 'not-committed' });
  });

  it.each([[undetermined()], [undefined], ['yes'], [{ verdict: 'surely' }]])(
    'knows nothing by %p',
    async (said) => {
      expect(await source(said).ask(receipt, signal)).toEqual({ verdict: 'undetermined' });
    },
  );

  it('is not asked without what it needs, and only of its own action', async () => {
    const lost = source(committed(1), { payloadOf: async () => undefined });
    expect(await lost.ask(receipt, signal)).toMatchObject({
      verdict: 'undetermined',
      note: /arguments/ as never,
    });
    expect(source(1).covers?.(receipt)).toBe(true);
    expect(source(1).covers?.({ ...receipt, action: 'refund' })).toBe(false);
    expect(source(1, { covers: () => false }).covers?.(receipt)).toBe(false);
  });

  it('has a budget, which it shares with whoever else asks of this action in the process', () => {
    expect(source(1).budget).toEqual({ atOnce: 4, perSecond: 20 });
    expect(source(1).budget).toBe(source(2).budget);
    expect(source(1).budget).not.toBe(source(1, { action: 'refund' }).budget);
    const own = { perSecond: 1 };
    expect(source(1, { budget: own }).budget).toBe(own);
  });
});

describe('the plugin', () => {
  it('is not made with a budget that cannot be kept', () => {
    const receipts = MemoryReceipts.prototype;
    const made = (perSecond: number): unknown =>
      new ActivityGuardPlugin({ receipts, reconcile: { budgets: { charge: { perSecond } } } });
    expect(() => made(0)).toThrow(InvalidRequestError);
    expect(() => made(0)).toThrow(/The budget of charge: perSecond/);
    expect(made(5)).toBeDefined();
  });
});
