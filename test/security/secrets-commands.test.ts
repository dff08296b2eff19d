/** Secrets planted in receipts, files, options and the environment, and everything that commands and pages show of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Guard, recordEvidence, RejectedError } from '../../src';
import { createDashboard } from '../../src/dashboard';
import { Visitor } from '../dashboard/visitor';
import { token as dashboardToken } from '../dashboard/world';
import { cliMain, runCli, spawnCli } from '../support/cli-process';
import { calling, clientOfScript } from '../support/mcp';
import { clean, planted, secretive, secretiveError, Sinks, told } from '../support/planted-secrets';
import { plantedWorld, refusedAction, type PlantedWorld } from '../support/planted-world';
import { startServing, stop } from '../support/serving';

const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

let world: PlantedWorld;
const action = 'charge';

/** A committed and a rejected receipt, unknown ones, and one that sources spoke of, made by what knows all secrets. */
async function fill(): Promise<void> {
  const guard = new Guard({ receipts: world.pg, leaseFor: '1s', graceFor: 0, waitFor: 0 });
  const charge = (id: string, run: () => unknown): Promise<unknown> =>
    guard
      .execute({
        requestId: `planted:${id}`,
        action,
        payload: secretive,
        redact: () => ({ order: '42' }),
        run,
      })
      .catch((error: unknown) => error);
  await charge('paid', () => secretive);
  await charge('rejected', () => Promise.reject(new RejectedError(told, { details: [secretive] })));
  for (const id of ['unknown', 'evidenced', 'resolved', 'compensated'])
    await charge(id, () => Promise.reject(secretiveError()));
  const evidenced = { requestId: 'planted:evidenced', result: secretive };
  await recordEvidence(world.pg, { ...evidenced, source: 'webhook', verdict: 'committed' });
  await recordEvidence(world.pg, { ...evidenced, source: 'bank', verdict: 'not-committed' });
}

beforeAll(async () => {
  world = await plantedWorld();
  await fill();
}, 30_000);
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

type How = Parameters<typeof runCli>[1];
const env = (): Record<string, string> => ({ DATABASE_URL: world.url, TEMPORAL_ADDRESS: '127.0.0.1:1' });

/** All that a command prints. */
async function printed(args: readonly string[], how: How = {}): Promise<string> {
  const { out, err } = await runCli(args, { ...how, env: { ...env(), ...how.env } });
  return out + err;
}

/** Runs commands, two at a time, and tells which of them tell a secret, or not what they should. */
async function verdictOn(
  commands: Readonly<Record<string, readonly [args: readonly string[], control: string | RegExp, how?: How]>>,
) {
  const sinks = new Sinks();
  const queue = Object.entries(commands);
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [name, [args, , how]] = next;
      sinks.catch(name, await printed(args, how));
    }
  };
  await Promise.all([worker(), worker()]);
  return sinks.verdict(
    Object.fromEntries(Object.entries(commands).map(([name, [, control]]) => [name, control])),
  );
}

const at = (...args: string[]): string[] => [...args, '--schema', world.scratch.schema];

