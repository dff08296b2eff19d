/** Secrets planted wherever a guard meets a user's data, and all that comes out of it: errors, telemetry, tables, commands, pages. */
import { spawnSync } from 'node:child_process';

import type { OutcomeUnknownError } from '../../src';
import { Guard, recordEvidence, RejectedError, type ExecuteRequest, type GuardEvent } from '../../src';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { Observed } from '../support/observed';
import {
  clean,
  leaksIn,
  planted,
  secretive,
  secretiveError,
  Sinks,
  told,
  wholly,
} from '../support/planted-secrets';
import {
  everyRow,
  plantedWorld,
  refusedAction,
  refusedBy,
  refusedSource,
  type PlantedWorld,
} from '../support/planted-world';

let world: PlantedWorld;
let observed: Observed;
let guard: Guard;
const events: GuardEvent[] = [];

const charging = (requestId: string, more: Partial<ExecuteRequest<unknown, unknown>> = {}) => ({
  ...{ requestId: `planted:${requestId}`, action: 'charge', payload: secretive, leaseFor: '1s', waitFor: 0 },
  redact: () => ({ order: 'order-42' }),
  run: (): unknown => secretive,
  ...more,
});
const throwing = (): never => {
  throw secretiveError();
};
/** What a call throws. */
const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: unknown) => error,
  );
const failureOf = (...call: Parameters<typeof charging>): Promise<unknown> =>
  thrownBy(guard.execute(charging(...call)));

beforeAll(async () => {
  [world, observed] = [await plantedWorld(), await Observed.start()];
  guard = new Guard({
    ...{ receipts: world.pg, telemetry: observed.telemetry },
    onEvent: (event) => events.push(event),
  });
}, 30_000);
afterAll(async () => {
  await observed.stop();
  await world.close();
});

const sinks = new Sinks();

describe('the planted secrets', () => {
  it('are found in clear, in hex, in base64 at any place, escaped, and behind what printing hides', () => {
    const everywhere = Object.keys(planted);
    const hidden = Object.defineProperty({}, 'parameters', { value: [told], enumerable: false });
    for (const text of [
      ...[
        told,
        JSON.stringify(secretive),
        encodeURIComponent(told),
        wholly(secretiveError()),
        wholly(hidden),
      ],
      ...[0, 1, 2].map((at) => Buffer.from(' '.repeat(at) + told).toString('base64')),
      Buffer.from(told).toString('hex'),
    ])
      expect(leaksIn(text)).toEqual(everywhere);
    expect(leaksIn('order-42')).toEqual([]);
  });
});

describe('what a guard tells', () => {
  it('of calls that succeed, fail, are refused, doubted and repeated: no error has more than their names', async () => {
    await guard.execute(charging('paid'));
    const rejected = new RejectedError('the card was declined', { cause: secretiveError(), details: [told] });
    const no = await guard.execute(charging('rejected', { run: () => Promise.reject(rejected) }));
    expect(no).toMatchObject({ ok: false, error: { message: 'the card was declined' } });
    const unknown = (await failureOf('unknown', { run: throwing })) as OutcomeUnknownError;
    // The cause is what the effect threw, for who called it; beside that nothing is said of it.
    expect([unknown.code, leaksIn(wholly(unknown.cause))]).toEqual(['OutcomeUnknown', Object.keys(planted)]);
    Object.defineProperty(unknown, 'cause', { value: undefined });
    const asked = charging('unknown', { onUnknown: () => throwing() });
    let end = (): void => undefined;
    const running = new Promise<unknown>((resolve) => (end = () => resolve(secretive)));
    const first = guard.execute(charging('running', { run: () => running }));
    const inFlight = await failureOf('running');
    end();
    await first;
    sinks.catch('errors', unknown, inFlight, no.reason);
    sinks.catch('errors', await thrownBy(guard.execute(asked)));
    sinks.catch('errors', await failureOf('paid', { payload: { other: secretive } }));
    sinks.catch('errors', await failureOf('cyclic', { payload: { card: told, odd: new RegExp(told) } }));
    sinks.catch('errors', await failureOf('redacted', { redact: () => throwing() }));
    sinks.catch('errors', await failureOf('fingerprint', { fingerprint: () => throwing() }));
    await recordEvidence(world.pg, {
      ...{ requestId: 'planted:unknown', source: 'webhook', verdict: 'committed', result: secretive },
    });
    sinks.catch('events', events);
    expect(
      sinks.verdict({ errors: /InFlight[^]*RequestIdReused[^]*InvalidRequest/, events: 'planted:unknown' }),
    ).toEqual(clean);
  });
});

