/** What a workload is given and what it tells. */
import type { Spread } from './measure';
import type { Table } from './table';

/** How much time a run may take. */
export interface Effort {
  readonly quick: boolean;
  readonly rounds: number;
  readonly warmMs: number;
  readonly ms: number;
}

/** What every workload works with. */
export interface Bench {
  readonly effort: Effort;
  /** An empty database on the server that all contenders share. */
  readonly databaseUrl: string;
  /** Progress, for people who wait. */
  readonly say: (line: string) => void;
}

/** The figures that a run is judged by; each is the median over rounds. */
export type RatioName =
  | 'fresh_c1'
  | 'fresh_c32'
  | 'fresh_c1024'
  | 'replay_c32'
  | 'temporal_throughput'
  | 'temporal_added_p50_ms';

/** What a workload found. */
export interface Findings {
  /** Goes into the JSON as it is. */
  readonly data: unknown;
  readonly tables: readonly Table[];
  readonly ratios?: Partial<Record<RatioName, Spread>>;
}

/** One part of the benches. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly run: (bench: Bench) => Promise<Findings>;
}

/** An effect that was counted another time than intended makes every number of its run worthless. */
export function assertCount(what: string, counted: number, intended: number): void {
  if (counted === intended) return;
  throw new Error(`${what}: ${counted} counted, ${intended} intended`);
}
