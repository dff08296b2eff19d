/** What is wrong with a store, and what weakens the guard in one that can be used. Pure. */
import { spoken } from './duration';
import { InvalidRequestError, readable } from './errors';
import type { ReceiptStore, StoreDescription } from './store';

/** Receipts show times and ages by the database's clock: beyond this they mislead somebody who reads logs beside them. */
const mostSkewMs = 5000;

type Look = (store: StoreDescription) => string | false | undefined;

/**
 * What is no store would only be noticed when something is to be guarded.
 * @throws InvalidRequestError saying who needs one
 */
export function assertReceipts(whose: string, receipts: unknown): asserts receipts is ReceiptStore {
  if (readable(() => typeof (receipts as ReceiptStore).claim) !== 'function')
    throw new InvalidRequestError(
      `${whose} needs receipts: pgReceipts(…), postgresReceipts(…) or memoryReceipts().`,
    );
}

/** Each says what is weak and what to change, if there is something to say: before a worker starts, and by `doctor`. */
export const storeChecks = {
  'memory-receipts': ({ processOnly }) =>
    processOnly &&
    'The receipts live in the memory of this worker: another worker, or this one after a restart, repeats their effects. Use pgReceipts() or postgresReceipts() outside of tests.',
  'clock-skew': ({ clockSkewMs = 0 }) =>
    Math.abs(clockSkewMs) > mostSkewMs &&
    `The database's clock is ${spoken(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? 'ahead of' : 'behind'} this machine's. Claims stay safe, because a lease is a duration by the database's clock; but the times of receipts do not fit those of logs and of the provider. Synchronise both clocks (NTP).`,
  'failover-unseen': ({ noticesFailovers }) =>
    noticesFailovers === false &&
    "The database does not tell which history it is in (pg_control_system() or pg_walfile_name() is not allowed or not there), so that claims which a failover lost pass for new ones and run again. Allow both functions to the guard's role, or replicate synchronously.",
  'replicates-late': ({ replicatesLate }) =>
    replicatesLate &&
    'The database has replicas and its commits wait for none of them: a failover loses the last claims. A call that is known to be a retry then finds its outcome unknown; one that is not runs again. Name the replicas in synchronous_standby_names, and do not set synchronous_commit to local.',
} as const satisfies Readonly<Record<string, Look>>;
