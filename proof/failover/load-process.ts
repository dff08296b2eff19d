/** Guards that claim and settle without a pause. They keep what the database told them, until somebody asks for it. */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { Guard, type ReceiptStore } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { postgresReceipts } from 'activity-guard/postgres';
import { readConfig, serve } from '../../bench/child';
import type { LoadConfig, LoadCounts, Told } from './terms';

const config = readConfig<LoadConfig>();
const lanesPerGuard = 8;
const mostEffectMs = 10;
/** More than clocks and the way to the database differ by. */
const slackMs = 1000;
/** After these a caller makes its call again. */
const isRetryable = (answer: string): boolean => ['ReceiptStoreUnavailable', 'InFlight'].includes(answer);

let told: Told[] = [];
const counts: LoadCounts = { claims: 0, open: 0 };

function note(line: Told): void {
  told.push(line);
  if (line.type === 'claimed') counts.claims++;
}

/** Notes the answers to claims and settlements that arrive here. */
function noting(store: ReceiptStore): ReceiptStore {
  const claimed: ReceiptStore['claim'] = async (request) => {
    const receipt = await store.claim(request);
    const { key, requestId: id, token } = request;
    if (receipt.state === 'claimed' && receipt.token === token)
      note({ type: 'claimed', id, key, token, epoch: receipt.epoch });
    return receipt;
  };
  const settled: ReceiptStore['settle'] = async (settlement) => {
    const answer = await store.settle(settlement);
    const { key, epoch, state } = settlement;
    if (answer === state) note({ type: 'settled', key, epoch, state });
    return answer;
  };
  return Object.assign(Object.create(store) as ReceiptStore, { claim: claimed, settle: settled });
}

/** postgres.js takes the parts: it would read PG* variables for those that a URL lacks. */
function partsOf(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url);
  return { host: hostname, port: Number(port), username, password, database: pathname.slice(1) };
}

const max = 4;
const stores = {
  a: pgReceipts({ connectionString: config.databaseUrl, max }),
  b: pgReceipts({ connectionString: config.databaseUrl, max }),
  // Asking for array types on each connect, it ends the process where that is cut (docs/campaign.md).
  c: postgresReceipts({ ...partsOf(config.databaseUrl), max, fetch_types: false }),
  later: pgReceipts({ connectionString: config.databaseUrl, max }),
};
const guardOver = (store: ReceiptStore): Guard =>
  new Guard({ receipts: noting(store), leaseFor: '10s', waitFor: '10s', timeout: '30s' });
/** Does not share the memory of the others for what was just settled. */
const later = guardOver(stores.later);

/** The answer of one call in a word: `ok`, or the code of an error. */
async function call(guard: Guard, id: string, mayBeOlder?: number): Promise<string> {
  const result = `charged ${id}`;
  counts.open++;
  try {
    const receipt = await guard.execute({
      ...{ requestId: id, action: 'charge', payload: { id } },
      ...(mayBeOlder === undefined ? {} : { mayBeOlder }),
      run: async () => {
        await delay(Math.random() * mostEffectMs);
        appendFileSync(config.ledger, `${id}\n`);
        return result;
      },
    });
    return receipt.ok && receipt.result === result ? 'ok' : receipt.reason;
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  } finally {
    counts.open--;
  }
}

let isOver = false;

async function lane(guard: Guard, name: string): Promise<void> {
  for (let i = 1; !isOver; i++) {
    const id = `${name}:${i}`;
    const begun = performance.now();
    let answer = await call(guard, id);
    while (isRetryable(answer)) {
      await delay(50);
      answer = await call(guard, id, performance.now() - begun + slackMs);
    }
    note({ type: 'answered', id, answer });
  }
}

const lanes = [stores.a, stores.b, stores.c].flatMap((store, g) => {
  const guard = guardOver(store);
  return Array.from({ length: lanesPerGuard }, (_, l) => lane(guard, `${g}/${l}`));
});

serve(
  {
    counts: () => counts,
    /** Everything since it was asked last. */
    told: () => {
      const lines = told;
      told = [];
      return lines;
    },
    /** A later attempt at each, which may be as old as this process. */
    again: (ids: readonly string[]) =>
      Promise.all(
        ids.map(async (id) => {
          let answer: string;
          do answer = await call(later, id, performance.now() + slackMs);
          while (isRetryable(answer));
          return { id, answer };
        }),
      ),
    finish: async () => {
      isOver = true;
      await Promise.all(lanes);
    },
  },
  () => Promise.all(Object.values(stores).map((store) => store.close())),
);
