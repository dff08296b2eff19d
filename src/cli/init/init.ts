/** `init`: adds the guard to a Temporal project; `init --check`: finds activities that act and are not guarded. */
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';

import { command, flag, parsed, text, type Context } from '../definition';
import { aligned, complain, type Part } from '../terminal';
import { UsageError } from '../usage-error';
import { makingsIn, type Making } from './calls';
import { check, type Checked } from './check';
import { Refusal } from './compiler';
import { unifiedDiff, type Change } from './diff';
import { planFor, type Plan } from './plan';
import { projectIn, shownPath, type Project } from './project';
import type { Chosen } from './worker-changes';
import { writeAll } from './write';

const byHand = `To add it by hand, install activity-guard, pg and @temporalio/plugin, and where the worker is made:

  import { pgReceipts } from 'activity-guard/pg';
  import { ActivityGuardPlugin } from 'activity-guard/worker';

  const receipts = pgReceipts({ connectionString: process.env.DATABASE_URL });
  await receipts.migrate();
  const plugin = new ActivityGuardPlugin({ receipts, guard: ['chargeCard'] });
  // and in the options of Worker.create, and of bundleWorkflowCode where there is one:
  plugins: [plugin]
`;

const diffColors = { '-': 'red', '+': 'green', '@': 'cyan' } as const;

const lineOf = (line: string): Part => {
  const color = diffColors[line[0] as keyof typeof diffColors];
  return color === undefined ? { text: line, tabs: true } : { text: line, color, tabs: true };
};

const diffOf = ({ root }: Project, change: Change): string[] =>
  unifiedDiff(shownPath(root, change.path), change);

/** Asks on a terminal; everything but a yes is a no. */
async function isConfirmed(): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<boolean>((answer) => {
      lines.on('close', () => answer(false));
      lines.question('Write this? [y/N] ', (said) => answer(/^y(es)?$/i.test(said.trim())));
    });
  } finally {
    lines.close();
  }
}

const isTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

const whyOf = ({ name, because }: Chosen): string =>
  because === undefined
    ? `Guarded: ${name}.`
    : because.call === name
      ? `Guarded first: ${name}, for its name. Another one: --activity NAME`
      : `Guarded first: ${name}, for it calls ${because.call} (${because.file}:${because.line}). Another one: --activity NAME`;

const nextSteps = (chosen: Chosen | undefined): string[] => [
  'Next: install the dependencies that were added, and set DATABASE_URL for the worker.',
  ...(chosen
    ? [
        `Where nobody knows whether ${chosen.name} happened, it waits: see activity-guard list --unresolved. Mark it with guarded({ onUnknown: … }) to ask the provider instead.`,
      ]
    : []),
];

function plannedOrTold(project: Project, activity: string | undefined): Plan | undefined {
  try {
    return planFor(project, makingsIn(project), activity);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain(error.message);
    process.stderr.write(`Nothing was written. ${byHand}`);
    return undefined;
  }
}

interface Asked {
  readonly activity: string | undefined;
  readonly yes: boolean;
  readonly 'dry-run': boolean;
}

async function add({ print, given: { json } }: Context, project: Project, asked: Asked): Promise<boolean> {
  const plan = plannedOrTold(project, asked.activity);
  if (!plan) return false;
  const { changes, chosen } = plan;
  const files = changes.map((change) => ({
    file: shownPath(project.root, change.path),
    diff: diffOf(project, change),
  }));
  if (!json) for (const { diff } of files) for (const line of diff) await print(lineOf(line));
  if (!json && chosen) await print(whyOf(chosen));
  const isAsking = !asked.yes && !asked['dry-run'] && files.length > 0;
  const isWritten =
    files.length > 0 && !asked['dry-run'] && (asked.yes || (!json && isTerminal() && (await isConfirmed())));
  if (isWritten) writeAll(changes);
  if (json) {
    const shown = files.map(({ file, diff }) => ({ file, diff: `${diff.join('\n')}\n` }));
    await print(JSON.stringify({ written: isWritten, activity: chosen?.name ?? null, changes: shown }));
  } else if (files.length === 0) await print('Nothing to add: the guard is there.');
  else if (isWritten) for (const step of nextSteps(chosen)) await print(step);
  if (isAsking && !isWritten) complain('nothing was written. Say --yes to write it.');
  return isWritten || !isAsking;
}

const verdictOf = ({ guarding, acts }: Checked, isExcepted: boolean): Part => {
  if (guarding !== null)
    return {
      text: guarding === 'unclear' ? 'unclear' : 'guarded',
      color: guarding === 'unclear' ? 'yellow' : 'green',
    };
  return acts.length > 0 && !isExcepted ? { text: 'UNGUARDED', color: 'red' } : '-';
};

const reasonOf = ({ acts: [act], name }: Checked): string =>
  act === undefined ? '' : act.call === name ? 'its name' : `${act.call} (${act.file}:${act.line})`;

async function look(
  { print, given: { json } }: Context,
  project: Project,
  except: readonly string[],
): Promise<boolean> {
  const makings: readonly Making[] = makingsIn(project);
  const found = check(project, makings, except);
  if (json) await print(JSON.stringify(found));
  else {
    const rows = found.activities.map((each): Part[] => [
      verdictOf(each, except.includes(each.name)),
      each.name,
      `${each.file}:${each.line}`,
      reasonOf(each),
    ]);
    for (const row of aligned(rows)) await print(...row);
    for (const place of found.untold) await print(`The activities of the worker at ${place} cannot be told.`);
  }
  return found.unguarded.length === 0;
}

const names = (value: string): string[] => value.split(',');

export const init = command({
  name: 'init',
  summary: 'add the guard to a Temporal project in TypeScript',
  more: 'Adds plugin, migration and a first guarded activity, and shows the difference before it writes. Lines are added, none is taken away. With --check it writes nothing and finds activities that act and are not guarded.',
  argument: {
    name: 'folder',
    says: 'of the package with the worker (this one)',
    isOptional: true,
    isFile: true,
  },
  options: {
    activity: text('NAME', 'guard this one; otherwise the one that surely acts'),
    yes: flag('write without asking'),
    'dry-run': flag('only show the difference'),
    check: flag('only look: fail where an activity acts and is not guarded'),
    except: parsed('NAMES', 'with --check: may act unguarded; several with commas in between', names),
  },
  isAlone: true,
  examples: ['init', 'init apps/worker --activity chargeCard --yes', 'init --check --except touchCache'],
  check: ({ activity, yes, 'dry-run': dryRun, check: isCheck, except }) => {
    if (isCheck && (activity !== undefined || yes || dryRun))
      throw new UsageError('--check only looks: it goes with --except alone');
    if (!isCheck && except !== undefined) throw new UsageError('--except goes with --check');
    if (yes && dryRun) throw new UsageError('init takes either --yes or --dry-run');
  },
  run: async (context, given, folder) => {
    const project = projectIn(resolve(folder));
    return given.check ? look(context, project, given.except ?? []) : add(context, project, given);
  },
});
