import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { bundleWorkflowCode } from '@temporalio/worker';

import { quiet } from '../support/quiet';

let folder: string;
beforeAll(async () => {
  // Beside this file, so that the SDK's own modules are found from there.
  folder = await mkdtemp(join(__dirname, 'entries-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const root = resolve(__dirname, '../../src');

async function tryToBundle(name: string, modules: readonly string[]): Promise<'bundled' | 'refused'> {
  const workflowsPath = join(folder, `${name}.js`);
  await writeFile(
    workflowsPath,
    modules.map((module) => `exports.${name} = require(${JSON.stringify(join(root, module))});`).join('\n'),
  );
  return bundleWorkflowCode({ workflowsPath, logger: quiet }).then(
    () => 'bundled',
    () => 'refused',
  );
}

describe('the workflow entries', () => {
  it('bundle alone, without any Node module', async () => {
    const entries = ['index', 'interceptors', 'outcomes', 'outcomes-interceptors', 'tools'];
    expect(
      await tryToBundle(
        'good',
        entries.map((entry) => `temporal/workflow/${entry}`),
      ),
    ).toBe('bundled');
  });

  it.each(['stores/pg', 'temporal/worker/index', 'temporal/activity/index'])(
    '%s does not bundle (so the test above can fail)',
    async (entry) => {
      expect(await tryToBundle('bad', [entry])).toBe('refused');
    },
  );
});
