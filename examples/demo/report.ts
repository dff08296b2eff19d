import type { RunRecord, RunTally } from './tally';

export interface DemoResult {
  unguarded: { record: RunRecord; tally: RunTally };
  guarded: { record: RunRecord; tally: RunTally };
  model: string;
  /** Whether the kill points must all have come: a real model goes its own way. */
  scripted: boolean;
  seconds: number;
}

/** The one object that `--json` prints. */
export function toJson({ unguarded, guarded, seconds }: DemoResult) {
  const counts = ({ record, tally }: DemoResult['guarded']) => {
    const { effects, duplicates, missing } = tally.total;
    const byAction = Object.fromEntries(tally.byTool.map(({ tool, ...row }) => [tool, row]));
    return { orders: record.orders.length, effects, duplicates, missing, byAction };
  };
  const { guard, unresolved } = guarded.record;
  const { replayed, unknown, resolved } = guard;
  return {
    unguarded: counts(unguarded),
    guarded: {
      ...counts(guarded),
      replayed,
      unknown,
      resolved: Object.values(resolved).reduce((total, count) => total + count, 0),
      resolvedBy: resolved,
      unresolved,
    },
    killed: guarded.record.kills,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** Everything that keeps this from being the demonstration it claims to be. Empty is good. */
export function findFaults({ unguarded, guarded, scripted }: DemoResult): string[] {
  const faults: string[] = [];
  const expect = (holds: boolean, otherwise: string): void => {
    if (!holds) faults.push(otherwise);
  };
  const without = unguarded.tally;
  const { tally: withGuard, record } = guarded;
  expect(without.total.duplicates > 0, 'the unguarded run duplicated nothing, so it shows nothing');
  expect(without.total.missing === 0, `the unguarded run lost ${without.total.missing} effects`);
  expect(
    withGuard.total.duplicates === 0,
    `the guarded run duplicated ${withGuard.total.duplicates}: ${[...withGuard.repeated.keys()].slice(0, 10).join(', ')}`,
  );
  expect(withGuard.total.missing === 0, `the guarded run lost ${withGuard.total.missing} effects`);
  expect(
    withGuard.lostOrders.length === 0,
    `guarded orders that never ended: ${withGuard.lostOrders.join(', ')}`,
  );
  expect(record.unresolved === 0, `${record.unresolved} guarded outcomes are still unresolved`);
  expect(
    unguarded.record.kills === record.kills || !scripted,
    `${unguarded.record.kills} kills in the unguarded run, ${record.kills} in the guarded one`,
  );
  for (const [name, run] of Object.entries({ unguarded, guarded })) {
    for (const missed of scripted ? run.record.missed : []) {
      faults.push(`in the ${name} run this moment to kill at never came: ${missed}`);
    }
  }
  return faults;
}

/** The result for people. */
export function toText(result: DemoResult): string {
  const { unguarded, guarded, model, seconds } = result;
  const { orders, kills, workersKilled } = guarded.record;
  return [
    '',
    `${orders.length} orders, ${model} model. Workers were killed at ${kills} moments in each run`,
    `(${unguarded.record.workersKilled} processes unguarded, ${workersKilled} guarded), ${seconds.toFixed(0)} s in all.`,
    'Effects are counted by the providers, attempts by Temporal.',
    '',
    ...table(unguarded.tally, guarded.tally),
    '',
    ...repetitions(unguarded.tally),
    ...guardLines(guarded.record),
    '',
  ].join('\n');
}

function table(without: RunTally, withGuard: RunTally): string[] {
  const columns = ['attempts', 'effects', 'duplicates', 'missing'] as const;
  const cells = (tally: RunTally['total']): string =>
    columns.map((column) => String(tally[column]).padStart(column.length + 2)).join('');
  const titles = columns.map((column) => `  ${column}`).join('');
  const name = (text: string): string => text.padEnd(18);
  const rows = without.byTool.map((row, i) => {
    const other = withGuard.byTool[i] ?? row;
    return `${name(row.tool)}${String(other.expected).padStart(8)} |${cells(row)} |${cells(other)}`;
  });
  const line = `${'-'.repeat(27)}+${'-'.repeat(titles.length + 1)}+${'-'.repeat(titles.length)}`;
  const total = `${name('all')}${String(withGuard.total.expected).padStart(8)} |${cells(without.total)} |${cells(withGuard.total)}`;
  return [
    `${' '.repeat(26)} |  ${'UNGUARDED'.padEnd(titles.length - 1)}|  GUARDED`,
    `${name('')}intended |${titles} |${titles}`,
    line,
    ...rows,
    line,
    total,
  ];
}

function repetitions({ repeated }: RunTally): string[] {
  const lines = [...repeated].map(([key, times]) => {
    const [tool = '', order = '', detail] = key.split(':');
    return `  ${order}: ${tool}${detail === undefined ? '' : ` (${detail})`} ${times} times`;
  });
  return ['What the unguarded run did more than once:', ...lines, ''];
}

function guardLines({ guard, unresolved }: RunRecord): string[] {
  const { replayed, unknown, resolved } = guard;
  const ways = Object.entries(resolved).map(([how, count]) => `  ${String(count).padStart(4)} by ${how}`);
  return [
    'What the guard did instead:',
    `  ${String(replayed).padStart(4)} attempts answered from a receipt`,
    `  ${String(unknown).padStart(4)} unknown outcomes, resolved`,
    ...ways.map((line) => `  ${line}`),
    `  ${String(unresolved).padStart(4)} still unresolved`,
  ];
}
