/** Driving work at a fixed concurrency, taking turns, and what is told of the numbers. */

/** What several rounds gave. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** What one turn of a contender gave. */
export interface Sample {
  readonly opsPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long and how wide to drive. */
export interface Load {
  readonly concurrency: number;
  /** Run before anything is counted, in the same go: connections, prepared statements and compiled code are warm. */
  readonly warmMs: number;
  readonly ms: number;
}

/** However slow a contender is, its turn ends. */
const longestTurnMs = 30_000;

/**
 * Runs `op` in `concurrency` lanes, each starting the next when the last has ended. Counts what ends within the window,
 * which opens once every lane has had its turn and closes after two more of each: wide and slow loads move in waves, and
 * a part of one says nothing. What is still under way at the end is awaited, and not counted.
 */
export async function drive(op: () => Promise<unknown>, { concurrency, warmMs, ms }: Load): Promise<Sample> {
  // What the turn before has left behind is not this one's to collect.
  globalThis.gc?.();
  const latencies: number[] = [];
  const begun = performance.now();
  let warmedUp = 0;
  let opened: number | undefined;
  let closed: number | undefined;
  let failed = false;
  const note = (ended: number, tookMs: number): void => {
    if (opened === undefined) {
      const isWarm = ++warmedUp >= concurrency && ended >= begun + warmMs;
      if (isWarm || ended >= begun + longestTurnMs / 2) opened = ended;
    } else {
      latencies.push(tookMs);
      const isEnough = ended >= opened + ms && latencies.length >= 2 * concurrency;
      if (isEnough || ended >= begun + longestTurnMs) closed = ended;
    }
  };
  const lane = async (): Promise<void> => {
    for (let from = performance.now(); closed === undefined && !failed; ) {
      await op();
      const ended = performance.now();
      if (closed === undefined) note(ended, ended - from);
      from = ended;
    }
  };
  const lanes = Array.from({ length: concurrency }, () =>
    lane().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  const results = await Promise.allSettled(lanes);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const windowMs = (closed ?? 0) - (opened ?? 0);
  return { opsPerS: (latencies.length / windowMs) * 1000, ...percentiles(latencies) };
}

/** The 50th and 99th percentile; 0 where nothing was counted. */
export function percentiles(latencies: number[]): { p50Ms: number; p99Ms: number } {
  latencies.sort((a, b) => a - b);
  return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** The least, the middle and the greatest of some values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half)] ?? 0)) / 2;
  return { min: sorted[0] ?? 0, median, max: sorted.at(-1) ?? 0 };
}

/** The spreads of samples, field by field. */
export function spreads<T extends { readonly [Field in keyof T]: number }>(
  samples: readonly T[],
): { readonly [Field in keyof T]: Spread } {
  const fields = Object.keys(samples[0] ?? {}) as (keyof T)[];
  return Object.fromEntries(
    fields.map((field) => [field, spread(samples.map((sample) => sample[field]))]),
  ) as { [Field in keyof T]: Spread };
}

/**
 * Gives each contender a turn in each round, a different one first every time: what drifts (a checkpoint, a noisy
 * neighbour, the clock of the processor) meets all of them.
 */
export async function interleave<Name extends string, S>(
  names: readonly Name[],
  rounds: number,
  turn: (name: Name, round: number) => Promise<S>,
): Promise<Record<Name, S[]>> {
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, S[]>;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length] as Name;
      samples[name].push(await turn(name, round));
    }
  }
  return samples;
}

/** Compared within each round, where both met the same conditions. */
export function ratioSpread<S>(
  ours: readonly S[],
  base: readonly S[],
  of: (sample: S) => number,
  compare: (ours: number, base: number) => number = (a, b) => a / b,
): Spread {
  return spread(ours.map((sample, round) => compare(of(sample), of(base[round] as S))));
}
