/** Guarded tools in an application of ES modules. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

it('works with the frameworks as ES modules import them', async () => {
  const program = join(__dirname, '../support/es-modules-process.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', program]);
  const result = (n: number, refusal: string) => [
    `sent ${n}`,
    `sent ${n}`,
    expect.stringMatching(refusal),
    'done',
  ];
  expect(JSON.parse(stdout)).toEqual({
    sent: ['a', 'b', 'c'],
    openai: result(1, 'valid JSON'),
    langchain: result(2, 'expected schema'),
    ai: result(3, 'Invalid input'),
  });
});
