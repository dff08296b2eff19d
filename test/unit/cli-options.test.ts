import { parse, usage, UsageError } from '../../src/cli/options';

describe('the command line', () => {
  it('takes each command with its options', () => {
    expect(parse(['migrate', '--json'])).toMatchObject({
      command: 'migrate',
      requestId: '',
      limit: 100,
      values: { json: true },
    });
    expect(parse(['list', '--unresolved', '--limit', '5'])).toMatchObject({
      command: 'list',
      limit: 5,
      values: { unresolved: true },
    });
    expect(
      parse(['show', 'invoice:42', '--namespace', 'n', '--schema=s', '--database-url', 'u']),
    ).toMatchObject({
      ...{ command: 'show', requestId: 'invoice:42' },
      values: { namespace: 'n', schema: 's', 'database-url': 'u' },
    });
    expect(parse(['resolve', 'id', '--committed', '--result', '{}', '--reason', 'r'])).toMatchObject({
      ...{ command: 'resolve', requestId: 'id' },
      values: { committed: true, 'not-committed': false, result: '{}', reason: 'r' },
    });
    expect(parse(['--not-committed', 'resolve', 'id', '--reason', 'r'])).toMatchObject({
      command: 'resolve',
      values: { 'not-committed': true },
    });
    expect(parse(['stats'])).toMatchObject({ command: 'stats' });
    expect(parse(['mcp', '--namespace', 'agents'])).toMatchObject({ command: 'mcp' });
    expect(parse(['supersede', 'id', '--reason', 'again'])).toMatchObject({ requestId: 'id' });
    expect(parse(['show', '--workflow', 'order-42'])).toMatchObject({ requestId: '', resetTo: undefined });
    expect(parse(['show', '--workflow', 'w', '--run', 'r', '--reset-to', '9'])).toMatchObject({
      ...{ command: 'show', requestId: '', resetTo: 9, values: { workflow: 'w', run: 'r' } },
    });
    expect(parse(['report', '-', '--action', 'charge', '--until', '2026-01-01'])).toMatchObject({
      ...{ command: 'report', requestId: '', file: '-' },
      values: { action: 'charge', until: '2026-01-01' },
    });
    expect(parse(['prune', '--older-than', '90d'])).toMatchObject({ olderThanMs: 90 * 86_400_000 });
    expect(parse(['serve', '--keys', 'f', '--port', '8080'])).toMatchObject({
      ...{ command: 'serve', port: 8080, values: { keys: 'f', host: '127.0.0.1' } },
    });
  });

  it('takes request ids that look like options after --', () => {
    expect(parse(['show', '--', '--id'])).toMatchObject({ requestId: '--id' });
  });

  it.each([['--help'], ['-h'], ['help'], ['list', '--help']])('gives help at %p', (...argv) => {
    expect(parse(argv)).toBe('help');
  });

  it('names every command and option in its help', () => {
    for (const word of [
      'migrate',
      'list',
      'show',
      'resolve',
      'supersede',
      'reconcile',
      'prune',
      'stats',
      'report',
      'serve',
      'mcp',
    ])
      expect(usage).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
    for (const option of [
      'unresolved',
      'limit',
      'committed',
      'not-committed',
      'result',
      'reason',
      'older-than',
      'workflow',
      'run',
      'reset-to',
      'probes',
      'no-temporal',
      'action',
      'action-column',
      'id-column',
      'status-column',
      'success',
      'since',
      'until',
      'database-url',
      'schema',
      'namespace',
      'json',
      'keys',
      'host',
      'port',
    ]) {
      expect(usage).toContain(`--${option}`);
    }
  });

  it.each([
    [[], /which command/],
    [[''], /no command ''/],
    [['toString'], /no command 'toString'/],
    [
      ['lisst'],
      /no command 'lisst' \(migrate, list, show, resolve, supersede, reconcile, prune, stats, report, serve, dashboard, mcp\)/,
    ],
    [['list', 'more'], /no further words/],
    [['migrate', '-x'], /-x/],
    [['list', '--nope'], /--nope/],
    [['list', '--limit'], /--limit/],
    [['list', '--json=yes'], /--json/],
    [['show'], /show takes one request id/],
    [['show', 'a', 'b'], /show takes one request id/],
    [['show', 'id', '--workflow', 'w'], /either a request id or --workflow/],
    [['list', '--probes', 'probes.js'], /--probes goes with reconcile/],
    [['show', '--workflow', ''], /take an id/],
    [['show', '--workflow', 'w', '--run', ''], /take an id/],
    [['show', 'id', '--run', 'r'], /go with show --workflow/],
    [['show', 'id', '--reset-to', '4'], /go with show --workflow/],
    [['list', '--workflow', 'w'], /--workflow goes with show/],
    ...['0', '-4', '4.5', '4x', '', '1e3', '9999999999'].map((event): [string[], RegExp] => [
      ['show', '--workflow', 'w', `--reset-to=${event}`],
      /--reset-to takes the number of an event/,
    ]),
    [['resolve', '--committed'], /resolve takes one request id/],
    [['supersede'], /supersede takes one request id/],
    [['prune'], /--older-than with a unit/],
    // Milliseconds: nearly everything would be pruned.
    [['prune', '--older-than', '90'], /--older-than with a unit/],
    [['prune', '--older-than', 'ninety days'], /not a duration/],
    [['resolve', 'id'], /one of --committed, --not-committed and --compensated/],
    [
      ['resolve', 'id', '--committed', '--not-committed'],
      /one of --committed, --not-committed and --compensated/,
    ],
    [
      ['resolve', 'id', '--not-committed', '--result', '{}', '--reason', 'r'],
      /--result goes with --committed/,
    ],
    [['list', '--keys', 'f'], /go with serve/],
    [['list', '--port', '80'], /go with serve/],
    [['serve', 'more'], /no further words/],
    [['serve', '--namespace', 'n'], /from the API keys/],
    ...['65536', '-1', '8o', ''].map((port): [string[], RegExp] => [
      ['serve', `--port=${port}`],
      /--port takes a number/,
    ]),
    [['report'], /report takes one file/],
    [['report', 'a.csv', 'b.csv', '--action', 'a'], /report takes one file/],
    [['report', 'a.csv'], /--action, or --action-column/],
    [['report', 'a.csv', '--action', ''], /--action takes a value/],
    [['report', 'a.csv', '--action', 'a', '--success', 'paid'], /go together/],
    [['report', 'a.csv', '--action', 'a', '--status-column', 's'], /go together/],
    ...['yesterday', '2026-02-30T', '2026-01-01T00:00:00', '2026-13-01', '1767225600'].map(
      (since): [string[], RegExp] => [
        ['report', 'a.csv', '--action', 'a', '--since', since],
        /--since takes a time with its zone/,
      ],
    ),
    [
      ['report', 'a.csv', '--action', 'a', '--since', '2026-01-02', '--until', '2026-01-02'],
      /not before --until/,
    ],
    [['list', '--action', 'charge'], /--action goes with report/],
    ...['0', '-1', '1.5', 'x', '', '100001', 'Infinity'].map((limit): [string[], RegExp] => [
      ['list', `--limit=${limit}`],
      /whole number from 1 to 100000/,
    ]),
  ])('refuses %p', (argv, message) => {
    expect(() => parse(argv)).toThrow(UsageError);
    expect(() => parse(argv)).toThrow(message);
  });
});
