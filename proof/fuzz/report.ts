/** What a run tells. */
import type { StoreName } from './worlds';

/** What became of the cases of a kind. */
export interface Counts {
  cases: number;
  accepted: number;
  rejected: number;
}

/** Something that must not be, and how to see it again. */
export interface Break {
  readonly kind: string;
  readonly case: string;
  readonly what: string;
  /** Options of the command. */
  readonly repeat: string;
}

export interface FuzzReport {
  readonly seed: number;
  cases: number;
  seconds: number;
  readonly byKind: Record<string, Counts>;
  readonly byStore: Record<StoreName, number>;
  /** How often each code was the answer. */
  readonly rejections: Record<string, number>;
  readonly broken: Break[];
}

/** The same for people. */
export function toText({ seed, cases, seconds, byKind, byStore, rejections, broken }: FuzzReport): string {
  const share = (n: number, of: number): string =>
    `${((100 * n) / Math.max(1, of)).toFixed(0)} %`.padStart(6);
  const rows = Object.entries(byKind).map(
    ([kind, { cases: n, accepted, rejected }]) =>
      `${kind.padEnd(10)} ${String(n).padStart(8)} ${share(accepted, n)} accepted ${share(rejected, n)} rejected`,
  );
  const codes = Object.entries(rejections).map(([code, n]) => `${code} ${n}`);
  const breaks = broken.map(
    ({ kind, case: what, what: why, repeat }) =>
      `BROKEN ${kind}: ${why}\n  ${what}\n  npm run fuzz -- ${repeat}`,
  );
  return [
    ...rows,
    `rejections: ${codes.join(', ')}`,
    `stores: ${Object.entries(byStore)
      .map(([store, n]) => `${store} ${n}`)
      .join(', ')}`,
    ...breaks,
    `${cases} cases in ${seconds.toFixed(0)} s, seed ${seed}: ${broken.length === 0 ? 'nothing broke' : `${broken.length} broke`}`,
  ].join('\n');
}
