import { systemClock } from '../../src/system-clock';
import { MemoryDatabase, MemoryReceipts } from '../support/receipts';
import { describeReceiptStore } from './receipt-store';

const makeStore = async () => {
  const database = new MemoryDatabase(systemClock);
  return {
    open: (namespace: string) => new MemoryReceipts(database, namespace),
    close: async () => undefined,
  };
};

describeReceiptStore('memory', makeStore);
