/** Runs generated cases against the real code, kind by kind, and tells what broke. */
import { createHash } from 'node:crypto';

import fc from 'fast-check';

import { Broken, type Verdict } from './checks';
import type { AnyKind, World } from './kind';
import { errors } from './kinds/errors';
import { evidence } from './kinds/evidence';
import { http } from './kinds/http';
import { ids } from './kinds/ids';
import { keys } from './kinds/keys';
import { mcp } from './kinds/mcp';
import { payloads } from './kinds/payloads';
import { results } from './kinds/results';
import { terms } from './kinds/terms';
import type { Counts, FuzzReport } from './report';
import type { StoreName, Worlds } from './worlds';

export const kinds: readonly AnyKind[] = [ids, payloads, results, errors, terms, evidence, http, keys, mcp];

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  readonly worlds: Pick<Worlds, 'make'>;
  /** Of a hundred cases so many go to Postgres, half of them through each driver. */
  readonly postgresPercent: number;
  readonly kinds: readonly AnyKind[];
  /** A batch that broke, again. */
  readonly repeat?: { readonly path: string; readonly store: StoreName } | undefined;
  /** So many times a kind may break before it is left. */
  readonly mostBreaks?: number | undefined;
  /** A case that has not ended by then hangs. */
  readonly patienceMs?: number | undefined;
  readonly onProgress?: ((done: number, kind: string) => void) | undefined;
}

/** Cases that run side by side, as calls of one process do. */
const mostTogether = 24;
const runsInChunk = 20;

const usualPatienceMs = 60_000;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const started = performance.now();
  const report: FuzzReport = {
    ...{ seed: options.seed, cases: 0, seconds: 0, byKind: {}, rejections: {}, broken: [] },
    byStore: { memory: 0, pg: 0, postgres: 0 },
  };
  const crashes: unknown[] = [];
  const onCrash = (error: unknown): void => void crashes.push(error);
  process.on('unhandledRejection', onCrash);
  process.on('uncaughtException', onCrash);
  try {
    const shares = options.kinds.reduce((sum, { share }) => sum + share, 0);
    for (const kind of options.kinds)
      await new KindRun(kind, options, report, crashes).all(Math.ceil((options.cases * kind.share) / shares));
  } finally {
    process.off('unhandledRejection', onCrash);
    process.off('uncaughtException', onCrash);
  }
  report.seconds = (performance.now() - started) / 1000;
  return report;
}

/** The cases of one kind. */
class KindRun {
  private readonly counts: Counts = { cases: 0, accepted: 0, rejected: 0 };
  private readonly byStore = { memory: 0, pg: 0, postgres: 0 };
  private breaks = 0;
  /** While a batch that broke is made smaller, nothing is counted. */
  private isShrinking = false;

  constructor(
    private readonly kind: AnyKind,
    private readonly options: FuzzOptions,
    private readonly report: FuzzReport,
    private readonly crashes: unknown[],
  ) {
    report.byKind[kind.name] = this.counts;
  }

  async all(most: number): Promise<void> {
    const { seed, postgresPercent, repeat, onProgress, mostBreaks = 5 } = this.options;
    if (repeat) return this.chunk(repeat.store, seed, runsInChunk, repeat.path);
    for (let chunk = 0; this.counts.cases < most && this.breaks < mostBreaks; chunk++) {
      const store = this.nextStore(postgresPercent / 100);
      const left = Math.ceil((most - this.counts.cases) / (mostTogether / 2));
      await this.chunk(store, seedOf(seed, this.kind.name, chunk), Math.min(runsInChunk, left), undefined);
      onProgress?.(this.report.cases, this.kind.name);
    }
    this.lookForVacuity();
  }

  /** The one that lags behind its share the most. */
  private nextStore(postgresShare: number): StoreName {
    const shares = { memory: 1 - postgresShare, pg: postgresShare / 2, postgres: postgresShare / 2 };
    const due = (store: StoreName): number => shares[store] * (this.counts.cases + 1) - this.byStore[store];
    return (Object.keys(shares) as StoreName[]).sort((a, b) => due(b) - due(a))[0] ?? 'memory';
  }

