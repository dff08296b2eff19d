/** `migrate`, `prune`, `stats` and `export`. */
import { toMs, type PruneRequest, type ReceiptStore } from '../core';
import { shown } from '../operator';
import { command, flag, parsed } from './definition';
import { eachReceipt } from './each-receipt';
import { checkBounds, filterOf, filters } from './filters';
import { progress } from './progress';
import { stateIn } from './terminal';
import { UsageError } from './usage-error';

const roles = (value: string): string[] => value.split(',');

const tenants = (value: string, name: string): { role: string; namespace: string }[] =>
  value.split(',').map((each) => {
    const [, role, namespace] = /^(.+)=([^=]+)$/.exec(each) ?? [];
    if (role === undefined || namespace === undefined)
      throw new UsageError(`${name} takes ROLE=NAMESPACE, several of them with commas in between`);
    return { role, namespace };
  });

export const migrate = command({
  name: 'migrate',
  summary: 'create or upgrade the receipts tables, and grant what roles need of them',
  more: 'Safe to repeat, and to run from many processes at once. Needs a role that may create tables. Say the roles again after an upgrade.',
  options: {
    workers: parsed('ROLES', 'may guard effects, and resolve; several with commas in between', roles),
    readers: parsed('ROLES', 'may only look', roles),
    tenants: parsed('ROLE=NAMESPACE,…', 'workers that see one namespace alone', tenants),
    print: flag('print the grants as SQL, and do nothing'),
  },
  examples: [
    'migrate',
    'migrate --database-url postgres://owner@db/payments --schema guard',
    'migrate --workers payments --readers support --print',
    'migrate --tenants acme_worker=acme,globex_worker=globex',
  ],
  run: async ({ receipts, print, given: { json } }, { workers, readers, tenants, print: printOnly }) => {
    const granted = { workers, readers, tenants };
    if (printOnly) {
      const sql = receipts.grantsFor(granted);
      await print(json ? JSON.stringify({ sql }) : sql.join('\n'));
      return true;
    }
    const bar = await progress('migrations applied');
    const version = await receipts.migrate(() => bar.add(1)).finally(bar.end);
    if (receipts.grantsFor(granted).length > 0) await receipts.grant(granted);
    await print(json ? JSON.stringify({ version }) : `The receipts tables are at version ${version}.`);
    return true;
  },
});

/** Receipts from one word of progress to the next. */
const pruneBatch = 10_000;

function olderThan(value: string, name: string): number {
  // A bare number would be milliseconds: nearly everything would be pruned.
  if (!/[a-z]/i.test(value)) throw new UsageError(`prune takes ${name} with a unit, such as ${name} 90d`);
  try {
    return toMs(name, value);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const units = { b: 1, kb: 1000, mb: 1_000_000 };

function sizeIn(value: string, name: string): number {
  const [, digits, unit] = /^(\d{1,9})(b|kb|mb)$/i.exec(value) ?? [];
  if (digits === undefined || unit === undefined)
    throw new UsageError(`prune takes ${name} with a unit (B, kB, MB), such as ${name} 10kB`);
  return Number(digits) * units[unit.toLowerCase() as keyof typeof units];
}

async function pruneAll(receipts: ReceiptStore, what: string, request: PruneRequest): Promise<number> {
  const bar = await progress(what);
  let pruned = 0;
  let batch: number;
  try {
    do {
      batch = await receipts.prune({ ...request, limit: pruneBatch });
      pruned += batch;
      bar.add(batch);
    } while (batch === pruneBatch); // less than that is what came due meanwhile
  } finally {
    bar.end();
  }
  return pruned;
}

export const prune = command({
  name: 'prune',
  summary: 'turn receipts settled long ago into tombstones',
  more: 'A tombstone keeps id and attempt, and a receipt without its result says that it happened: a late call fails instead of running again. What is unknown, contested or not final stays.',
  options: {
    'older-than': parsed(
      'DURATION',
      'such as 90d; a receipt whose effect says retainFor is kept that long',
      olderThan,
    ),
    'results-older-than': parsed(
      'DURATION',
      'drop results before their receipts; an effect that says retainFor keeps its own that long',
      olderThan,
    ),
    'larger-than': parsed('SIZE', 'drop only results of more than that, such as 10kB', sizeIn),
  },
  examples: ['prune --older-than 90d', 'prune --older-than 365d --results-older-than 30d --larger-than 10kB'],
  check: ({ 'older-than': retainMs, 'results-older-than': resultsMs, 'larger-than': bytes }) => {
    if (retainMs === undefined && resultsMs === undefined)
      throw new UsageError('prune takes --older-than with a unit, such as --older-than 90d');
    if (resultsMs === undefined && bytes !== undefined)
      throw new UsageError('--larger-than goes with --results-older-than');
  },
  run: async ({ receipts, print, given: { json } }, given) => {
    const { 'older-than': retainMs, 'results-older-than': resultsMs, 'larger-than': bytes = 0 } = given;
    const all = async (ms: number | undefined, what: string, resultsOverBytes?: number) =>
      ms === undefined ? undefined : pruneAll(receipts, what, { retainMs: ms, resultsOverBytes });
    const resultsDropped = await all(resultsMs, 'results dropped', bytes); // large ones go first
    const pruned = await all(retainMs, 'receipts pruned');
    if (json) await print(JSON.stringify({ pruned: pruned ?? 0, resultsDropped }));
    if (!json && resultsDropped !== undefined) await print(`Dropped ${resultsDropped} results.`);
    if (!json && pruned !== undefined) await print(`Pruned ${pruned} receipts.`);
    return true;
  },
});

export const stats = command({
  name: 'stats',
  summary: 'counts by state',
  options: {},
  examples: ['stats', 'stats --json'],
  run: async ({ receipts, print, given: { json } }) => {
    const counted = await receipts.stats();
    const { states, unresolved, contested } = counted;
    if (json) await print(JSON.stringify(counted));
    else
      for (const [state, count] of Object.entries({ ...states, unresolved, contested }))
        await print(stateIn(state, 11), ` ${count}`);
    return true;
  },
});

export const exported = command({
  name: 'export',
  summary: 'all receipts as lines of JSON',
  more: 'In the order of their keys, page by page, so that any number fits into memory. Outcomes are payloads: their kind and size alone. What is claimed meanwhile may be among them.',
  options: filters,
  examples: ['export > receipts.jsonl', 'export --action chargeCard --since 2026-01-01 --until 2026-02-01'],
  check: checkBounds,
  run: async ({ receipts, print }, given) => {
    const total = async (): Promise<number> =>
      Object.values((await receipts.stats()).states).reduce((sum, count) => sum + count, 0);
    const isAll = Object.values(given).every((value) => value === undefined || value === false);
    // A bar between the lines would help nobody.
    const bar = process.stdout.isTTY
      ? undefined
      : await progress('receipts exported', isAll ? total : undefined);
    try {
      for await (const receipt of eachReceipt(receipts, filterOf(given))) {
        await print(JSON.stringify(shown(receipt)));
        bar?.add(1);
      }
    } finally {
      bar?.end();
    }
    return true;
  },
});
