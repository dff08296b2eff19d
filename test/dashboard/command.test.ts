/** `activity-guard dashboard` as a process. */
import { request } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runCli } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { startServing, stop } from '../support/serving';
import { token } from './world';

let scratch: ScratchSchema;
const folder = mkdtempSync(join(tmpdir(), 'activity-guard-test-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
beforeAll(async () => {
  scratch = await scratchSchema();
});
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

const good = file('token', `${token}\n`);
const tokenVariable = 'ACTIVITY_GUARD_DASHBOARD_TOKEN';

describe('activity-guard dashboard', () => {
  it.each([
    ['a short token', ['--token-file', file('short', 'fifteen-letters')], {}, /less than 16 characters/],
    ['a token with spaces', [], { [tokenVariable]: 'a token with some spaces in it' }, /or spaces/],
    ['no file', ['--token-file', join(folder, 'none')], {}, /cannot be read \(ENOENT\)/],
    ['the network without signing in', ['--host', '0.0.0.0'], {}, /everybody would read the receipts/],
    ['two ways to sign in', ['--token-file', good, '--trust-header', 'X-User'], {}, /not both/],
    ['no name of a header', ['--trust-header', 'X User'], {}, /name of a header/],
    ['a link to nowhere', ['--provider-link', 'https://dash.example/'], {}, /does not hold \{requestId\}/],
    ['an address that is none', ['--ui', 'javascript:alert(1)'], {}, /http or https URL/],
  ])('refuses %s before anything happens', async (_, args, env, words) => {
    const { code, err, out } = await runCli(['dashboard', '--schema', scratch.schema, ...args], { env });
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(words);
    expect(err).not.toMatch(/fifteen-letters|a token with/);
  });

  it('its options go with it alone', async () => {
    expect(await runCli(['list', '--token-file', good])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/goes with dashboard/),
    });
  });

  it('serves on this machine until it is told to end, in one namespace, and prints no token', async () => {
    const args = ['--schema', scratch.schema, '--namespace', 'shop'];
    const serving = await startServing(args, { [tokenVariable]: token }, 'dashboard');
    try {
      expect(serving.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      const page = await fetch(serving.url);
      expect([page.status, (await page.text()).includes('<bdi>shop</bdi>')]).toEqual([200, true]);
      expect(await statusAs(serving.url, 'attacker.example')).toBe(403);
    } finally {
      expect(await stop(serving)).toBe(0);
    }
    expect(serving.printed()).not.toContain(token);
  });

  it('does not start without its tables', async () => {
    const { code, err } = await runCli(['dashboard', '--schema', 'nothing_here']);
    expect([code, err]).toEqual([1, expect.stringContaining('migrate')]);
  });
});

const statusAs = (url: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