  private async chunk(store: StoreName, seed: number, numRuns: number, path: string | undefined) {
    const { kind, options, report } = this;
    const batches = fc.array(kind.cases, { minLength: 1, maxLength: mostTogether, size: 'max' });
    const property = fc.asyncProperty(batches, (batch) => this.batch(store, batch));
    this.isShrinking = false;
    const details = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
    if (!details.failed) return;
    this.breaks++;
    const { errorInstance, counterexample, counterexamplePath } = details;
    report.broken.push({
      kind: kind.name,
      case: shown(counterexample?.[0]),
      what: errorInstance instanceof Broken ? errorInstance.message : shownError(errorInstance),
      repeat: `--kind ${kind.name} --seed ${seed} --path ${counterexamplePath ?? '0'} --store ${store}${options.postgresPercent === 0 ? ' --postgres 0' : ''}`,
    });
  }

  private async batch(store: StoreName, batch: readonly unknown[]): Promise<void> {
    const { kind, options, crashes } = this;
    const world = options.worlds.make(store);
    const seen = new Set<string>();
    const own = batch.filter((one) => {
      const intent = kind.intentOf(one);
      if (intent === undefined) return true;
      return seen.size < seen.add(intent).size;
    });
    const verdicts = await Promise.allSettled(own.map((one) => this.inTime(world, one)));
    const failed = verdicts.find((verdict) => verdict.status === 'rejected');
    this.isShrinking ||= failed !== undefined || crashes.length > 0;
    if (failed) throw failed.reason;
    if (crashes.length > 0) throw new Broken(`crashed: ${shownError(crashes.splice(0)[0])}`);
    if (this.isShrinking) return;
    for (const verdict of verdicts) if (verdict.status === 'fulfilled') this.count(store, verdict.value);
  }

  private async inTime(world: World, one: unknown): Promise<Verdict> {
    let timer: NodeJS.Timeout | undefined;
    const hangs = new Promise<never>((_, reject) => {
      const { patienceMs = usualPatienceMs } = this.options;
      timer = setTimeout(() => reject(new Broken(`has not ended after ${patienceMs} ms`)), patienceMs);
    });
    return Promise.race([this.kind.check(world, one as never), hangs]).finally(() => clearTimeout(timer));
  }

  private count(store: StoreName, { accepted, code }: Verdict): void {
    const { report, counts } = this;
    counts.cases++;
    counts[accepted ? 'accepted' : 'rejected']++;
    report.cases++;
    report.byStore[store]++;
    this.byStore[store]++;
    if (code !== undefined) report.rejections[code] = (report.rejections[code] ?? 0) + 1;
  }

  /** Cases that all go one way prove nothing. */
  private lookForVacuity(): void {
    const { kind, counts, report } = this;
    for (const way of ['accepted', 'rejected'] as const) {
      const share = counts[way] / counts.cases;
      if (this.breaks > 0 || share >= kind.least[way]) continue;
      const what = `only ${(100 * share).toFixed(1)} % of ${counts.cases} cases were ${way}, ${100 * kind.least[way]} % at least`;
      report.broken.push({
        kind: kind.name,
        case: 'all',
        what,
        repeat: `--kind ${kind.name} --seed ${report.seed}`,
      });
    }
  }
}

/** A chunk can be repeated by itself. */
const seedOf = (seed: number, kind: string, chunk: number): number =>
  createHash('sha256').update(`${seed}/${kind}/${chunk}`).digest().readInt32BE();

const mostShown = 2000;

function shown(value: unknown): string {
  try {
    return fc.stringify(value).slice(0, mostShown);
  } catch {
    return 'a value that cannot be shown';
  }
}

function shownError(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message).slice(0, mostShown) : shown(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
