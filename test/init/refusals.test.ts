/** What `init` does not understand is left alone, and it says what to add by hand. */
import { chmodSync, existsSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';

import { after, type Change } from '../../src/cli/init/diff';
import { writeAll } from '../../src/cli/init/write';
import { runCli } from '../support/cli-process';
import { manifest, Shelf, type Files, type Project } from './projects';
import { bundled, hello, javaScript, options } from './shapes';

/** Each run reads the types of the SDK. */
jest.setTimeout(180_000);

let shelf: Shelf;
beforeAll(() => (shelf = new Shelf()));
afterAll(() => shelf.remove());

const worker = hello['src/worker.ts'] ?? '';
const worked = (text: string): Files => ({ ...hello, 'src/worker.ts': text });

async function expectRefused(
  project: Project,
  why: RegExp,
  isByHand: boolean,
  ...args: string[]
): Promise<void> {
  const { code, out, err } = await project.init('--yes', ...args);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(why);
  expect(err.includes('To add it by hand')).toBe(isByHand);
  expect(project.changed()).toEqual([]);
  expect(readdirSync(project.folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}

const simple = (call: string, more = ''): Files =>
  worked(`import { Worker, type WorkerOptions } from '@temporalio/worker';
import * as activities from './activities';
${more}
const base = { taskQueue: 'q', workflowsPath: 'w', activities };
${call}
void base;
`);

describe('a project that cannot be read', () => {
  it.each<[string, Files, RegExp]>([
    ['no package.json', { 'readme.md': '' }, /There is no package\.json in /],
    [
      'no worker',
      { 'package.json': manifest(), 'src/index.ts': 'export {};\n' },
      /No file here makes a worker/,
    ],
    [
      'workers in packages below',
      { 'package.json': manifest(), 'apps/one/package.json': manifest(), 'apps/one/src/worker.ts': worker },
      /No file of this package makes a worker.*Name one: apps\/one\n/,
    ],
    [
      'a package.json that is not JSON',
      { ...hello, 'package.json': '{ "name": "x", }' },
      /package\.json is not JSON/,
    ],
    ['an error of syntax', worked(`${worker}\nconst = 3;\n`), /src\/worker\.ts:\d+ cannot be parsed/],
  ])('%s', async (name, files, why) => {
    await expectRefused(shelf.write(name.replace(/\W/g, '-'), files), why, false);
  });

  it('a folder that is not there', async () => {
    const ended = await runCli(['init', `${shelf.folder}/nowhere`, '--yes']);
    expect(ended).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/There is no package\.json/),
    });
  });

  it('an SDK that is too old', async () => {
    const project = shelf.write('old', {
      ...hello,
      'node_modules/@temporalio/worker/package.json': '{ "name": "@temporalio/worker", "version": "1.22.3" }',
    });
    await expectRefused(
      project,
      /needs @temporalio\/\* 1\.23 or later \(1\.x\); 1\.22\.3 is installed/,
      false,
    );
  });
});

