/** New intents: a claim, a no-op effect, a receipt; against two bare commits. */
import { contenderNames, newId, payloadOf, seed, withContenders, type Contender } from '../contenders';
import { drive, interleave, ratioSpread, spreads, type Sample } from '../measure';
import { figure, range, sizeText, type Table } from '../table';
import {
  assertCount,
  type Bench,
  type Effort,
  type Findings,
  type RatioName,
  type Workload,
} from '../workload';
import type { Spread } from '../measure';
import type { ContenderName } from '../contenders';

/** One concurrency and one size of payload, all contenders. */
export interface Cell {
  readonly bytes: number;
  readonly concurrency: number;
  readonly contenders: Record<
    ContenderName,
    { readonly [Field in keyof Sample]: Spread } & { readonly ratio: Spread }
  >;
}

type Turn = (contender: Contender, name: ContenderName, concurrency: number) => Promise<Sample>;

/** Which sizes meet which concurrencies, and how often. */
export function cellsOf({ quick, rounds }: Effort) {
  return quick
    ? [
        { bytes: 200, concurrencies: [1, 32, 1024], rounds },
        { bytes: 20_000, concurrencies: [32], rounds },
      ]
    : [
        { bytes: 200, concurrencies: [1, 8, 32, 256, 1024], rounds },
        { bytes: 20_000, concurrencies: [1, 8, 32, 256, 1024], rounds: Math.min(rounds, 3) },
      ];
}

/** Lets the contenders take turns in one cell. */
export async function measureCell(
  contenders: Record<ContenderName, Contender>,
  { bytes, concurrency, rounds }: { bytes: number; concurrency: number; rounds: number },
  turn: Turn,
): Promise<Cell> {
  const samples = await interleave(contenderNames, rounds, (name) =>
    turn(contenders[name], name, concurrency),
  );
  const results = contenderNames.map((name) => [
    name,
    { ...spreads(samples[name]), ratio: ratioSpread(samples[name], samples.base, (s) => s.opsPerS) },
  ]);
  return { bytes, concurrency, contenders: Object.fromEntries(results) as Cell['contenders'] };
}

/** One line of progress. */
export function told(what: string, { bytes, concurrency, contenders: { base, pg, postgres } }: Cell): string {
  return (
    `${what} ${sizeText(bytes)} c=${concurrency}: base ${figure(base.opsPerS.median)}/s, ` +
    `pg ×${figure(pg.ratio.median)}, postgres ×${figure(postgres.ratio.median)}`
  );
}

/** A row for each contender in each cell. */
export function cellTable(title: string, cells: readonly Cell[], note: string): Table {
  return {
    title,
    note,
    columns: ['payload', 'c', 'contender', 'per second', 'ratio to base', 'p50 ms', 'p99 ms'],
    rows: cells.flatMap(({ bytes, concurrency, contenders }) =>
      contenderNames.map((name) => {
        const { opsPerS, ratio, p50Ms, p99Ms } = contenders[name];
        const compared = name === 'base' ? '1' : range(ratio);
        return [
          ...[sizeText(bytes), String(concurrency), name, range(opsPerS), compared],
          ...[figure(p50Ms.median), figure(p99Ms.median)],
        ];
      }),
    ),
  };
}

/** The ratio of `pg` in the cell of small payloads. */
export function ratioAt(cells: readonly Cell[], concurrency: number): Spread | undefined {
  return cells.find((cell) => cell.bytes === 200 && cell.concurrency === concurrency)?.contenders.pg.ratio;
}

/** Drives new intents, and counts their effects. */
async function freshTurn(
  bench: Bench,
  contender: Contender,
  payload: unknown,
  concurrency: number,
): Promise<Sample> {
  const before = contender.effects;
  let intents = 0;
  const { warmMs, ms } = bench.effort;
  const sample = await drive(
    () => {
      intents++;
      return contender.fresh(newId(), payload);
    },
    { concurrency, warmMs, ms },
  );
  assertCount('effects of new intents', contender.effects - before, intents);
  return sample;
}

async function run(bench: Bench): Promise<Findings> {
  const cells = await withContenders(bench.databaseUrl, async (contenders) => {
    const done: Cell[] = [];
    for (const { bytes, concurrencies, rounds } of cellsOf(bench.effort)) {
      const payload = payloadOf(bytes);
      for (const concurrency of concurrencies) {
        const before = new Map<ContenderName, number>();
        for (const name of contenderNames) {
          await seed(contenders[name], payload);
          before.set(name, contenders[name].effects - (await contenders[name].settled()));
        }
        const cell = await measureCell(contenders, { bytes, concurrency, rounds }, (contender) =>
          freshTurn(bench, contender, payload, concurrency),
        );
        for (const name of contenderNames) {
          const { effects } = contenders[name];
          assertCount(
            `receipts of ${name}`,
            await contenders[name].settled(),
            effects - (before.get(name) ?? 0),
          );
        }
        bench.say(told('fresh', cell));
        done.push(cell);
      }
    }
    return done;
  });
  const note = 'A claim, a no-op effect and a receipt for each new id. The base is two bare commits on `pg`.';
  const ratios: [RatioName, number][] = [
    ['fresh_c1', 1],
    ['fresh_c32', 32],
    ['fresh_c1024', 1024],
  ];
  return {
    data: cells,
    tables: [cellTable('New intents', cells, note)],
    ratios: Object.fromEntries(ratios.map(([name, c]) => [name, ratioAt(cells, c)])),
  };
}

export const fresh: Workload = { name: 'fresh', title: 'new intents', run };
