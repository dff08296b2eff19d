/** The examples run as they are told to be run, and say what they promise. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { databaseUrl } from '../support/scratch-schema';

/** What an example prints. */
const examples: Record<string, readonly string[]> = {
  decorator: ['first call: invoice 7 sent to C123', 'retry:      invoice 7 sent to C123', 'e-mails sent: 1'],
  postgres: [
    'the first process charged, and was killed: 1 charge',
    'retry: unknown, so nothing was run',
    'retry with a probe: dedup_same_request_id',
    'charges: 1',
  ],
};

it.each(Object.entries(examples))('the example %s', async (name, expected) => {
  const script = resolve(__dirname, '../../examples/tools', `${name}.js`);
  const env = { ...process.env, DATABASE_URL: databaseUrl(), NODE_ENV: '' };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  expect(stdout.trim().split('\n')).toEqual(expected);
});
