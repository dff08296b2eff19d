/** The command that failures name, as a shell reads it. */
import { spawnSync } from 'node:child_process';

import { showCommand } from '../../src/core';

const words = (command: string): string[] => {
  const script = `activity-guard() { printf '%s\\0' "$@"; }\n${command}`;
  // A name with a dash is no function in every shell.
  const { stdout } = spawnSync('sh', ['-c', script.replaceAll('activity-guard', 'activity_guard')], {
    encoding: 'utf8',
  });
  return stdout.split('\0').slice(0, -1);
};

it.each([
  'order:1',
  "it's",
  "'",
  "''; touch /tmp/x; '",
  '$(id) `id` "$HOME" \\ \\\\ ! * ?',
  'two\nlines\tand a tab',
  'ünïcode → ✓',
])('the command that shows %j hands a shell exactly that', (requestId) => {
  expect(words(showCommand(requestId))).toEqual(['show', requestId]);
});

it('takes no request id for an option', () => {
  expect(words(showCommand('--json'))).toEqual(['show', '--', '--json']);
});
