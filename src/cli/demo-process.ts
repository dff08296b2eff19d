/** A process of `activity-guard demo`: it charges, and is killed before it can say so. */
import { pgReceipts } from '../stores/pg';
import { charge, guardedCharge } from './demo-charging';

const [ledger = '', url] = process.argv.slice(2);

const chargeAndDie = async (): Promise<string> => {
  await charge(ledger);
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

void (url === undefined
  ? chargeAndDie()
  : guardedCharge(pgReceipts({ connectionString: url }), ledger, { asks: true, run: chargeAndDie }));