describe('a worker that is not understood', () => {
  it.each<[string, Files, RegExp]>([
    [
      'options from elsewhere',
      simple(
        'async function run() { await Worker.create(optionsOf()); }\nvoid run();',
        'declare function optionsOf(): WorkerOptions;',
      ),
      /src\/worker\.ts:5: its options are neither written out there nor in a constant/,
    ],
    [
      'options in a variable that changes',
      simple(
        'async function run() { let o: WorkerOptions = { ...base }; o = { ...o }; await Worker.create(o); }\nvoid run();',
      ),
      /src\/worker\.ts:5: its options are neither/,
    ],
    [
      'what is spread may have plugins',
      simple('async function run(o: WorkerOptions) { await Worker.create({ ...base, ...o }); }\nvoid run;'),
      /src\/worker\.ts:5: what is spread here may have plugins/,
    ],
    [
      'no place for a statement',
      simple('export const create = () => Worker.create({ ...base });'),
      /src\/worker\.ts:5: nothing can come before this expression/,
    ],
    [
      'nothing can be awaited',
      simple('export function create() { return Worker.create({ ...base }); }'),
      /src\/worker\.ts:5: it is made where nothing can be awaited/,
    ],
    [
      'a name that is taken',
      simple(
        'async function run() { await Worker.create({ ...base }); }\nvoid run();',
        'export const pgReceipts = 1;',
      ),
      /src\/worker\.ts uses the name pgReceipts for something else/,
    ],
  ])('%s', async (name, files, why) => {
    await expectRefused(shelf.write(name.replace(/\W/g, '-'), files), why, true);
  });

  it('says which activities there are where none is sure to act, and where one is not there', async () => {
    const activities =
      'export async function one(a: string) { return a; }\nexport async function other() {}\n';
    const project = shelf.write('which', { ...hello, 'src/activities.ts': activities });
    await expectRefused(project, /Name one with --activity: one, other\n/, true);
    await expectRefused(
      project,
      /registers an activity greet, but these: one, other\n/,
      true,
      '--activity',
      'greet',
    );
  });

  it('changes no file where one of several is not understood', async () => {
    const odd = `import { bundleWorkflowCode } from '@temporalio/worker';\nexport const bundle = () => bundleWorkflowCode({ workflowsPath: 'w' });\n`;
    const project = shelf.write('one-of-two', { ...bundled, 'src/scripts/bundle.ts': odd });
    await expectRefused(project, /src\/scripts\/bundle\.ts:2: nothing can come before/, true);
  });
});

describe('a file that must not be written', () => {
  it('is read-only', async () => {
    const project = shelf.write('read-only', hello);
    chmodSync(project.path('package.json'), 0o444);
    const { code, err } = await project.init('--yes');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/package\.json is read-only\.\n$/) as string,
    });
    expect(project.changed()).toEqual([]);
  });

  it('is a link', async () => {
    const project = shelf.write('link', hello);
    renameSync(project.path('package.json'), project.path('real.json'));
    symlinkSync('real.json', project.path('package.json'));
    const { code, err } = await project.init('--yes');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/package\.json is a link/) as string,
    });
    expect(project.changed()).toEqual([]);
  });

  it('is not looked for behind links', async () => {
    const project = shelf.write('linked-worker', {
      'package.json': manifest(),
      'elsewhere/package.json': manifest(),
    });
    const other = shelf.write('elsewhere', javaScript);
    symlinkSync(other.path('src'), project.path('src'));
    const { code, err } = await project.init('--yes');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/No file here makes a worker/) as string,
    });
    expect(other.changed()).toEqual([]);
  });

  const changeOf = (project: Project, name: string): Change => ({
    ...{ path: project.path(name), before: project.read(name), insertions: [{ at: 0, text: '//\n' }] },
  });

  it('has been changed meanwhile', () => {
    const project = shelf.write('changed', options);
    const changes = ['src/activities.ts', 'src/worker.ts'].map((name) => changeOf(project, name));
    writeFileSync(project.path('src/worker.ts'), 'other');
    expect(() => writeAll(changes)).toThrow(/worker\.ts has been changed meanwhile/);
    expect(project.changed()).toEqual(['src/worker.ts']);
  });

  it('takes all back when one of them cannot be written', () => {
    const project = shelf.write('half', options);
    const changes = ['src/activities.ts', 'src/worker.ts'].map((name) => changeOf(project, name));
    const inTheWay = project.path(`src/.worker.ts.${process.pid}.tmp`);
    writeFileSync(inTheWay, '');
    expect(() => writeAll(changes)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(project.changed()).toEqual([]);
    expect(existsSync(project.path(`src/.activities.ts.${process.pid}.tmp`))).toBe(false);
  });

  it('is not UTF-8', () => {
    const project = shelf.write('latin', options);
    writeFileSync(project.path('src/worker.ts'), Buffer.from('// \xe9\n', 'latin1'));
    expect(() => writeAll([changeOf(project, 'src/worker.ts')])).toThrow(/is not UTF-8/);
  });

  it('has several insertions at one place in their order', () => {
    const insertions = [
      { at: 1, text: 'x' },
      { at: 0, text: 'w' },
      { at: 1, text: 'y' },
    ];
    expect(after({ before: 'ab', insertions })).toBe('waxyb');
  });
});
