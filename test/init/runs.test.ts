/** A project to which `init` added the guard, as a worker that runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

import { Client, Connection } from '@temporalio/client';
import { Client as Postgres } from 'pg';
import ts from 'typescript';

import { runCli } from '../support/cli-process';
import { databaseUrl } from '../support/scratch-schema';
import { Shelf, type Project } from './projects';
import { hello } from './shapes';

/** Each run reads the types of the SDK. */
jest.setTimeout(180_000);

const database = `init_${randomUUID().replaceAll('-', '')}`;
const taskQueue = randomUUID();
let shelf: Shelf;
let child: ChildProcess | undefined;

const url = (): string => Object.assign(new URL(databaseUrl()), { pathname: `/${database}` }).href;

async function onServer(sql: string): Promise<void> {
  const client = new Postgres({ connectionString: databaseUrl() });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

beforeAll(async () => {
  shelf = new Shelf();
  await onServer(`create database ${database}`);
});
afterAll(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await onServer(`drop database ${database} with (force)`);
  shelf.remove();
});

/** As the project's own build would. */
function compile(project: Project): void {
  for (const name of ['activities', 'workflows', 'worker']) {
    const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
    const { outputText } = ts.transpileModule(project.read(`src/${name}.ts`), { compilerOptions: options });
    writeFileSync(join(project.folder, 'src', `${name}.js`), outputText);
  }
}

it('migrates, guards the activity, keeps a receipt, and ends when it is told to', async () => {
  const project = shelf.write('runs', hello);
  expect((await project.init('--yes')).code).toBe(0);
  compile(project);
  const env = { ...process.env, DATABASE_URL: url(), TASK_QUEUE: taskQueue };
  child = spawn(process.execPath, ['src/worker.js'], {
    cwd: project.folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'exit');

  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' });
  const client = new Client({ connection, namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default' });
  const workflowId = randomUUID();
  const result = client.workflow.execute('work', {
    workflowId,
    taskQueue,
    args: ['Ann'],
    workflowExecutionTimeout: '50s',
  });
  const early = ended.then(([code]) => Promise.reject(new Error(`the worker ended with ${code}: ${said}`)));
  expect(await Promise.race([result, early])).toBe('Hello, Ann!');
  await connection.close();

  const listed = await runCli(['list', '--json', '--database-url', url()]);
  expect(JSON.parse(listed.out)).toEqual([
    expect.objectContaining({ action: 'greet', state: 'committed', policy: 'hold' }),
  ]);
  early.catch(() => undefined);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
