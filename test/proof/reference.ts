/** What the protocol allows, written down without the code: a row, how it may change, and what callers may be told. */
import type { Receipt, ReceiptState } from '../../src/core';

/** A row as the database has it. */
export type Row = Pick<Receipt, 'state' | 'token' | 'epoch' | 'fingerprint' | 'outcome'> & {
  readonly leaseUntil: number;
};

/** The arrows of the diagram in docs/protocol.md, under one token. */
const settlesTo: Readonly<Partial<Record<ReceiptState, readonly ReceiptState[]>>> = {
  claimed: ['claimed', 'committed', 'rejected', 'released', 'unknown'],
  unknown: ['unknown', 'committed', 'released'],
  released: ['released', 'committed'],
  committed: ['committed'],
  rejected: ['rejected'],
};

const textOf = ({ outcome }: Row): string => (outcome ? Buffer.from(outcome.bytes).toString() : '');

/** Whether the claim is somebody else's to take: given back, or in doubt. */
const isOpen = ({ state, leaseUntil }: Row, now: number): boolean =>
  state === 'released' || state === 'unknown' || (state === 'claimed' && leaseUntil <= now);

/** What is wrong with the way from one row to the next, if anything is. */
export function wrongStep(before: Row | undefined, after: Row | undefined, now: number): string | undefined {
  if (before === undefined) {
    const isNew = after === undefined || (after.state === 'claimed' && after.epoch === 1);
    return isNew ? undefined : `a row begins as ${after.state}`;
  }
  if (after === undefined) return 'a row is gone';
  if (after.fingerprint !== before.fingerprint) return 'the payload of an intent changes';
  if (after.epoch < before.epoch) return 'the epoch shrinks';
  if (after.token !== before.token) {
    if (after.epoch !== before.epoch + 1) return 'a new claim has no epoch of its own';
    if (!isOpen(before, now)) return `a claim is taken while it is ${before.state}`;
    // It may have gone further since the last look.
    return before.state === 'committed' || before.state === 'rejected' ? 'a receipt is lost' : undefined;
  }
  if (after.epoch !== before.epoch) return 'the epoch grows under one token';
  if (!settlesTo[before.state]?.includes(after.state)) return `${before.state} becomes ${after.state}`;
  if (textOf(before) !== '' && textOf(before) !== textOf(after)) return 'an outcome changes';
  return undefined;
}

/** How a call ended. */
export type Ending =
  | { readonly kind: 'result' | 'rejected'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string };

/** What is wrong with an answer, if anything is. */
export function wrongAnswer(
  ending: Ending,
  {
    effects,
    row,
    fingerprint,
    truth,
  }: {
    readonly effects: number;
    readonly row: Row | undefined;
    readonly fingerprint: string;
    readonly truth: unknown;
  },
): string | undefined {
  if (ending.kind === 'error') {
    const known = [
      'OutcomeUnknown',
      'InFlight',
      'NotCommitted',
      'RequestIdReused',
      'ReceiptStoreUnavailable',
      'LeaseLost',
    ];
    return known.includes(ending.code) ? undefined : `a call ends with ${ending.code}`;
  }
  if (row?.fingerprint !== fingerprint) return 'another payload got an answer';
  if (ending.kind === 'rejected') return effects > 0 ? 'what happened is told as rejected' : undefined;
  if (effects !== 1) return `"done" is told of ${effects} effects`;
  return ending.value === truth ? undefined : `a caller is told ${String(ending.value)}`;
}
