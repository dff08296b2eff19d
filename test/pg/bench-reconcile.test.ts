import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(__dirname, '../../bench/reconcile.js'), ...args]);

describe('npm run bench:reconcile', () => {
  it('finds out as many outcomes as it filled in, more than one batch of them', async () => {
    const { stdout } = await run('--rows', '450', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{
        rows: 450,
        wrong: [],
        counts: { looked: 450, committed: 112, released: 113, open: 225, failed: 0 },
      },
    });
  });

  it('refuses what is no number of rows', async () => {
    await expect(run('--rows', 'many')).rejects.toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(/--rows takes a whole number/) },
    });
  });
});
