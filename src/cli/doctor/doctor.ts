/** `doctor`: looks at everything, and says how to mend it. */
import { command, flag, text } from '../definition';
import type { Color, Part } from '../terminal';
import type { Checked, Verdict } from './check';
import { checkDatabase } from './database';
import { checkTemporal } from './temporal';

/** Where the database is: never user or password. */
export function whereIs(url: string | undefined, env = process.env): string {
  if (url === undefined) return `${env['PGHOST'] ?? 'localhost'}:${env['PGPORT'] ?? '5432'}`;
  try {
    const { hostname, port } = new URL(url);
    return `${hostname || 'localhost'}:${port || '5432'}`;
  } catch {
    return 'the address that is given';
  }
}

const colors: Readonly<Record<Verdict, Color>> = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'dim' };

const nameWidth = 18;
const indent = ' '.repeat(9 + nameWidth);

const linesOf = ({ check, verdict, found, fix }: Checked): Part[][] => [
  [{ text: verdict.padEnd(8), color: colors[verdict] }, ` ${check.padEnd(nameWidth)} ${found}`],
  ...(fix === undefined ? [] : [[`${indent} → ${fix}`]]),
];

const verdicts = ['ok', 'warn', 'fail', 'skipped'] as const;

export const doctor = command({
  name: 'doctor',
  summary: 'check everything, and say how to mend it',
  more: "The database, its schema and the role's privileges, clocks, durability and replication, what is stuck, the reconciler; Temporal, its namespace, and the workers. Changes no receipt. A warning is no failure.",
  options: {
    'task-queue': text('NAME', 'whether workers poll this queue, and with the guard'),
    'no-temporal': flag('leave Temporal out'),
  },
  examples: ['doctor', 'doctor --task-queue payments', 'doctor --no-temporal --json'],
  run: async ({ receipts, print, given }, { 'task-queue': taskQueue, 'no-temporal': noTemporal }) => {
    const where = whereIs(given['database-url'] ?? process.env['DATABASE_URL']);
    const { checked, standing } = await checkDatabase(receipts, where);
    const all = [...checked, ...(await checkTemporal({ taskQueue, standing }, !noTemporal))];
    const count = (verdict: Verdict): number => all.filter((each) => each.verdict === verdict).length;
    if (given.json) await print(JSON.stringify(all));
    else {
      for (const line of all.flatMap(linesOf)) await print(...line);
      await print(verdicts.map((verdict) => `${verdict} ${count(verdict)}`).join(', '));
    }
    return count('fail') === 0;
  },
});