describe('commands', () => {
  it('show receipts without what they were called with and what came of it', async () => {
    const verdict = await verdictOn({
      list: [at('list'), 'planted:paid'],
      'list --json': [at('list', '--json'), 'planted:paid'],
      'list --unresolved': [at('list', '--unresolved'), 'planted:unknown'],
      show: [at('show', 'planted:paid'), 'order'],
      'show rejected': [at('show', 'planted:rejected'), 'planted:rejected'],
      'show evidenced': [at('show', 'planted:evidenced'), 'webhook'],
      'show --json': [at('show', 'planted:evidenced', '--json'), 'webhook'],
      stats: [at('stats'), 'committed'],
      export: [at('export'), 'planted:paid'],
      'audit export': [at('audit', 'export'), /./],
      'audit verify': [at('audit', 'verify'), /./],
      'migrate --print': [at('migrate', '--print', '--workers', 'payments'), 'grant'],
      doctor: [at('doctor', '--no-temporal'), 'database'],
      'doctor --json': [at('doctor', '--no-temporal', '--json'), 'database'],
    });
    expect(verdict).toEqual(clean);
  }, 60_000);

  it('show what a decision did, and not with what result', async () => {
    const tokenOf = async (id: string): Promise<string> =>
      (JSON.parse(await printed(at('show', `planted:${id}`, '--json'))) as { token: string }).token;
    const decide = async (id: string, ...verdict: string[]): Promise<string[]> => [
      ...at('resolve', `planted:${id}`, '--token', await tokenOf(id), '--reason', 'seen'),
      ...['--no-temporal', ...verdict],
    ];
    const result = JSON.stringify(secretive);
    const verdict = await verdictOn({
      resolve: [await decide('resolved', '--committed', '--result', result), 'planted:resolved'],
      compensated: [await decide('compensated', '--compensated', '--json'), 'planted:compensated'],
      'no JSON': [await decide('unknown', '--committed', '--result', `{"card":"${told}`), 'is not JSON'],
    });
    expect(verdict).toEqual(clean);
    const sinks = new Sinks();
    sinks.catch(
      'after it',
      await printed(at('show', 'planted:resolved')),
      await printed(at('audit', 'export')),
    );
    expect(
      sinks.verdict({ 'after it': /operator[^]*planted:resolved|planted:resolved[^]*operator/ }),
    ).toEqual(clean);
  }, 60_000);

  it('report on an export of a provider by its ids and states alone, also where it cannot be read', async () => {
    const rest = `"${told}","Bearer ${planted.bearer}"`;
    const good = file(
      'good.csv',
      `id,status,note,auth\nplanted:paid,succeeded,${rest}\nplanted:lost,succeeded,${rest}\n`,
    );
    const ragged = file('ragged.csv', `id,status,note\nplanted:paid,succeeded,"a",${rest}\n`);
    const torn = file('torn.csv', `id,status,note\nplanted:paid,succeeded,x"${told}"x\n`);
    const json = file('bad.json', `[{"id":"planted:paid","note":"${told}" ${planted.card}}]`);
    const lines = file('bad.jsonl', `{"id":"planted:paid","status":"succeeded"}\n{"note":"${told}" oops}\n`);
    const nested = file('nested.json', JSON.stringify([{ id: secretive, status: 'succeeded' }]));
    const report = (path: string, ...more: string[]): string[] =>
      at(
        'report',
        path,
        '--action',
        action,
        '--id-column',
        'id',
        '--status-column',
        'status',
        '--success',
        'succeeded',
        ...more,
      );
    const verdict = await verdictOn({
      good: [report(good), 'planted:lost'],
      'good --json': [report(good, '--json'), 'planted:lost'],
      ragged: [report(ragged), 'line'],
      torn: [report(torn), 'line'],
      json: [report(json), 'line'],
      lines: [report(lines), 'line'],
      nested: [report(nested), 'line'],
    });
    expect(verdict).toEqual(clean);
  }, 60_000);

  it('say what is wrong with a command line or its surroundings, and not the secret in it', async () => {
    const url = `postgres://app:${planted.password}@127.0.0.1:1/db`;
    const wrong = Object.assign(new URL(world.url), { password: `${planted.password}-wrong` }).href;
    const slashed = `postgres://app:a/${planted.password}@127.0.0.1:1/db`;
    const broken = { TEMPORAL_API_KEY: `${planted.token}\n${planted.bearer}` };
    const doctor = ['doctor', '--no-temporal'];
    const verdict = await verdictOn({
      'nobody there': [['list', '--database-url', url], /reach|running/],
      'wrong password': [['list', '--database-url', wrong], /28P01|authentication/],
      'no URL': [['list', '--database-url', slashed], /URL|address/],
      'doctor, nobody there': [[...doctor, '--database-url', url], '127.0.0.1:1'],
      'doctor, wrong password': [[...doctor, '--database-url', wrong], 'password'],
      'doctor, no URL': [[...doctor, '--database-url', slashed], 'database'],
      'doctor, Temporal away': [
        at('doctor', '--json'),
        '127.0.0.1:1',
        { env: { TEMPORAL_API_KEY: planted.token } },
      ],
      'doctor, broken key': [at('doctor', '--json'), /temporal/, { env: broken }],
      'misspelt option': [['list', `--databse-url=${url}`], 'unknown option'],
      'misspelt result': [['resolve', 'x', `--reslt=${told}`], 'unknown option'],
      'no command': [[url], 'command'],
      'too much': [['list', url], 'too many arguments'],
      'mcp, wrong password': [['mcp', '--database-url', wrong], /28P01|authentication/],
      'keys too short': [at('serve', '--keys', file('short', 'shop secret')), 'line 1'],
      'keys of three': [
        at('serve', '--keys', file('three', `shop ${planted.token} ${planted.bearer}`)),
        'line 1',
      ],
      'keys twice': [at('serve', '--keys', file('twice', `a ${planted.token}\nb ${planted.token}`)), 'twice'],
      'short token': [at('dashboard', '--token-file', file('token', 'planted')), /token/],
    });
    expect(verdict).toEqual(clean);
  }, 60_000);

  it('reconcile with a probe that throws all it knows, once and again', async () => {
    const probes = file(
      'probes.cjs',
      `exports.probes = { ${action}: () => { throw Object.assign(new Error(${JSON.stringify(told)}), ${JSON.stringify({ details: secretive })}); } };`,
    );
    const broken = file('broken.cjs', `throw new Error(${JSON.stringify(told)});`);
    const watching = spawnCli(
      at('reconcile', '--watch', '--json', '--no-temporal', '--probes', probes),
      env(),
    );
    await watching.lines(1);
    await watching.end();
    const sinks = new Sinks();
    sinks.catch('watch', watching.printed());
    sinks.catch('once', await printed(at('reconcile', '--no-temporal', '--probes', probes)));
    sinks.catch('broken', await printed(at('reconcile', '--no-temporal', '--probes', broken)));
    expect(sinks.verdict({ watch: '"looked"', once: 'looked', broken: 'broken.cjs' })).toEqual(clean);
  }, 60_000);
});

