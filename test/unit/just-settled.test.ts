/** Receipts that are kept here for a moment: how many, and for how long. */
import { memoryReceipts } from '../../src';
import type { Receipt } from '../../src/core';
import { JustSettled } from '../../src/stores/postgres/just-settled';
import { systemClock } from '../../src/system-clock';
import { newId, requestFor } from '../contract/rows';

let receipt: Receipt;
beforeAll(async () => (receipt = await memoryReceipts().claim(requestFor(newId()))));
afterEach(() => jest.restoreAllMocks());

describe('what was settled here', () => {
  it('is kept for a second', () => {
    const now = jest.spyOn(systemClock, 'monotonic').mockReturnValue(5000);
    const kept = new JustSettled();
    kept.keep(receipt);
    now.mockReturnValue(5999);
    expect(kept.find(receipt.key)).toBe(receipt);
    now.mockReturnValue(6000);
    expect(kept.find(receipt.key)).toBeUndefined();
  });

  it('makes room for what comes after it', () => {
    const kept = new JustSettled();
    for (let i = 0; i <= 1000; i++) kept.keep({ ...receipt, key: `key ${i}` });
    expect(['key 0', 'key 1', 'key 1000'].map((key) => kept.find(key)?.key)).toEqual([
      undefined,
      'key 1',
      'key 1000',
    ]);
  });
});
