/** Planted bugs, made in a copy of the compiled code: each has to break an invariant that the checker names. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Settings } from './campaign';
import type { Result } from './result';

interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Texts of the compiled code; each occurs exactly once. */
export const mutants: Readonly<Record<string, readonly Change[]>> = {
  /** A holder acts without looking whether it still holds its claim. */
  'no-fencing': [
    {
      file: 'src/core/leases.js',
      find: 'if (lease.lost)\n            throw lease.lost;\n        if (this.isOver(lease, 0))\n            throw this.giveUp(lease);',
      replace: '',
    },
  ],
  /** A claim whose lease ran out is taken over as if nothing had happened. */
  'expired-is-new': [
    {
      file: 'src/core/decide.js',
      find: "(receipt) ? 'unknown' : 'in-flight'",
      replace: "(receipt) ? 'released' : 'in-flight'",
    },
    {
      file: 'src/stores/postgres/fragments.js',
      find: '(${lapsed} and ${nothingHappened}))',
      replace: '${lapsed})',
    },
  ],
  /** What threw did not happen. */
  'release-on-throw': [
    {
      file: 'src/core/effect.js',
      find: "transactional && meaning === 'unknown' ?",
      replace: "meaning === 'unknown' ?",
    },
  ],
  /** A claim is acknowledged before it is on the disk, and nobody refuses to work so. */
  'non-durable-claim': [
    { file: 'proof/campaign/database.js', find: 'synchronous_commit=on', replace: 'synchronous_commit=off' },
    {
      file: 'src/stores/postgres/store.js',
      find: "['synchronous_commit', 'off', 'runs with synchronous_commit=off'],",
      replace: '',
    },
  ],
};

const root = join(__dirname, '..', '..', '..');

/** A copy of the built package with the bug in it. */
function copyWith(changes: readonly Change[]): string {
  const copy = mkdtempSync(join(realpathSync(tmpdir()), 'activity-guard-mutant-'));
  for (const part of ['dist', 'sql', 'package.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(realpathSync(join(root, 'node_modules')), join(copy, 'node_modules'), 'dir');
  for (const { file, find, replace } of changes) {
    const path = join(copy, 'dist', file);
    const code = readFileSync(path, 'utf8');
    const times = code.split(find).length - 1;
    if (times !== 1)
      throw new Error(`the text of a mutant occurs ${times} times in ${file}, not once: ${find}`);
    writeFileSync(
      path,
      code.replace(find, () => replace),
    );
  }
  return copy;
}

/** Runs a campaign with the bug; the result is that of the copy. */
export async function runMutant(name: string, { seconds, seed, log }: Settings): Promise<Result> {
  const copy = copyWith(mutants[name] ?? []);
  try {
    const args = ['--seconds', String(seconds), '--seed', String(seed), '--json'];
    const child = spawn(process.execPath, [join(copy, 'dist/proof/campaign/main.js'), ...args], {
      cwd: copy,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    if (printed === '') throw new Error(`the campaign with ${name} ended without a result`);
    return JSON.parse(printed) as Result;
  } finally {
    rmSync(copy, { recursive: true, force: true });
    log(`${name} is done`);
  }
}

export interface MutantRow {
  readonly mutant: string;
  readonly caught: boolean;
  readonly seed: number;
  /** When the first of what is broken happened. */
  readonly afterSeconds: number | undefined;
  readonly broken: number;
  readonly invariants: string;
  readonly example: string;
}

/** Whether the faults meet the bug is chance: a bug that has escaped is tried with further seeds. */
const mostSeeds = 3;

async function tryMutant(mutant: string, settings: Settings): Promise<Result> {
  for (let tries = 1; ; tries++) {
    const seed = settings.seed + tries - 1;
    const result = await runMutant(mutant, { ...settings, seed });
    if (result.broken.length > 0 || tries === mostSeeds) return result;
  }
}

/** Each in turn. */
export async function runMutants(settings: Settings): Promise<MutantRow[]> {
  const rows: MutantRow[] = [];
  for (const mutant of Object.keys(mutants)) {
    const { seed, broken, brokenAfter } = await tryMutant(mutant, settings);
    const invariants = [...new Set(broken.map(({ invariant }) => `I${invariant}`))].sort().join(' ');
    const [first] = broken;
    const example = first ? `${first.intent}: ${first.what}` : '';
    const caught = broken.length > 0;
    rows.push({
      mutant,
      caught,
      seed,
      afterSeconds: brokenAfter,
      broken: broken.length,
      invariants,
      example,
    });
  }
  return rows;
}
