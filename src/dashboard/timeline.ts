/** The life of one receipt, as far as it is on file. */
import { attemptSource, isTooEarly, type Evidence, type Origin, type Receipt } from '../core';
import type { Found } from '../operator';

/** Something that happened, or will. */
export interface Moment {
  /** Since the first claim, in milliseconds. */
  readonly sinceMs: number;
  /** ISO 8601, by the database's clock. */
  readonly at: string;
  readonly kind: 'claim' | 'evidence' | 'lease' | 'grace' | 'settled' | 'final';
  readonly text: string;
  readonly isToCome: boolean;
  /** Of the attempt that claimed. */
  readonly origin?: Origin | undefined;
  readonly evidence?: Evidence | undefined;
}

/** @returns nothing for a note that is no origin */
function originIn(note: string | undefined): Origin | undefined {
  try {
    const parsed: unknown = JSON.parse(note ?? '');
    const isOrigin =
      typeof parsed === 'object' &&
      parsed !== null &&
      !Array.isArray(parsed) &&
      Object.values(parsed).every((value) => typeof value === 'string');
    return isOrigin ? (parsed as Origin) : undefined;
  } catch {
    return undefined;
  }
}

/** What was said, without what the guard notes of its own claims. */
export const statementsOf = ({ evidence }: Found): Evidence[] =>
  evidence.filter(({ source }) => source !== attemptSource);

function claims({ receipt, evidence }: Found): Pick<Moment, 'at' | 'kind' | 'text' | 'origin'>[] {
  const again = evidence.filter(({ source }) => source === attemptSource);
  const starts = [receipt.claimedAt, ...again.map(({ at }) => at)];
  return starts.map((at, index) => {
    const earlier = again[index];
    const attempt = earlier?.epoch ?? receipt.epoch;
    const origin = earlier ? originIn(earlier.note) : receipt.origin;
    return { at, kind: 'claim', text: `Claimed, attempt ${attempt}`, origin };
  });
}

function lease({ receipt }: Found, nowAt: number): Pick<Moment, 'at' | 'kind' | 'text'>[] {
  const { state, leaseRemainingMs, graceMs } = receipt;
  if (state !== 'claimed' && state !== 'unknown') return [];
  const at = (ms: number): string => new Date(nowAt + ms).toISOString();
  return [
    {
      at: at(leaseRemainingMs),
      kind: 'lease',
      text:
        leaseRemainingMs > 0
          ? 'The lease ends, unless it is renewed'
          : 'The lease ended, and nobody had renewed it',
    },
    {
      at: at(leaseRemainingMs + graceMs),
      kind: 'grace',
      text: isTooEarly(receipt)
        ? 'The grace time ends: from then on it means something not to find the effect'
        : 'The grace time ended: from then on it means something not to find the effect',
    },
  ];
}

const said = (evidence: Evidence): string => {
  const { source, verdict, by, late } = evidence;
  const who = by === undefined ? source : `${by} (${source})`;
  return `${who}: ${verdict}${late ? ', too late: the outcome was final' : ''}`;
};

/** In the order of time, from the first claim on. */
export function timelineOf(found: Found): Moment[] {
  const { receipt } = found;
  const start = Date.parse(receipt.claimedAt);
  const nowAt = start + receipt.ageMs;
  const moments: Pick<Moment, 'at' | 'kind' | 'text' | 'origin' | 'evidence'>[] = [
    ...claims(found),
    ...lease(found, nowAt),
    ...statementsOf(found).map((evidence) => ({
      ...{ at: evidence.at, kind: 'evidence' as const, text: said(evidence), evidence },
    })),
    ...settled(receipt),
  ];
  return moments
    .map((moment) => ({ ...moment, sinceMs: Date.parse(moment.at) - start }))
    .map((moment) => ({ ...moment, isToCome: moment.sinceMs > receipt.ageMs }))
    .sort((a, b) => a.sinceMs - b.sinceMs);
}

const settled = ({
  state,
  settledAt,
  finality,
  finalAt,
}: Receipt): Pick<Moment, 'at' | 'kind' | 'text'>[] => [
  ...(settledAt === undefined ? [] : [{ at: settledAt, kind: 'settled' as const, text: `It is ${state}` }]),
  ...(finality === undefined || finalAt === undefined
    ? []
    : [{ at: finalAt, kind: 'final' as const, text: 'It is final' }]),
];