describe('activity-guard serve', () => {
  it('answers others than the caller of a claim, prints and counts without a secret', async () => {
    const keys = file('keys', `default ${planted.bearer}\nother another-key-of-sixteen\n`);
    const serving = await startServing(at('--keys', keys, '--metrics', '0'), env());
    const sinks = new Sinks();
    const call = async (
      path: string,
      body?: unknown,
      key: string = planted.bearer,
    ): Promise<Record<string, unknown>> => {
      const init = { headers: { authorization: `Bearer ${key}` } };
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(
        serving.url + path,
        body === undefined ? init : { ...init, method: 'POST', body: text },
      );
      const answer = await response.text();
      sinks.catch('answers', answer, [...response.headers]);
      return JSON.parse(answer) as Record<string, unknown>;
    };
    const id = 'planted:http';
    const { token } = await call('/claim', { requestId: id, action, payload: secretive });
    await call('/claim', { requestId: id, action, payload: secretive });
    await call(`/settle/${id}`, { token, outcome: 'committed', result: secretive });
    await call(`/receipts/${id}`);
    await call('/claim', { requestId: id, action, payload: { another: secretive } });
    await call('/claim', { requestId: id, action, payload: secretive }, planted.token);
    await call('/claim', `{"payload":"${told}" oops`);
    await call('/claim', { requestId: told.repeat(50), action, payload: secretive });
    await call('/claim', { requestId: id, action, [planted.card]: 1 });
    await call('/claim', { requestId: id, action: { secretive } });
    const refused = { requestId: 'planted:refused', action: refusedAction };
    const claimed = await call('/claim', refused);
    await call('/settle/planted:refused', {
      token: claimed['token'],
      outcome: 'committed',
      result: secretive,
    });
    const [, metrics = ''] = /metrics at (\S+)/.exec(serving.printed()) ?? [];
    sinks.catch('metrics', await (await fetch(metrics)).text());
    await stop(serving);
    sinks.catch('printed', serving.printed());
    const controls = { answers: /SETTLED[^]*"committed"[^]*key-reused[^]*invalid-request[^]*store-away/ };
    expect(
      sinks.verdict({ ...controls, metrics: 'activity_guard_claims_total', printed: 'metrics at' }),
    ).toEqual(clean);
  }, 60_000);
});

