/** What an effect that is under way keeps in memory. */
import { Guarded, newId, payloadOf } from '../contenders';
import { spread } from '../measure';
import { oursOn } from '../ours';
import { range } from '../table';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const claims = 2000;

function heapUsed(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Bytes of heap per claim, with all of them in their effects at once. */
async function bytesPerClaim(guarded: Guarded): Promise<number> {
  const run = oursOn(guarded.store);
  const payload = payloadOf(200);
  let begun = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let arrived = (): void => undefined;
  const allBegun = new Promise<void>((resolve) => (arrived = resolve));
  const before = heapUsed();
  const calls = Array.from({ length: claims }, () =>
    run(newId(), payload, async () => {
      if (++begun === claims) arrived();
      await released;
      return payload;
    }),
  );
  const all = Promise.all(calls);
  await Promise.race([allBegun, all]);
  const held = heapUsed() - before;
  release();
  await all;
  assertCount('effects that were held', begun, claims);
  return held / claims;
}

async function run(bench: Bench): Promise<Findings> {
  if (!globalThis.gc) throw new Error('start with node --expose-gc, as npm run bench does');
  const guarded = await Guarded.on(bench.databaseUrl, 'pg', 'guard_memory');
  try {
    await bytesPerClaim(guarded); // connections, statements and code are not the claims'
    const found: number[] = [];
    for (let round = 0; round < bench.effort.rounds; round++) found.push(await bytesPerClaim(guarded));
    const heapBytesPerClaim = spread(found);
    bench.say(`${range(heapBytesPerClaim)} bytes of heap per claim in flight`);
    const rows = [['heap per claim in flight, bytes', range(heapBytesPerClaim)]];
    const note = `${claims} claims in their effects at once, \`pg\`, 200 B, with the caller's own promise and closure.`;
    return {
      data: { heapBytesPerClaim },
      tables: [{ title: 'Memory', note, columns: ['', 'bytes'], rows }],
    };
  } finally {
    await guarded.stop();
  }
}

export const memory: Workload = { name: 'memory', title: 'memory', run };
