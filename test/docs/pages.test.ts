/** Pages that list what is somewhere else list all of it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const read = (file: string): string => readFileSync(resolve(__dirname, '../../../docs', file), 'utf8');

it('the operations page says what to do about every alert, and no other', () => {
  const alerts = [...read('prometheus-alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const rows = [...read('operations.md').matchAll(/^\| `(ActivityGuard\w+)` \|/gm)].map(([, name]) => name);
  expect(alerts.length).toBeGreaterThan(0);
  expect(rows).toEqual(alerts);
});

it('the glossary is in the order of the alphabet', () => {
  const words = [...read('glossary.md').matchAll(/^\| ([a-z -]+) \|/gm)]
    .map(([, word = '']) => word)
    .slice(1);
  expect(words.length).toBeGreaterThan(30);
  expect(words).toEqual([...words].sort());
});