/** A script in a process of its own that nobody catches. */
const crashOf = (script: string): string => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--eval', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return stdout + stderr;
};

describe('what a database says of a row', () => {
  const kept = new Sinks();
  const evidence = { requestId: 'planted:evidence', source: refusedSource, verdict: 'committed' } as const;

  it.each(['pg', 'postgresJs'] as const)(
    'is not in an error of %s: not as it is printed, not behind it',
    async (driver) => {
      const receipts = world[driver];
      const refused = await thrownBy(recordEvidence(receipts, { ...evidence, result: planted.card }));
      const transaction = new Guard({ receipts }).execute({
        ...charging(`transaction:${driver}`, { action: refusedAction, transactional: true }),
        run: () => receipts.transaction(async () => planted.card),
      });
      for (const error of [refused, await thrownBy(transaction)]) {
        expect(wholly(error)).toContain(refusedBy);
        expect(leaksIn(wholly(error))).toEqual([]);
      }
    },
  );

  it('is not in what a process prints that ends by it', () => {
    const { schema } = world.scratch;
    const given = JSON.stringify({ ...evidence, result: planted.card });
    kept.catch(
      'crash',
      crashOf(`const { recordEvidence } = require('activity-guard');
        const { pgReceipts } = require('activity-guard/pg');
        void recordEvidence(pgReceipts({ connectionString: '${world.url}' }, { schema: '${schema}' }), ${given});`),
    );
    expect(kept.verdict({ crash: refusedBy })).toEqual(clean);
  });
});

describe('the password of the database', () => {
  const slashed = `postgres://app:a/${planted.password}@127.0.0.1:1/db`;
  const open = {
    pg: (url: string) => pgReceipts({ connectionString: url }),
    'postgres.js': (url: string) => postgresReceipts(url),
  };

  it.each(['pg', 'postgres.js'] as const)(
    'is not in what %s says of an address that is none',
    async (driver) => {
      const attempt = async (): Promise<void> => open[driver](slashed).check();
      const error = await thrownBy(attempt());
      expect(wholly(error)).toMatch(/URL/);
      expect(leaksIn(wholly(error))).toEqual([]);
    },
  );

  it.each(['pg', 'postgres.js'] as const)('is not in what %s says of one that refuses it', async (driver) => {
    const url = Object.assign(new URL(world.url), { password: `${planted.password}-wrong` }).href;
    const receipts = open[driver](url);
    const error = await thrownBy(receipts.check());
    expect(wholly(error)).toContain('28P01');
    expect(leaksIn(wholly(error))).toEqual([]);
    await receipts.close();
  });
});

describe('telemetry', () => {
  it('tells requests and actions, and nothing that was passed, returned or thrown', async () => {
    const scraped = await observed.scrape();
    sinks.catch('metrics', scraped);
    sinks.catch(
      'spans',
      observed.ended.map(({ name, attributes, events: seen, status, links }) => ({
        name,
        attributes,
        seen,
        status,
        links,
      })),
    );
    expect(
      sinks.verdict({
        errors: 'InFlight',
        events: 'planted:',
        metrics: /answer="reused"/,
        spans: 'planted:unknown',
      }),
    ).toEqual(clean);
  });
});

describe('the tables', () => {
  it('hold the results of a guard without Temporal, in clear, and nothing else of it', async () => {
    const kept = new Sinks();
    const { pool, schema } = world.scratch;
    kept.catch('tables', await everyRow(pool, schema, 'without outcomes'));
    expect(kept.verdict({ tables: /^(?=[^]*evidence: [^]*webhook)[^]*planted:paid/ })).toEqual(clean);
    expect(leaksIn(await everyRow(pool, schema))).toEqual(Object.keys(planted));
  });
});
