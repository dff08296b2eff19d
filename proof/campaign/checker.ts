/** Holds what happened against the invariants of docs/protocol.md, and names each that is broken. */
import { isDeepStrictEqual } from 'node:util';

import type { Intent } from './load';
import { effectsOf, isDeclined, type Charge, type LedgerLine } from './terms';

/** What the checker knows of a receipt. */
export interface SeenReceipt {
  /** The effect it belongs to: an intent, or a step of one. */
  readonly intent: string;
  readonly requestId: string;
  readonly state: string;
  readonly epoch: number;
  readonly contested: boolean;
  /** Of a committed one. */
  readonly result: unknown;
}

/** A call of an activity that Temporal's history has as completed. */
export interface Completed {
  readonly intent: string;
  readonly result: unknown;
}

/** Everything that was seen from outside. */
export interface Seen {
  readonly intents: readonly Intent[];
  readonly ledger: readonly LedgerLine[];
  /** Effects in the receipts' own database. */
  readonly bookings: readonly Charge[];
  readonly receipts: readonly SeenReceipt[];
  readonly completed: readonly Completed[];
  /** What went wrong under way. */
  readonly noticed: readonly Broken[];
}

/** By the numbers of docs/protocol.md. */
export interface Broken {
  readonly invariant: 1 | 2 | 3 | 4 | 6 | 7 | 8;
  readonly intent: string;
  readonly what: string;
  /** When it happened, by the shared clock, where that is known. */
  readonly at?: number;
}

type Say = (invariant: Broken['invariant'], what: string, at?: number) => void;

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

/** One effect: its lines in the ledger, and its receipts. */
interface EffectSeen {
  readonly name: string;
  readonly done: readonly (Charge & { readonly at?: number })[];
  readonly lines: readonly LedgerLine[];
  readonly receipts: readonly SeenReceipt[];
}

export function check(seen: Seen): Broken[] {
  const broken: Broken[] = [...seen.noticed];
  const byIntent = (item: { readonly intent: string }): string => item.intent;
  const ledger = groupedBy(seen.ledger, byIntent);
  const bookings = groupedBy(seen.bookings, byIntent);
  const receipts = groupedBy(seen.receipts, byIntent);
  const completed = groupedBy(seen.completed, byIntent);
  for (const intent of seen.intents) {
    const say: Say = (invariant, what, at) =>
      void broken.push({ invariant, intent: intent.intent, what, ...(at === undefined ? {} : { at }) });
    const effects = effectsOf(intent.kind, intent.intent).map((name): EffectSeen => {
      const lines = ledger.get(name) ?? [];
      const done = [...lines.filter(({ type }) => type === 'effect'), ...(bookings.get(name) ?? [])];
      return { name, lines, done, receipts: receipts.get(name) ?? [] };
    });
    for (const effect of effects) checkEffect(effect, say);
    checkAnswers(intent, effects, completed.get(intent.intent) ?? [], say);
  }
  const known = new Set(seen.intents.flatMap(({ kind, intent }) => effectsOf(kind, intent)));
  for (const { intent } of [...seen.ledger, ...seen.bookings])
    if (!known.has(intent)) broken.push({ invariant: 1, intent, what: 'an effect that nobody meant' });
  return broken;
}

/** Effects and receipt of one request id. */
function checkEffect({ name, done, lines, receipts }: EffectSeen, say: Say): void {
  if (done.length > 1)
    say(1, `${done.length} effects of ${name}: ${done.map(({ id }) => id).join(', ')}`, done[1]?.at);
  const ids = new Set(lines.map(({ requestId }) => requestId));
  if (ids.size > 1) say(1, `${ids.size} request ids for ${name}`);
  for (const [epoch, same] of groupedBy(lines, (line) => String(line.epoch)))
    if (new Set(same.map(({ token }) => token)).size > 1) say(7, `two holders of ${name} at epoch ${epoch}`);
  if (receipts.length > 1) say(2, `${receipts.length} receipts of ${name}`);
  const [receipt] = receipts;
  if (!receipt) return;
  const highest = Math.max(0, ...lines.map(({ epoch }) => epoch));
  if (receipt.epoch < highest) say(6, `the receipt of ${name} is at epoch ${receipt.epoch}, not ${highest}`);
  if (receipt.contested) say(4, `the receipt of ${name} is contested`);
  if (receipt.state === 'committed') {
    const [effect] = done;
    if (!effect) say(3, `the receipt of ${name} says committed, and nothing happened`);
    else if (!isDeepStrictEqual(receipt.result, { id: effect.id, intent: effect.intent }))
      say(2, `the receipt of ${name} holds ${text(receipt.result)}, not ${effect.id}`);
  } else if (receipt.state !== 'rejected') say(8, `the receipt of ${name} is left ${receipt.state}`);
  else if (done.length > 0) say(3, `the receipt of ${name} says rejected, and it happened`);
}

/** What the callers were told, against what happened, what is kept, and what history has. */
function checkAnswers(
  { intent, kind, answers, endedAt }: Intent,
  effects: readonly EffectSeen[],
  completed: readonly Completed[],
  say: Say,
): void {
  const [answer, ...others] = answers;
  if (!answer || endedAt === undefined) return say(8, 'no answer');
  for (const other of others)
    if (!isDeepStrictEqual(other, answer)) say(3, `two answers: ${text(answer)} and ${text(other)}`);
  const results = completed.map(({ result }) => result);
  for (const result of results)
    if (!answer.ok || !isDeepStrictEqual(result, answer.result))
      say(3, `history has ${text(result)}, the caller ${text(answer)}`);
  for (const { name, receipts, done } of effects) {
    const state = receipts[0]?.state;
    const expected = answer.ok ? 'committed' : 'rejected';
    if (state !== expected) say(2, `answered ${expected}, and the receipt of ${name} is ${state ?? 'gone'}`);
    if (answer.ok && done.length === 0) say(3, `answered ok, and ${name} did not happen`);
    if (!answer.ok && done.length > 0) say(3, `answered ${answer.type}, and ${name} happened`);
  }
  if (answer.ok === isDeclined(intent)) say(3, `answered ${text(answer)}, and the provider did the opposite`);
  const kept = effects.map(({ receipts }) => receipts[0]?.result);
  const expected = kind === 'steps' ? kept : kept[0];
  if (answer.ok && !isDeepStrictEqual(answer.result, expected))
    say(2, `the caller got ${text(answer.result)}, the receipt holds ${text(expected)}`);
}
