import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { commands } from '../../src/cli/commands';
import { optionsOf } from '../../src/cli/definition';
import { parse, type Invocation } from '../../src/cli/program';
import { UsageError } from '../../src/cli/usage-error';

/** What is understood of a command line. */
function understood(...argv: string[]) {
  const { definition, common, given, argument } = parse(argv) as Invocation;
  return { command: definition.name, argument, given, common };
}

const helpOf = (...argv: string[]): string => (parse(argv) as { help: string }).help;

/** The words of an example, as a shell makes them. */
const wordsOf = (line: string): string[] =>
  [...(/^(.*?)(?: [|>] .*)?$/.exec(line)?.[1] ?? '').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );

const token = ['--token', '1.unknown.0', '--reason', 'r'];

describe('the command line', () => {
  it('takes each command with its options', () => {
    expect(understood('migrate', '--json')).toMatchObject({
      ...{ command: 'migrate', argument: '', common: { json: true } },
    });
    expect(understood('list', '--unresolved', '--limit', '5')).toMatchObject({
      ...{ command: 'list', given: { limit: 5, unresolved: true, state: undefined } },
    });
    expect(understood('list')).toMatchObject({ given: { limit: 100, unresolved: false } });
    expect(
      understood('show', 'invoice:42', '--namespace', 'n', '--schema=s', '--database-url', 'u'),
    ).toMatchObject({
      ...{ command: 'show', argument: 'invoice:42' },
      common: { namespace: 'n', schema: 's', 'database-url': 'u' },
    });
    expect(understood('resolve', 'id', '--committed', '--result', '{}', ...token)).toMatchObject({
      argument: 'id',
      given: { committed: true, 'not-committed': false, result: { format: 'json' }, reason: 'r' },
    });
    expect(understood('resolve', '--not-committed', 'id', ...token)).toMatchObject({
      ...{ argument: 'id', given: { 'not-committed': true, committed: false, 'no-temporal': false } },
    });
    expect(understood('supersede', 'id', ...token, '--no-temporal')).toMatchObject({
      given: { token: { epoch: 1, seen: { state: 'unknown', evidence: 0 } }, 'no-temporal': true },
    });
    expect(understood('show', '--workflow', 'w', '--run', 'r', '--reset-to', '9')).toMatchObject({
      ...{ argument: '', given: { workflow: 'w', run: 'r', 'reset-to': 9 } },
    });
    expect(understood('report', '-', '--action', 'charge', '--until', '2026-01-01')).toMatchObject({
      ...{ argument: '-', given: { action: 'charge', until: '2026-01-01T00:00:00.000Z' } },
    });
    expect(understood('prune', '--older-than', '90d')).toMatchObject({
      given: { 'older-than': 90 * 86_400_000 },
    });
    expect(understood('prune', '--results-older-than', '30d', '--larger-than', '10kB')).toMatchObject({
      given: { 'results-older-than': 30 * 86_400_000, 'larger-than': 10_000 },
    });
    expect(understood('serve', '--keys', 'f', '--port', '8080')).toMatchObject({
      given: { keys: 'f', port: 8080 },
    });
  });

  it('takes what all commands have before the command, too', () => {
    expect(understood('--json', '--namespace', 'n', 'stats', '--namespace', 'm')).toMatchObject({
      common: { json: true, namespace: 'm' },
    });
  });

  it('takes request ids that look like options after --', () => {
    expect(understood('show', '--', '--id')).toMatchObject({ argument: '--id' });
  });

  it('takes how long ago as a time', () => {
    const { since } = understood('list', '--since', '2h').given as { since: string };
    expect(Date.now() - Date.parse(since) - 7_200_000).toBeLessThan(60_000);
    expect(Date.now() - Date.parse(since) - 7_200_000).toBeGreaterThanOrEqual(0);
  });

  it.each([['--help'], ['-h'], ['help']])('gives help at %p', (...argv) => {
    for (const { name, summary } of commands)
      expect(helpOf(...argv)).toMatch(new RegExp(`^  ${name}\\b.*${summary.slice(0, 12)}`, 'm'));
    expect(helpOf(...argv)).toMatch(/Exit codes: 0 /);
  });

  describe.each(commands.map((definition) => [definition.name, definition] as const))(
    '%s',
    (name, definition) => {
      it('names all its options in its help, and what each takes', () => {
        const help = helpOf(name, '--help').replace(/\s+/g, ' ');
        expect(helpOf('help', name)).toBe(helpOf(name, '--help'));
        for (const [option, { takes, choices = [] }] of Object.entries(optionsOf(definition))) {
          expect(help).toContain(takes === undefined ? `--${option} ` : `--${option} <${takes}>`);
          for (const choice of choices) expect(help).toContain(choice);
        }
      });

      it('shows an example in its help, and takes it', () => {
        expect(definition.examples.length).toBeGreaterThan(0);
        for (const example of definition.examples) {
          expect(helpOf(name, '--help')).toContain(`\n  activity-guard ${example}\n`);
          expect(understood(...wordsOf(example))).toMatchObject({ command: name });
        }
      });

      it('refuses an option of another command, and says whose it is', () => {
        const own = optionsOf(definition);
        const foreign = commands
          .flatMap(({ options }) => Object.keys(options))
          .filter((option) => !(option in own));
        for (const option of foreign)
          expect(() => parse([name, `--${option}`])).toThrow(new RegExp(`^--${option} goes with [a-z, ]+$`));
      });
    },
  );

  it.each([
    [[], /which command/],
    [[''], /unknown command ''/],
    [['toString'], /unknown command 'toString'/],
    [['lisst'], /unknown command 'lisst' \(Did you mean list\?\)/],
    [['list', 'more'], /too many arguments for 'list'/],
    [['migrate', '-x'], /-x/],
    [['list', '--nope'], /--nope/],
    [['list', '--limit'], /--limit/],
    [['list', '--limti', '5'], /unknown option '--limti' \(Did you mean --limit\?\)/],
    [['list', '--action', '--json'], /--action takes a value/],
    [['list', '--json=yes'], /--json/],
    [['show'], /show takes one request id/],
    [['show', 'a', 'b'], /too many arguments for 'show'/],
    [['show', 'id', '--workflow', 'w'], /either a request id or --workflow/],
    [['list', '--probes', 'probes.js'], /--probes goes with reconcile/],
    [['show', '--workflow', ''], /--workflow takes a value/],
    [['show', '--workflow', 'w', '--run', ''], /--run takes a value/],
    [['show', 'id', '--run', 'r'], /go with show --workflow/],
    [['show', 'id', '--reset-to', '4'], /go with show --workflow/],
    ...['0', '-4', '4.5', '4x', '1e3', '9999999999'].map((event): [string[], RegExp] => [
      ['show', '--workflow', 'w', `--reset-to=${event}`],
      /--reset-to takes the number of an event/,
    ]),
    [['resolve', '--committed'], /missing required argument 'request id'/],
    [['supersede'], /missing required argument 'request id'/],
    [['prune'], /--older-than with a unit/],
    // Milliseconds: nearly everything would be pruned.
    [['prune', '--older-than', '90'], /--older-than with a unit/],
    [['prune', '--older-than', 'ninety days'], /not a duration/],
    [['prune', '--results-older-than', '30'], /--results-older-than with a unit/],
    [
      ['prune', '--results-older-than', '30d', '--larger-than', '10'],
      /--larger-than with a unit \(B, kB, MB\)/,
    ],
    [['prune', '--older-than', '90d', '--larger-than', '1MB'], /goes with --results-older-than/],
    [['resolve', 'id'], /one of --committed, --not-committed and --compensated/],
    [
      ['resolve', 'id', '--committed', '--not-committed'],
      /one of --committed, --not-committed and --compensated/,
    ],
    [
      ['resolve', 'id', '--not-committed', '--result', '{}', '--reason', 'r'],
      /--result goes with --committed/,
    ],
    [['list', '--keys', 'f'], /--keys goes with serve/],
    [['list', '--port', '80'], /--port goes with serve/],
    [['serve', '--token-file', 'f'], /--token-file goes with dashboard/],
    [['reconcile', '--metrics', '9464'], /--metrics goes with --watch/],
    [['serve', '--metrics', '0.0.0.0'], /the port of --metrics takes a number/],
    [['serve', '--metrics', 'host:65536'], /the port of --metrics takes a number/],
    [['serve', 'more'], /too many arguments for 'serve'/],
    [['serve', '--namespace', 'n'], /from the API keys/],
    ...['65536', '-1', '8o'].map((port): [string[], RegExp] => [
      ['serve', `--port=${port}`],
      /--port takes a number/,
    ]),
    [['report'], /missing required argument 'file'/],
    [['report', 'a.csv', 'b.csv', '--action', 'a'], /too many arguments for 'report'/],
    [['report', 'a.csv'], /--action, or --action-column/],
    [['report', 'a.csv', '--action', ''], /--action takes a value/],
    [['report', 'a.csv', '--action', 'a', '--success', 'paid'], /go together/],
    [['report', 'a.csv', '--action', 'a', '--status-column', 's'], /go together/],
    ...['yesterday', '2026-02-30T', '2026-01-01T00:00:00', '2026-13-01', '1767225600', '2 fortnights'].map(
      (since): [string[], RegExp] => [
        ['report', 'a.csv', '--action', 'a', '--since', since],
        /--since takes a time with its zone/,
      ],
    ),
    [
      ['report', 'a.csv', '--action', 'a', '--since', '2026-01-02', '--until', '2026-01-02'],
      /not before --until/,
    ],
    [['completion'], /missing required argument 'shell'/],
    [['completion', 'csh'], /completion takes one of bash, zsh, fish/],
    [['completion', 'bash', '--schema', 's'], /unknown option '--schema'/],
    [['list', '--since', '2026-01-02', '--until', '2026-01-02'], /not before --until/],
    ...['0', '-1', '1.5', 'x', '100001', 'Infinity'].map((limit): [string[], RegExp] => [
      ['list', `--limit=${limit}`],
      /whole number from 1 to 100000/,
    ]),
  ])('refuses %p', (argv, message) => {
    expect(() => parse(argv)).toThrow(UsageError);
    expect(() => parse(argv)).toThrow(message);
  });
});

describe('docs/cli.md', () => {
  const docs = readFileSync(resolve(__dirname, '../../../docs/cli.md'), 'utf8');

  it.each(commands.map(({ name, options }) => [name, Object.keys(options)] as const))(
    'names %s and all its options',
    (name, options) => {
      const rows = docs.split('\n').filter((line) => new RegExp('^\\| `' + name + '[ `]').test(line));
      const named = [...rows.join().matchAll(/[` ]--([a-z-]+)/g)].map(([, option]) => option);
      const expected = name === 'export' ? ['limit'] : options;
      expect([...new Set(named)].sort()).toEqual([...expected].sort());
    },
  );
});