describe('activity-guard mcp', () => {
  it('answers others than the caller of a claim, and prints, without a secret', async () => {
    const { client, errors } = await clientOfScript(cliMain, at('mcp'), env());
    const sinks = new Sinks();
    const call = async (name: string, args: Record<string, unknown>) => {
      const answered = await calling(client, name, args).catch((error: unknown) => error);
      sinks.catch('answers', answered);
      return (answered as { structuredContent?: Record<string, unknown> }).structuredContent ?? {};
    };
    const claim = { requestId: 'planted:mcp', action, payload: secretive };
    const { token } = await call('claim', claim);
    await call('settle', { requestId: claim.requestId, token, outcome: 'committed', result: secretive });
    await call('status', { requestId: claim.requestId });
    await call('claim', { ...claim, payload: { another: secretive } });
    await call('claim', { ...claim, [planted.card]: 1 });
    await call('claim', { ...claim, leaseFor: told });
    await call(planted.token, claim);
    await call('list_unknown', {});
    const refused = { requestId: 'planted:mcp-refused', action: refusedAction };
    const claimed = await call('claim', refused);
    await call('settle', {
      requestId: refused.requestId,
      token: claimed['token'],
      outcome: 'committed',
      result: secretive,
    });
    await client.close();
    sinks.catch('answers', errors());
    expect(sinks.verdict({ answers: /SETTLED[^]*CONFLICT[^]*INVALID[^]*UNAVAILABLE/ })).toEqual(clean);
  }, 60_000);
});

describe('the dashboard', () => {
  const paths = [
    ...[
      '/',
      '/receipts',
      '/receipts?q=planted',
      `/receipts?q=${planted.card}`,
      '/activity',
      '/activity.json',
    ],
    ...['paid', 'rejected', 'unknown', 'evidenced', 'resolved', 'mcp'].map((id) => `/receipts/planted:${id}`),
  ];

  it('shows no secret on any page, of receipts or of faults', async () => {
    const serving = await startServing(at('--no-temporal'), env(), 'dashboard');
    const sinks = new Sinks();
    for (const path of paths) {
      const page = await (await fetch(serving.url + path)).text();
      // A page repeats what it was asked for.
      sinks.catch(path, path.includes(planted.card) ? page.replaceAll(planted.card, '') : page);
    }
    await stop(serving);
    sinks.catch('printed', serving.printed());
    const known = (path: string): string | RegExp =>
      path.includes(planted.card) || path.startsWith('/activity') ? /./ : 'planted:';
    const controls = Object.fromEntries(paths.map((path) => [path, known(path)]));
    expect(sinks.verdict({ ...controls, printed: 'url' })).toEqual(clean);
  }, 60_000);

  it('shows a decision afterwards without its result', async () => {
    const app = createDashboard({
      ...{
        receipts: world.pg,
        token: dashboardToken,
        isLoopback: true,
        links: { ui: undefined, provider: undefined },
      },
      wake: async () => 'none',
    });
    const visitor = new Visitor(app);
    await visitor.signIn();
    const path = '/receipts/planted:unknown';
    const asked = await visitor.propose(path, 'committed', { result: JSON.stringify(secretive) });
    const decided = await visitor.confirm(path, asked);
    const sinks = new Sinks();
    sinks.catch('pages', decided.text, [...decided.headers], (await visitor.get(path)).text);
    expect(sinks.verdict({ pages: 'seen in the console' })).toEqual(clean);
  });
});
