/** The completions, by the shells that are there. */
import { spawnSync } from 'node:child_process';

import { commands } from '../../src/cli/commands';
import { optionsOf } from '../../src/cli/definition';
import { runCli } from '../support/cli-process';

const script = async (shell: string): Promise<string> => {
  const { code, out, err } = await runCli(['completion', shell]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
};

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What bash offers for the last of these words, as it splits them. */
function offered(source: string, ...words: string[]): string[] {
  const complete = `
    source /dev/stdin <<'SCRIPT'\n${source}\nSCRIPT
    COMP_WORDS=(activity-guard "$@"); COMP_CWORD=$#
    complete -p activity-guard >/dev/null || exit 3
    _activity_guard
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', complete, 'bash', ...words], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it('of bash completes commands, options and values', async () => {
    const source = await script('bash');
    expect(spawnSync('bash', ['-n'], { input: source }).status).toBe(0);
    expect(offered(source, '')).toEqual([...commands.map(({ name }) => name), 'help', '--help']);
    expect(offered(source, 're')).toEqual(['resolve', 'reconcile', 'report']);
    for (const definition of commands)
      expect(offered(source, definition.name, '--')).toEqual([
        ...Object.keys(optionsOf(definition)).map((name) => `--${name}`),
        '--help',
      ]);
    expect(offered(source, 'list', '--state', 'c')).toEqual(['claimed', 'committed', 'contested']);
    expect(offered(source, 'list', '--state', '=', 'un')).toEqual(['unknown']);
    expect(offered(source, 'list', '--state', '=')).toContain('unknown');
    expect(offered(source, '--json', 'list', '--unr')).toEqual(['--unresolved']);
    expect(offered(source, 'completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    // Files: those of bash itself, where the script offers nothing.
    expect(offered(source, 'reconcile', '--probes', '')).toEqual([]);
    expect(source).toContain('complete -o default -F _activity_guard activity-guard\n');
  });

  it.each(['zsh', 'fish'])('of %s names every command and option', async (shell) => {
    const source = await script(shell);
    for (const definition of commands) {
      expect(source).toContain(definition.name);
      for (const option of Object.keys(optionsOf(definition)))
        expect(source).toContain(shell === 'fish' ? ` -l ${option} ` : `'--${option}[`);
    }
    // Both take a script without running it; where the shell is not there, only the text above is looked at.
    if (has(shell)) expect(spawnSync(shell, ['-n', '/dev/stdin'], { input: source }).status).toBe(0);
  });
});
