/** Recorded histories: what running workflows of a release look like, to be replayed by every later one. */
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import type { WorkflowHandle } from '@temporalio/client';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { temporal } from '@temporalio/proto';

/** In the sources, not among the compiled files. */
const folder = resolve(__dirname, '../../../test/histories');

/** SHA-256 by file: a recorded history is never changed, only others are added. */
const checksumsFile = join(folder, 'checksums.json');

/** A recorded history, ready to be replayed. */
export interface RecordedHistory {
  /** `<release>/<workflow>` */
  readonly name: string;
  readonly history: temporal.api.history.v1.IHistory;
  /** Whether the file is as it was when it was recorded. */
  readonly isFrozen: boolean;
}

export const isRecording = (): boolean => Boolean(process.env['RECORD_HISTORIES']);

/** Set `RECORD_HISTORIES` to a release to add `test/histories/<release>/<name>.json` while the tests run, if it is new. */
export function record(name: string, handle: WorkflowHandle): Promise<void> {
  return (last = last.then(() => add(name, handle)));
}

/** One after the other: all write the checksums. Several suites that record have to run with `jest -i`. */
let last: Promise<void> = Promise.resolve();

async function add(name: string, handle: WorkflowHandle): Promise<void> {
  const release = process.env['RECORD_HISTORIES'];
  if (!release) return;
  const key = `${release}/${name}`;
  const path = join(folder, `${key}.json`);
  if (await isThere(path)) return;
  const text = `${JSON.stringify(JSON.parse(historyToJSON(await handle.fetchHistory())), withoutMachine, 1)}\n`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  const all = Object.entries({ ...(await checksums()), [key]: sha256(text) }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  await writeFile(checksumsFile, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

/** All recorded histories. */
export async function recorded(): Promise<RecordedHistory[]> {
  const sums = await checksums();
  const files = (await readdir(folder, { recursive: true }))
    .filter((file) => /[\\/]/.test(file) && file.endsWith('.json'))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8');
      const name = file.slice(0, -'.json'.length).replaceAll('\\', '/');
      return { name, history: historyFromJSON(JSON.parse(text)), isFrozen: sums[name] === sha256(text) };
    }),
  );
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const checksums = (): Promise<Record<string, string>> =>
  readFile(checksumsFile, 'utf8').then(
    (text) => JSON.parse(text) as Record<string, string>,
    () => ({}),
  );

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Host names and paths of the machine that recorded say nothing to a replay. */
function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replaceAll(`@${hostname()}`, '@host') : value;
}
