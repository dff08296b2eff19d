/** Claims of clients elsewhere: what only shows where the store fails, or evidence is on file. */
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';

import { memoryReceipts, recordEvidence, ReceiptStoreUnavailableError, type ReceiptStore } from '../../src';
import { hashRequestId, receiptKey } from '../../src/ids';
import { ApiKeys } from '../../src/http/api-keys';
import { Claims, type Reply } from '../../src/http/claims';
import { tokenIn } from '../../src/http/token';
import { until } from '../support/waiting';

let receipts: ReceiptStore;
let claims: Claims;
beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  receipts = memoryReceipts();
  claims = new Claims(receipts);
});
afterEach(() => jest.restoreAllMocks());

const input = { requestId: 'invoice:42', action: 'charge', payload: { amount: 5 } };
const key = receiptKey('default', hashRequestId(input.requestId));
const stateOf = async (): Promise<string | undefined> => (await receipts.get(key))?.receipt.state;
const proceeding = async (): Promise<Extract<Reply, { answer: 'PROCEED' }>> => {
  const reply = await claims.claim(input);
  if (reply.answer !== 'PROCEED') throw new Error(`answered ${reply.answer}`);
  return reply;
};

/** Marked as unknown under the claim's own token. */
async function unknown(): Promise<void> {
  const { token } = await proceeding();
  await receipts.markUnknown({ key, token: tokenIn(token)?.token ?? '' });
}

describe('claims', () => {
  it('are given back where their answer was lost: nobody has their token', async () => {
    const { claim } = receipts;
    Object.assign(receipts, {
      claim: async (...args: Parameters<ReceiptStore['claim']>) => {
        await claim.apply(receipts, args);
        throw new Error('connection reset');
      },
    });
    await expect(claims.claim(input)).rejects.toThrow(ReceiptStoreUnavailableError);
    await until(async () => (await stateOf()) === 'released');
    Object.assign(receipts, { claim });
    expect(await claims.claim(input)).toMatchObject({ answer: 'PROCEED', epoch: 2, doubt: false });
  });

  it('are given back where they arrive after their release', async () => {
    const { claim } = receipts;
    let arrive = (): void => undefined;
    Object.assign(receipts, {
      claim: async (...args: Parameters<ReceiptStore['claim']>) => {
        arrive = () => void claim.apply(receipts, args);
        throw new Error('timed out');
      },
    });
    await expect(claims.claim(input)).rejects.toThrow(ReceiptStoreUnavailableError);
    arrive();
    expect(await stateOf()).toBe('claimed');
    await until(async () => (await stateOf()) === 'released');
  });

  it('are given back where their answer cannot be delivered', async () => {
    await claims.undelivered(await proceeding());
    expect(await stateOf()).toBe('released');
  });

  it('are claimed anew where the lease ran out before the answer came', async () => {
    const { claim } = receipts;
    let slow = true;
    Object.assign(receipts, {
      claim: async (...[request]: Parameters<ReceiptStore['claim']>) => {
        const leaseMs = slow ? -1 : request.leaseMs;
        slow = false;
        return claim.call(receipts, { ...request, leaseMs });
      },
    });
    expect(await proceeding()).toMatchObject({ epoch: 2, doubt: false });
  });

  it('are SKIP where evidence on file settles what was unknown', async () => {
    await unknown();
    expect(await claims.claim(input)).toEqual({ answer: 'UNKNOWN', requestId: 'invoice:42' });
    const said = { requestId: 'invoice:42', source: 'webhook', verdict: 'committed' } as const;
    await recordEvidence(receipts, { ...said, result: { id: 'ch_1' } });
    expect(await claims.claim(input)).toMatchObject({ answer: 'SKIP', result: { id: 'ch_1' } });
  });

  it('are SKIP where a source said before the first claim what happened', async () => {
    const said = { requestId: 'invoice:42', source: 'webhook', verdict: 'committed' } as const;
    await recordEvidence(receipts, { ...said, result: { id: 'ch_1' } });
    expect(await claims.claim(input)).toMatchObject({ answer: 'SKIP', result: { id: 'ch_1' } });
  });

  it('are UNKNOWN where a source says that it happened, of whatever was given back', async () => {
    const { token } = await proceeding();
    await claims.settle('invoice:42', { token, outcome: 'not-committed' });
    await recordEvidence(receipts, { requestId: 'invoice:42', source: 'webhook', verdict: 'committed' });
    expect(await claims.claim(input)).toMatchObject({ answer: 'UNKNOWN' });
    expect(await claims.claim({ ...input, onUnknown: 'retry' })).toMatchObject({ answer: 'UNKNOWN' });
  });

  it('say only that it happened where there is no result', async () => {
    const { token } = await proceeding();
    const held = { key, token: tokenIn(token)?.token ?? '', epoch: 1 } as const;
    const outcome = { format: 'temporal/payload', bytes: new Uint8Array([1]) };
    await receipts.settle({ ...held, state: 'committed', outcome });
    expect(await claims.claim(input)).toEqual({
      ...{ answer: 'SKIP', requestId: 'invoice:42', outcome: 'committed', hasResult: false },
    });
  });

  it('are refused where the id, the action or the payload cannot be used', async () => {
    for (const wrong of [{ requestId: '' }, { payload: { amount: NaN } }, { fingerprint: Symbol('none') }])
      await expect(claims.claim({ ...input, ...wrong })).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(await receipts.list()).toEqual([]);
  });

  it('are settled by no id that was never claimed', async () => {
    const said = { token: `1.${randomUUID()}`, outcome: 'committed' } as const;
    expect(await claims.settle('nothing', said)).toBeUndefined();
    expect(await claims.find('nothing')).toBeUndefined();
  });

  it('are not settled while the receipts are away', async () => {
    const { token } = await proceeding();
    Object.assign(receipts, { settle: () => Promise.reject(new Error('away')) });
    await expect(claims.settle('invoice:42', { token, outcome: 'committed' })).rejects.toMatchObject({
      code: 'ReceiptStoreUnavailable',
    });
    expect(await stateOf()).toBe('claimed');
  });
});

describe('API keys', () => {
  it('open their own namespace each', () => {
    const keys = new ApiKeys(
      'shop  0123456789abcdef\r\n# bank 0000000000000000\nbank\tfedcba9876543210\nshop aaaabbbbccccdddd',
    );
    expect(keys.namespaces).toEqual(['shop', 'bank']);
    expect(keys.namespaceOf('0123456789abcdef')).toBe('shop');
    expect(keys.namespaceOf('aaaabbbbccccdddd')).toBe('shop');
    expect(keys.namespaceOf('fedcba9876543210')).toBe('bank');
    for (const other of ['', '0000000000000000', '0123456789abcde', 'shop'])
      expect(keys.namespaceOf(other)).toBeUndefined();
    expect(inspect(keys, { depth: 9, showHidden: true })).not.toMatch(/Buffer|0123456789abcdef/);
  });
});
