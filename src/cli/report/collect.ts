/** What an export says of each request id, as small as it can be kept. */
import { keyOfWrittenId } from '../../ids';
import { UsageError } from '../usage-error';
import type { ProviderEntries } from './classify';
import type { ExportedEntry } from './read-export';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The entries of one request id, under the key of its receipt. */
export interface KeyedEntries extends ProviderEntries {
  readonly key: string;
}

/** A whole export. */
export interface Collected {
  readonly byKey: Map<string, KeyedEntries>;
  /** Entries without an id. */
  readonly nameless: readonly ExportedEntry[];
  readonly count: number;
  /** Of other actions than the one that is asked for. */
  readonly leftOut: number;
  /** The actions that it names. */
  readonly actions: ReadonlySet<string>;
  /** Some of the statuses that count as failures. */
  readonly failures: ReadonlySet<string>;
  readonly succeeded: number;
}

const mostActions = 100;
const mostFailures = 10;
/** Lines kept of one request id. */
const mostLines = 20;

/** @throws UsageError where the export names too many actions: another column was meant */
export async function collect(
  entries: AsyncIterable<ExportedEntry>,
  { namespace, action }: { readonly namespace: string; readonly action?: string | undefined },
): Promise<Collected> {
  const byKey = new Map<string, Writable<KeyedEntries> & { lines: number[]; actions?: string[] }>();
  const nameless: ExportedEntry[] = [];
  const actions = new Set<string>();
  const failures = new Set<string>();
  let [count, leftOut, successes] = [0, 0, 0];
  for await (const entry of entries) {
    count++;
    if (action !== undefined && entry.action !== undefined && entry.action !== action) {
      leftOut++;
      continue;
    }
    const { requestId, succeeded, line, status, action: named } = entry;
    if (named !== undefined && actions.add(named).size > mostActions)
      throw new UsageError(`--action-column names more than ${mostActions} actions: is it another column?`);
    if (succeeded) successes++;
    else if (status !== undefined && failures.size < mostFailures) failures.add(status);
    if (requestId === '') {
      nameless.push(entry);
      continue;
    }
    const key = keyOfWrittenId(namespace, requestId);
    const known = byKey.get(key);
    const of = known ?? { key, requestId, succeeded: 0, failed: 0, lines: [] };
    if (!known) byKey.set(key, of);
    if (succeeded) of.succeeded++;
    else of.failed++;
    if (of.lines.length < mostLines) of.lines.push(line);
    if (named !== undefined && !of.actions?.includes(named)) of.actions = [...(of.actions ?? []), named];
  }
  return { byKey, nameless, count, leftOut, actions, failures, succeeded: successes };
}
