/** The receipts against what a provider's export says. */
import type { ReceiptStore } from '../../core';
import { boundsOf } from '../filters';
import { keyOfWrittenId, nextGenerationOf } from '../../ids';
import {
  categories,
  holdsBack,
  isWrong,
  judge,
  needsEvidence,
  needsSuccessor,
  type Category,
  type JudgedReceipt,
  type Recorded,
} from './classify';
import type { Collected, KeyedEntries } from './collect';
import { eachReceipt, forEach } from '../each-receipt';

/** What it needs of a store. */
export type Receipts = Pick<ReceiptStore, 'namespace' | 'list' | 'get' | 'stats'>;

/** What is said of one request id. */
export interface Finding {
  readonly requestId: string;
  readonly action?: string;
  /** The receipt's; `'contested'` before all others. A claim whose lease ran out is unknown. */
  readonly state?: string;
  /** Entries at the provider. */
  readonly succeeded: number;
  readonly failed: number;
  /** Where these stand in the export. */
  readonly lines: readonly number[];
  readonly note?: string;
}

/** Which receipts. */
interface Picked {
  readonly action: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
}

/** A whole report. */
export interface Report {
  readonly namespace: string;
  readonly actions: readonly string[];
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** How many there were to compare. */
  readonly receipts: number;
  readonly entries: number;
  /** Of other actions than the one asked for. */
  readonly entriesLeftOut: number;
  readonly isInOrder: boolean;
  readonly findings: Readonly<Record<Category, { readonly count: number; readonly ids: readonly Finding[] }>>;
}

/** A receipt with what has to be looked up to judge it. */
async function recordedOf(
  receipts: Receipts,
  receipt: JudgedReceipt,
  entries: KeyedEntries | undefined,
  looksAtEvidence: boolean,
): Promise<Recorded> {
  if (needsSuccessor(receipt, entries)) {
    const next = await receipts.get(keyOfWrittenId(receipts.namespace, nextGenerationOf(receipt.requestId)));
    return { receipt, hasSuccessor: next !== undefined };
  }
  if (!entries || !looksAtEvidence || !needsEvidence(receipt, entries)) return { receipt };
  const found = await receipts.get(entries.key);
  return { receipt, heldBack: found?.evidence.some(holdsBack) ?? false };
}

const stateOf = ({ state, contested }: JudgedReceipt): string => (contested ? 'contested' : state);

const findingOf = (
  recorded: Recorded | undefined,
  entries: KeyedEntries | undefined,
  note: string | undefined,
): Finding => ({
  requestId: recorded?.receipt.requestId ?? entries?.requestId ?? '',
  ...(recorded ? { action: recorded.receipt.action, state: stateOf(recorded.receipt) } : {}),
  ...{ succeeded: entries?.succeeded ?? 0, failed: entries?.failed ?? 0, lines: entries?.lines ?? [] },
  ...(note === undefined ? {} : { note }),
});

type Findings = Record<Category, Finding[]>;

/** Entries without an id are told by their lines. */
const namelessFindings = ({ nameless }: Collected): Finding[] =>
  nameless.map(({ line, succeeded }) => ({
    ...{ requestId: '', succeeded: Number(succeeded), failed: Number(!succeeded), lines: [line] },
    note: 'no request id',
  }));

/**
 * Compares everything that `collected` has with the receipts; what was compared is taken out of it.
 * @param onCompared told after each receipt
 */
export async function reconcile(
  receipts: Receipts,
  collected: Collected,
  { action, since, until }: Picked,
  onCompared: () => void = () => undefined,
): Promise<Report> {
  const { byKey, count, leftOut } = collected;
  const actions = action === undefined ? collected.actions : new Set([action]);
  const findings = Object.fromEntries(categories.map((category) => [category, []])) as unknown as Findings;
  const { evidence } = await receipts.stats();
  const looksAtEvidence = evidence.some(holdsBack);
  let seen = 0;

  const compare = async (receipt: JudgedReceipt | undefined, entries: KeyedEntries | undefined) => {
    const recorded = receipt && (await recordedOf(receipts, receipt, entries, looksAtEvidence));
    for (const { category, note } of judge(recorded, entries, actions))
      findings[category].push(findingOf(recorded, entries, note));
  };
  for (const each of actions)
    await forEach(eachReceipt(receipts, { ...boundsOf({ since, until }), action: each }), async (receipt) => {
      const entries = byKey.get(receipt.key);
      byKey.delete(receipt.key);
      seen++;
      await compare(receipt, entries);
      onCompared();
    });
  // What no receipt within the bounds has asked for: an older one, one of another action, or none at all.
  await forEach(byKey.values(), async (entries) => {
    const found = await receipts.get(entries.key);
    if (found) seen++;
    await compare(found?.receipt, entries);
  });
  findings.unrecorded.push(...namelessFindings(collected));

  return {
    ...{ namespace: receipts.namespace, actions: [...actions].sort(), since, until },
    ...{ receipts: seen, entries: count, entriesLeftOut: leftOut },
    isInOrder: categories.every((category) => !isWrong(category) || findings[category].length === 0),
    findings: Object.fromEntries(
      categories.map((category) => [
        category,
        { count: findings[category].length, ids: sorted(findings[category]) },
      ]),
    ) as unknown as Report['findings'],
  };
}

const sorted = (findings: Finding[]): Finding[] =>
  findings.sort((a, b) =>
    a.requestId === b.requestId ? (a.lines[0] ?? 0) - (b.lines[0] ?? 0) : a.requestId < b.requestId ? -1 : 1,
  );
