import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { roomProblem } from '../../bench/scale/sizes';

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(__dirname, '../../bench/scale/main.js'), ...args]);

describe('npm run bench:scale', () => {
  // Mutation: a key that is computed otherwise in the fill: its replays run the effect, and the counts are wrong.
  it('fills the table, calls what it filled in, and finds all of it again', async () => {
    const { stdout } = await run('--rows', '3000', '--quick', '--json');
    const number = expect.any(Number);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ rows: 3000, bytesPerReceipt: number, filled: { rows: 3000, unknown: 30 } },
      claim: { empty: { p50Ms: number, p99Ms: number }, full: { p50Ms: number, p99Ms: number } },
      prune: { rowsPerSecond: number, claimP99MsWhile: number, claimP99MsAlone: number },
    });
  }, 120_000);

  it('refuses what is no number of rows', async () => {
    await expect(run('--rows', 'many')).rejects.toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(/--rows takes a whole number/) },
    });
  });

  it('says what it needs, and how many there is room for, before it starts anything', () => {
    expect(roomProblem(20_000_000, 30e9, '/data')).toBe(
      '20000000 receipts need about 46 GB in /data, where 30 GB are free. ' +
        'Nothing was started: make room, or ask for 11578947 rows at most.',
    );
    expect(roomProblem(20_000_000, 50e9, '/data')).toBeUndefined();
  });
});
