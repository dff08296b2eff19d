/** `init` on projects of every shape: what it adds, and that the result compiles and stays as it is. */
import { chmodSync, statSync, writeFileSync } from 'node:fs';

import { unifiedDiff } from '../../src/cli/init/diff';
import { makingsIn } from '../../src/cli/init/calls';
import { planFor } from '../../src/cli/init/plan';
import { projectIn } from '../../src/cli/init/project';
import { runCli } from '../support/cli-process';
import { Shelf, typeErrors, type Files, type Project } from './projects';
import * as shapes from './shapes';

/** Each run reads the types of the SDK. */
jest.setTimeout(180_000);

let shelf: Shelf;
beforeAll(() => (shelf = new Shelf()));
afterAll(() => shelf.remove());

/** What a second run would add. */
const addedNext = ({ folder }: Project, activity?: string): number => {
  const project = projectIn(folder);
  return planFor(project, makingsIn(project), activity).changes.length;
};

/** Each line of the text before is still there, in this order, perhaps with more in it. */
function expectOnlyAdded(before: string, after: string): void {
  let at = 0;
  for (const character of before) {
    at = after.indexOf(character, at) + 1;
    expect(at).toBeGreaterThan(0);
  }
}

async function written(name: string, files: Files, changed: readonly string[]): Promise<Project> {
  const project = shelf.write(name, files);
  const { code, err } = await project.init('--yes');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(project.changed().sort()).toEqual([...changed].sort());
  for (const file of changed) expectOnlyAdded(files[file] ?? '', project.read(file));
  if ('tsconfig.json' in files)
    expect(typeErrors(project).filter((each) => !/\/workflows'/.test(each))).toEqual([]);
  expect(addedNext(project)).toBe(0);
  return project;
}

const explanation = [
  "// activity-guard keeps a receipt of each guarded effect in Postgres. Where nobody knows whether one happened ('hold', the",
  '// default), nothing runs until somebody says so: npx activity-guard list --unresolved',
];

describe('init', () => {
  it('adds plugin, migration and an activity to a worker with a connection', async () => {
    const project = await written('hello', shapes.hello, ['package.json', 'src/worker.ts']);
    expect(project.read('src/worker.ts')).toBe(
      (shapes.hello['src/worker.ts'] ?? '')
        .replace(
          "from '@temporalio/worker';\n",
          "from '@temporalio/worker';\nimport { pgReceipts } from 'activity-guard/pg';\nimport { ActivityGuardPlugin } from 'activity-guard/worker';\n",
        )
        .replace(
          '    // Then, register',
          [
            ...explanation,
            'const receipts = pgReceipts({ connectionString: process.env.DATABASE_URL });',
            'await receipts.migrate();',
            '// Then, register',
          ]
            .map((line) => `    ${line}`)
            .join('\n'),
        )
        .replace(
          '      activities,\n',
          "      activities,\n      plugins: [new ActivityGuardPlugin({ receipts, guard: ['greet'] })],\n",
        ),
    );
    const { dependencies, devDependencies } = JSON.parse(project.read('package.json')) as Record<
      string,
      object
    >;
    expect(Object.entries(dependencies ?? {})).toEqual([
      ['@temporalio/activity', '^1.24.0'],
      ['@temporalio/plugin', '^1.24.0'],
      ['@temporalio/worker', '^1.24.0'],
      ['activity-guard', expect.stringMatching(/^\^\d/)],
      ['nanoid', '3.x'],
      ['pg', '^8.11.0'],
    ]);
    expect(Object.keys(devDependencies ?? {})).toEqual(['@types/node', '@types/pg', 'typescript']);
    expect(project.read('package.json')).toBe(
      `${JSON.stringify(JSON.parse(project.read('package.json')), null, 2)}\n`,
    );
  });

  it('keeps tabs, CRLF, quotes and comments, and finds what posts behind re-exports', async () => {
    const project = await written('folder', shapes.folder, ['package.json', 'src/worker.ts']);
    const text = project.read('src/worker.ts');
    expect(text).not.toMatch(/[^\r]\n/);
    expect(text).toContain('// of the SDK\r\nimport { pgReceipts } from "activity-guard/pg";\r\n');
    expect(text).toContain(
      '\tconst receipts = pgReceipts({ connectionString: process.env["DATABASE_URL"] });\r\n',
    );
    expect(text).toContain(
      '\t\tactivities, // all of them\r\n\t\tplugins: [new ActivityGuardPlugin({ receipts, guard: ["placeOrder"] })]\r\n\t});',
    );
    expect(JSON.parse(project.read('package.json'))).toMatchObject({
      dependencies: { '@temporalio/plugin': '~1.24.0', pg: expect.any(String) },
      devDependencies: { '@types/pg': expect.any(String) },
    });
  });

  it('writes no semicolons where there are none, in ES modules with await at the top', async () => {
    const project = await written('es-modules', shapes.esModules, ['package.json', 'src/worker.ts']);
    expect(project.read('src/worker.ts')).toContain(
      'const receipts = pgReceipts({ connectionString: process.env.DATABASE_URL })\nawait receipts.migrate()\nconst worker',
    );
    expect(project.read('src/worker.ts')).toContain("guard: ['sendReceipt']");
    expect(project.read('package.json')).toContain('"@temporalio/plugin": "1.x"');
  });

  it('finds activities that are bound to classes, behind aliases of paths', async () => {
    const project = await written('providers', shapes.providers, [
      'package.json',
      'apps/worker/worker.providers.ts',
    ]);
    expect(project.read('apps/worker/worker.providers.ts')).toContain(
      "...workflowOption, activities, plugins: [new ActivityGuardPlugin({ receipts, guard: ['publishRates'] })] });",
    );
  });

  it('adds to plugins that are there, in options of their own, beside another thing named receipts', async () => {
    const project = await written('options', shapes.options, ['package.json', 'src/worker.ts']);
    const text = project.read('src/worker.ts');
    expect(text).toContain(
      "      tracing,\n      new ActivityGuardPlugin({ receipts: guardReceipts, guard: ['settle'] }),\n    ],",
    );
    expect(text.indexOf('const guardReceipts')).toBeLessThan(text.indexOf('const opts'));
    expect(text).toContain('  await guardReceipts.migrate();\n  const worker = await Worker.create(opts);');
  });

  it('gives every worker the plugin, and names the activity where it is registered', async () => {
    const project = await written('two', shapes.two, ['package.json', 'src/worker.ts']);
    const text = project.read('src/worker.ts');
    expect(text).toContain("workflowsPath: 'w', plugins: [new ActivityGuardPlugin({ receipts })] })");
    expect(text).toContain(
      "plugins: [...(plugins ?? []), new ActivityGuardPlugin({ receipts, guard: ['refundOrder'] })] })",
    );
    expect(text.match(/receipts\.migrate/g)).toHaveLength(1);
  });

  it('gives a bundle that is made beforehand the plugin, too', async () => {
    const project = await written('bundled', shapes.bundled, [
      'package.json',
      'src/worker.ts',
      'src/scripts/bundle.ts',
    ]);
    expect(project.read('src/scripts/bundle.ts')).toContain(
      "require.resolve('../workflows'),\n    plugins: [new ActivityGuardPlugin({ receipts: pgReceipts({}) })]\n  });",
    );
  });

  it('requires in JavaScript that does', async () => {
    const project = await written('java-script', shapes.javaScript, ['package.json', 'src/worker.js']);
    expect(project.read('src/worker.js')).toContain("const { pgReceipts } = require('activity-guard/pg');");
    expect(project.read('src/worker.js')).toContain("guard: ['bookFlight']");
    expect(project.read('package.json')).not.toContain('@types/pg');
  });

  it('guards one activity more where it is asked to, and says nothing of one that is guarded', async () => {
    const project = shelf.write('more', shapes.folder);
    expect((await project.init('--yes', '--activity', 'logOrder')).code).toBe(0);
    expect(project.read('src/worker.ts')).toContain('guard: ["logOrder"]');
    expect((await project.init('--yes', '--activity', 'placeOrder')).code).toBe(0);
    expect(project.read('src/worker.ts')).toContain('guard: ["logOrder", "placeOrder"]');
    expect(await project.init('--yes', '--activity', 'placeOrder')).toEqual({
      ...{ code: 0, err: '', out: 'Nothing to add: the guard is there.\n' },
    });
  });

  it('shows the difference, and writes nothing without a yes', async () => {
    const project = shelf.write('shown', shapes.folder);
    const shown = await project.init('--dry-run');
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toContain(
      '--- a/src/worker.ts\n+++ b/src/worker.ts\n@@ -1,11 +1,18 @@\n import { Worker }',
    );
    expect(shown.out).toContain(
      '\n-\t\tactivities // all of them\n+\t\tactivities, // all of them\n+\t\tplugins',
    );
    expect(shown.out).toContain(
      'Guarded first: placeOrder, for it calls fetch (src/activities/orders.ts:6).',
    );
    const asked = await project.init();
    expect({ ...asked, out: '' }).toEqual({
      ...{ code: 1, out: '', err: 'activity-guard: nothing was written. Say --yes to write it.\n' },
    });
    expect(asked.out).toBe(shown.out);
    expect(project.changed()).toEqual([]);
  });

  it.each([
    ['y\n', 0, ['src/worker.ts', 'package.json']],
    ['n\n', 1, []],
    ['', 1, []],
  ])('asks on a terminal, where %j is the answer', async (input, code, changed) => {
    const project = shelf.write(`asked-${code}-${input.length}`, shapes.hello);
    writeFileSync(project.path('terminal.cjs'), 'process.stdin.isTTY = process.stdout.isTTY = true;');
    const flags = ['--require', project.path('terminal.cjs')];
    const ended = await runCli(['init', project.folder], { input, flags, timeoutMs: 60_000 });
    expect(ended).toMatchObject({ code, err: expect.stringContaining('Write this? [y/N] ') as string });
    expect(project.changed().sort()).toEqual([...changed].sort());
  });

  it('keeps the mark at the beginning of a file, and its mode', async () => {
    const worker = `\ufeff${shapes.hello['src/worker.ts']}`;
    const project = shelf.write('mark', { ...shapes.hello, 'src/worker.ts': worker });
    chmodSync(project.path('src/worker.ts'), 0o755);
    expect((await project.init('--yes')).code).toBe(0);
    expect(project.read('src/worker.ts')).toMatch(/^\ufeff\/\/ The worker\nimport/);
    expect(statSync(project.path('src/worker.ts')).mode & 0o777).toBe(0o755);
  });
});

describe('a unified diff', () => {
  it.each([
    ['a\nb\n', [{ at: 2, text: 'x\n' }], ['@@ -1,2 +1,3 @@', ' a', '+x', ' b']],
    [
      'a\nb',
      [{ at: 3, text: 'x' }],
      ['@@ -1,2 +1,2 @@', ' a', '-b', '\\ No newline at end of file', '+bx', '\\ No newline at end of file'],
    ],
    [
      '1\n2\n3\n4\n5\n6\n7\n8\n9\n',
      [
        { at: 0, text: 'x\n' },
        { at: 18, text: 'y\n' },
      ],
      ['@@ -1,3 +1,4 @@', '+x', ' 1', ' 2', ' 3', '@@ -7,3 +8,4 @@', ' 7', ' 8', ' 9', '+y'],
    ],
  ])('of %j with %j', (before, insertions, lines) => {
    expect(unifiedDiff('f', { path: 'f', before, insertions }).slice(2)).toEqual(lines);
  });
});
