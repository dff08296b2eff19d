/** What the receipts say of rates and latencies: of those that were claimed lately. */
import { isSettled, type Receipt, type ReceiptStore } from '../core';
import { stateOf } from '../operator';
import { newest } from './newest';

/** How far back one can look. */
export const windows = { '15m': 900_000, '1h': 3_600_000, '24h': 86_400_000 } as const;
export type WindowName = keyof typeof windows;

/** As a receipt is counted: how its claim stands now. Closed are the superseded, and tombstones. */
export const answers = ['committed', 'rejected', 'released', 'closed', 'open', 'unknown'] as const;
export type AnswerName = (typeof answers)[number];

/** The receipts of one action. */
export interface ActionFigures {
  readonly action: string;
  readonly counts: Readonly<Record<AnswerName, number>>;
  readonly claims: number;
  /** From the claim to the receipt, in milliseconds; `undefined` where none is settled. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
}

/** Columns as the charts take them: one time for each bucket, in seconds, and a value for each. */
export interface Figures {
  readonly times: readonly number[];
  readonly bucketSeconds: number;
  readonly counts: Readonly<Record<AnswerName, readonly number[]>>;
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  /** The busiest first. */
  readonly actions: readonly (ActionFigures & { readonly perBucket: readonly number[] })[];
  readonly claims: number;
  /** There were more: only the time since then is shown. */
  readonly cutAt: string | undefined;
}

const buckets = 30;
const mostReceipts = 5000;
const mostActions = 50;

/** What is kept of a receipt. */
interface Point {
  readonly at: number;
  readonly action: string;
  readonly answer: AnswerName;
  readonly tookMs: number | undefined;
}

function answerOf(receipt: Receipt): AnswerName {
  const state = stateOf(receipt);
  if (state === 'contested') return 'unknown';
  if (state === 'superseded' || state === 'pruned') return 'closed';
  return answers.find((answer) => answer === state) ?? 'open';
}

const pointOf = (receipt: Receipt): Point => {
  const at = Date.parse(receipt.claimedAt);
  const tookMs =
    receipt.settledAt !== undefined && isSettled(receipt) ? Date.parse(receipt.settledAt) - at : undefined;
  return { at, action: receipt.action, answer: answerOf(receipt), tookMs };
};

const countOf = (points: readonly Point[]): Record<AnswerName, number> =>
  Object.fromEntries(
    answers.map((answer) => [answer, points.filter((point) => point.answer === answer).length]),
  ) as Record<AnswerName, number>;

/** The value below which a share of them lies. */
function quantile(points: readonly Point[], share: number): number | undefined {
  const sorted = points.flatMap(({ tookMs }) => tookMs ?? []).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

const grouped = <K>(points: readonly Point[], keyOf: (point: Point) => K): Map<K, Point[]> => {
  const groups = new Map<K, Point[]>();
  for (const point of points) {
    const group = groups.get(keyOf(point));
    if (group) group.push(point);
    else groups.set(keyOf(point), [point]);
  }
  return groups;
};

export async function readFigures(
  receipts: ReceiptStore,
  window: WindowName,
  now: () => number,
): Promise<Figures> {
  const bucketMs = windows[window] / buckets;
  // Whole buckets, so that their bounds do not move from one look to the next.
  const end = Math.floor(now() / bucketMs) * bucketMs;
  const start = end - (buckets - 1) * bucketMs;
  const points: Point[] = [];
  for await (const receipt of newest(receipts, { claimedSince: new Date(start).toISOString() })) {
    points.push(pointOf(receipt));
    if (points.length === mostReceipts) break;
  }
  const cutAt = points.length === mostReceipts ? new Date(points.at(-1)?.at ?? 0).toISOString() : undefined;
  return { ...figuresOf(points, start, bucketMs), cutAt };
}

function figuresOf(points: readonly Point[], start: number, bucketMs: number): Omit<Figures, 'cutAt'> {
  const bucketOf = ({ at }: Point): number => Math.min(buckets - 1, Math.floor((at - start) / bucketMs));
  const inBuckets = (of: readonly Point[]): (readonly Point[])[] => {
    const groups = grouped(of, bucketOf);
    return Array.from({ length: buckets }, (_, bucket) => groups.get(bucket) ?? []);
  };
  const all = inBuckets(points);
  const actions = [...grouped(points, ({ action }) => action)]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, mostActions)
    .map(([action, of]) => ({
      ...{ action, counts: countOf(of), claims: of.length, p50: quantile(of, 0.5), p95: quantile(of, 0.95) },
      perBucket: inBuckets(of).map(({ length }) => length),
    }));
  return {
    times: all.map((_, bucket) => (start + bucket * bucketMs) / 1000),
    bucketSeconds: bucketMs / 1000,
    counts: Object.fromEntries(
      answers.map((answer) => [answer, all.map((of) => countOf(of)[answer])]),
    ) as unknown as Figures['counts'],
    p50: all.map((of) => quantile(of, 0.5) ?? null),
    p95: all.map((of) => quantile(of, 0.95) ?? null),
    actions,
    claims: points.length,
  };
}
