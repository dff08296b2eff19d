/** `--probes FILE`: the user's own probes, asked on the command line. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import {
  checkBudget,
  nameOf,
  probeSource,
  type EvidenceSource,
  type Outcome,
  type Probe,
  type Receipt,
  type SourceBudget,
} from '../core';
import { UsageError } from './usage-error';

/** What a module of probes exports. */
export interface LoadedProbes {
  readonly probes: Readonly<Record<string, Probe>>;
  readonly budgets: Readonly<Record<string, SourceBudget>>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** @throws UsageError saying what is wrong with the file */
export async function loadProbes(file: string): Promise<LoadedProbes> {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new UsageError(`--probes: there is no file ${file}`);
  const loaded = import(pathToFileURL(path).href) as Promise<Record<string, unknown>>;
  const module = await loaded.catch((error: unknown) => {
    throw new UsageError(
      `--probes: ${file} cannot be loaded (${nameOf(error)}); node alone, given that file, says why`,
    );
  });
  return checked(file, module);
}

/** Of a CommonJS module, Node finds the names only where they are plain to see. */
const exported = (module: Record<string, unknown>, name: string): unknown =>
  module[name] ?? (isObject(module['default']) ? module['default'][name] : undefined);

function checked(file: string, module: Record<string, unknown>): LoadedProbes {
  const probes = exported(module, 'probes');
  if (!isObject(probes) || Object.keys(probes).length === 0)
    throw new UsageError(`--probes: ${file} does not export probes: { [action]: probe }`);
  for (const [action, probe] of Object.entries(probes))
    if (typeof probe !== 'function')
      throw new UsageError(`--probes: the probe of ${action} in ${file} is not a function`);
  const budgets = exported(module, 'budgets') ?? {};
  if (!isObject(budgets)) throw new UsageError(`--probes: budgets in ${file} is not an object`);
  for (const [action, budget] of Object.entries(budgets)) {
    if (!Object.hasOwn(probes, action))
      throw new UsageError(`--probes: ${file} has a budget of ${action}, but no probe of it`);
    try {
      checkBudget(action, budget as SourceBudget);
    } catch (error) {
      throw new UsageError(`--probes: ${file}: ${(error as Error).message}`);
    }
  }
  return { probes: probes as LoadedProbes['probes'], budgets: budgets as LoadedProbes['budgets'] };
}

/** As the command line writes a result everywhere: JSON, which every worker can read. */
const asJson = async (result: unknown): Promise<Outcome> => ({
  format: 'json',
  bytes: new TextEncoder().encode(JSON.stringify(result) ?? 'null'),
});

/**
 * Asked about all receipts of its action, under any policy. A step is asked about without payload: it may have had one of
 * its own, which nothing has kept.
 */
export const sourcesOf = (
  { probes, budgets }: LoadedProbes,
  argumentsOf: (receipt: Receipt, signal: AbortSignal) => Promise<unknown> = async () => undefined,
): EvidenceSource[] =>
  Object.entries(probes).map(([action, probe]) =>
    probeSource({
      ...{ action, probe, budget: Object.hasOwn(budgets, action) ? budgets[action] : undefined },
      payloadOf: async (receipt, signal) => ({
        payload: 'step' in receipt.origin ? undefined : await argumentsOf(receipt, signal),
      }),
      encode: asJson,
    }),
  );
