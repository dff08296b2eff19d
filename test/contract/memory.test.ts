import { systemClock } from '../../src/system-clock';
import { MemoryDatabase, MemoryReceipts, memoryReceipts } from '../../src/stores/memory';
import { describeReceiptStore } from './receipt-store';

const makeStore = async () => {
  const database = new MemoryDatabase(systemClock);
  return {
    open: (namespace: string) => new MemoryReceipts(database, namespace),
    age: async () => undefined, // it has no sweeps that leave anything out
    close: async () => undefined,
  };
};

describeReceiptStore('memory', makeStore);

describe('memoryReceipts', () => {
  it('warns that it protects one process only', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const receipts = memoryReceipts({ namespace: 'mine' });
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('one process only'), { code: 'ACTIVITY_GUARD_MEMORY' }],
    ]);
    expect(receipts.namespace).toBe('mine');
    warn.mockRestore();
  });
});
