/** Turns of real calls on new sessions, at an empty table and at a full one, and what they have to have counted. */
import { pgReceipts } from '../../src/stores/pg';
import { Guarded } from '../contenders';
import { drive, percentiles, type Load } from '../measure';
import { oursOn } from '../ours';
import { timing } from '../step-times';
import { assertCount } from '../workload';
import { freshId, origin, payload, resultOf } from './receipts';

/** One of the tables, in a schema of its own. */
export interface Place {
  readonly url: string;
  readonly schema: string;
  /** What all turns made and pruned here, for the count at the end. */
  made: number;
  pruned: number;
}

/** What a turn of new intents gave. */
export interface FreshSample {
  readonly opsPerS: number;
  readonly claimP50Ms: number;
  readonly claimP99Ms: number;
  readonly settleP50Ms: number;
  readonly settleP99Ms: number;
  readonly walBytes: number;
}

/** The guard with ten connections that nothing was prepared on. */
async function onNewSessions<T>(place: Place, work: (guarded: Guarded) => Promise<T>): Promise<T> {
  const guarded = await Guarded.on(place.url, 'pg', place.schema);
  try {
    return await work(guarded);
  } finally {
    await guarded.stop();
  }
}

/** New intents. @param ids is told of those that were made */
export function freshTurn(place: Place, load: Load, ids: string[] = []): Promise<FreshSample> {
  return onNewSessions(place, async (guarded) => {
    const times = { claim: [] as number[], settle: [] as number[] };
    const run = oursOn(timing(guarded.store, times), origin);
    let [intents, effects] = [0, 0];
    const op = (): Promise<unknown> => {
      const id = freshId();
      ids.push(id);
      intents++;
      return run(id, payload, () => {
        effects++;
        return resultOf(id);
      });
    };
    await drive(op, { ...load, warmMs: 0, ms: load.warmMs });
    const [warmed, walBefore] = [intents, await walOf(guarded)];
    times.claim.length = times.settle.length = 0;
    const { opsPerS } = await drive(op, { ...load, warmMs: 0 });
    const walBytes = ((await walOf(guarded)) - walBefore) / (intents - warmed);
    assertCount(`effects in ${place.schema}`, effects, intents);
    place.made += intents;
    const claim = percentiles(times.claim);
    const settle = percentiles(times.settle);
    return {
      ...{ opsPerS, walBytes, claimP50Ms: claim.p50Ms, claimP99Ms: claim.p99Ms },
      ...{ settleP50Ms: settle.p50Ms, settleP99Ms: settle.p99Ms },
    };
  });
}

const walOf = async ({ pool }: Guarded): Promise<number> => {
  const { rows } = await pool.query<{ at: string }>(`select pg_current_wal_insert_lsn() - '0/0' as at`);
  return Number(rows[0]?.at);
};

/** Calls on settled intents: each gets its own result, and nothing runs. */
export function replayTurn(place: Place, load: Load, idOf: () => string) {
  return onNewSessions(place, async ({ store }) => {
    const run = oursOn(store, origin);
    return drive(async () => {
      const id = idOf();
      const result = await run(id, payload, () => {
        throw new Error(`the effect of ${id} ran again`);
      });
      if ((result as ReturnType<typeof resultOf>).charge !== id)
        throw new Error(`${id} got the result of another one`);
    }, load);
  });
}

/** How fast receipts became tombstones, and in which steps. */
export interface Pruned {
  readonly rows: number;
  readonly rowsPerSecond: number;
  readonly longestStepMs: number;
}

/** Prunes step by step, in a session of its own, until `isOver` or nothing is left. */
export async function pruneUntil(place: Place, retainMs: number, isOver: () => boolean): Promise<Pruned> {
  const store = pgReceipts({ connectionString: place.url, max: 1 }, { schema: place.schema });
  let [rows, spentMs, longestStepMs] = [0, 0, 0];
  try {
    while (!isOver()) {
      const begun = performance.now();
      const pruned = await store.prune({ retainMs });
      const tookMs = performance.now() - begun;
      rows += pruned;
      spentMs += tookMs;
      longestStepMs = Math.max(longestStepMs, tookMs);
      if (pruned === 0) break;
    }
  } finally {
    place.pruned += rows;
    await store.close();
  }
  return { rows, rowsPerSecond: spentMs > 0 ? (rows / spentMs) * 1000 : 0, longestStepMs };
}
