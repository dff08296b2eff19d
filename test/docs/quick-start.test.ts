/** The quick start, run as its page says: a worker, and a client in another process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { startTestStack, type TestStack } from 'activity-guard/testing';

const folder = resolve(__dirname, '../../examples/snippets/quick-start');
let stack: TestStack;
const children: ChildProcess[] = [];

beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stack.stop();
});

/** A program of the page, and what it has printed. */
function start(name: string) {
  const env = { ...process.env, DATABASE_URL: stack.databaseUrl, TEMPORAL_ADDRESS: stack.temporalAddress };
  const child = spawn(process.execPath, [`${folder}/${name}.js`], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const printed = { text: '', errors: '' };
  child.stdout.on('data', (chunk) => (printed.text += String(chunk)));
  child.stderr.on('data', (chunk) => (printed.errors += String(chunk)));
  return { child, printed };
}

it('pays once, although the first answer is lost after the charge', async () => {
  const worker = start('worker');
  const client = start('client');
  const [code] = (await once(client.child, 'exit')) as [number];
  expect({ code, ...client.printed }).toEqual({ code: 0, text: 'order 42 was paid as ch_1\n', errors: '' });
  expect(worker.printed.text.match(/charged .*/g)).toEqual(['charged 2000 cents as ch_1']);
});
