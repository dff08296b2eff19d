/**
 * A CrewAI crew in Python that charges an order, and is run again with other words: `node dist/examples/tools/crewai.js`.
 * The first run claims through the MCP server, the second through the HTTP service, over the same receipts.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';

import { runCommand } from '../../src/testing/command';
import { pythonEnvironment } from '../../test/support/python-environment';
import { startReaper, type Reaper } from '../../src/testing/reaper';
import { run, withDatabase, type Database } from './database';

const folder = resolve(__dirname, '../../../examples/tools/crewai');
const cli = resolve(__dirname, '../../src/cli/main.js');
const key = 'a-key-of-this-example';
const crewLimitMs = 120_000;

/** The provider: books every charge that it is asked for. */
async function startProvider() {
  let charges = 0;
  const server = createServer((_request, response) => {
    response.end(JSON.stringify({ id: `ch_${++charges}` }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    charges: () => charges,
    stop: () => server.close().closeAllConnections(),
  };
}

/** `activity-guard serve`, until the reaper ends it. */
async function serve(reaper: Reaper, { url, schema }: Database): Promise<string> {
  const child = reaper.spawn(process.execPath, [cli, 'serve', '--json', '--schema', schema], {
    ...{ stdio: ['ignore', 'pipe', 'inherit'], stopSignal: 'SIGTERM' },
    env: { ...process.env, DATABASE_URL: url, ACTIVITY_GUARD_KEYS: `default ${key}` },
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('activity-guard serve ended')));
  const [line] = (await Promise.race([once(child.stdout ?? child, 'data'), ended])) as [Buffer];
  ended.catch(() => undefined);
  return (JSON.parse(line.toString()) as { url: string }).url;
}

async function example(python: string, database: Database, reaper: Reaper): Promise<void> {
  const { url, schema } = database;
  const provider = await startProvider();
  try {
    const mcp = {
      command: [process.execPath, cli, 'mcp', '--schema', schema],
      env: { DATABASE_URL: url },
    };
    const http = { url: await serve(reaper, database), key };
    // CrewAI keeps files in the home folder.
    const env = {
      ...process.env,
      HOME: reaper.makeFolder('activity-guard-crewai-'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const kickOff = async (guard: object, note: string): Promise<string> => {
      const told = { guard, provider: provider.url, turns: [{ order: '42', cents: 500, note }] };
      const args = [join(folder, 'crew.py'), JSON.stringify(told)];
      const out = await runCommand(python, args, { limitMs: crewLimitMs, reaper, spawn: { env } });
      return (JSON.parse(out.trim().split('\n').at(-1) ?? '') as string[]).join(' | ');
    };
    console.log(`first call: ${await kickOff(mcp, 'Please charge order 42')}`);
    console.log(`retry:      ${await kickOff(http, 'Order 42 is still to be charged')}`);
    console.log(`effects: ${provider.charges()}, intents: 1`);
  } finally {
    provider.stop();
  }
}

run(async () => {
  const found = pythonEnvironment(join(folder, 'requirements.txt'));
  if ('missing' in found) return console.log(`skipped: ${found.missing}`);
  const reaper = startReaper();
  try {
    await withDatabase((database) => example(found.python, database, reaper));
  } finally {
    await reaper.finish();
  }
});
