/** Settled intents, asked for again: against a bare read by primary key. */
import { contenderNames, payloadOf, seed, withContenders, type ContenderName } from '../contenders';
import { drive } from '../measure';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';
import { cellsOf, cellTable, measureCell, ratioAt, told, type Cell } from './fresh';

async function run(bench: Bench): Promise<Findings> {
  const { warmMs, ms } = bench.effort;
  const cells = await withContenders(bench.databaseUrl, async (contenders) => {
    const done: Cell[] = [];
    for (const { bytes, concurrencies, rounds } of cellsOf(bench.effort)) {
      const payload = payloadOf(bytes);
      const ids = new Map<ContenderName, readonly string[]>();
      for (const name of contenderNames) ids.set(name, await seed(contenders[name], payload));
      for (const concurrency of concurrencies) {
        const cell = await measureCell(
          contenders,
          { bytes, concurrency, rounds },
          async (contender, name) => {
            const before = contender.effects;
            const known = ids.get(name) ?? [];
            let next = 0;
            const replay = async (): Promise<void> => {
              const result = await contender.replay(known[next++ % known.length] as string, payload);
              if ((result as typeof payload).order !== payload.order)
                throw new Error('a replay gave another result');
            };
            // Reads settle quickly into their pace.
            const sample = await drive(replay, { concurrency, warmMs, ms: ms * 0.75 });
            assertCount('effects of replays', contender.effects - before, 0);
            return sample;
          },
        );
        bench.say(told('replay', cell));
        done.push(cell);
      }
    }
    return done;
  });
  const ratio = ratioAt(cells, 32);
  return {
    data: cells,
    tables: [
      cellTable('Replays', cells, 'The result of a settled id. The base is one read by primary key on `pg`.'),
    ],
    ...(ratio ? { ratios: { replay_c32: ratio } } : {}),
  };
}

export const replay: Workload = { name: 'replay', title: 'replays', run };
