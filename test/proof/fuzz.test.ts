import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { env } from 'node:process';
import { promisify } from 'node:util';

import fc from 'fast-check';

import type { ReceiptStore } from '../../src/core';
import { fuzz, kinds } from '../../proof/fuzz/fuzz';
import type { AnyKind, World } from '../../proof/fuzz/kind';
import { ids } from '../../proof/fuzz/kinds/ids';
import type { FuzzReport } from '../../proof/fuzz/report';
import { inMemory, worldOn } from '../../proof/fuzz/worlds';
import { databaseUrl } from '../support/scratch-schema';

/** `npm run fuzz` is the long form. */
const cases = Number(env['FUZZ_CASES'] ?? 12_000);
const main = join(__dirname, '../../proof/fuzz/main.js');

it('bad input breaks nothing, through memory, pg and postgres.js', async () => {
  // In a process of its own: Jest's objects are not those of Node, which tells them apart in what it reads back.
  const args = [main, '--json', '--seed', '1', '--postgres', '8', '--cases', String(cases)];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...env, DATABASE_URL: databaseUrl() },
  });
  const report = JSON.parse(stdout) as FuzzReport;
  expect(report).toMatchObject({ seed: 1, broken: [] });
  expect(report.cases).toBeGreaterThanOrEqual(cases);
  expect(Object.keys(report.byKind)).toEqual(kinds.map(({ name }) => name));
  expect(Math.min(...Object.values(report.byStore))).toBeGreaterThan(cases / 50);
}, 300_000);

type Execute = World['guard']['execute'];
type Request = Parameters<Execute>[0];

const guarding = (change: (execute: Execute, request: Request) => ReturnType<Execute>) => (): World => {
  const world = worldOn(inMemory());
  const execute = (request: Request) => change((asked) => world.guard.execute(asked as never), request);
  return { ...world, guard: { execute: execute as Execute } };
};

const storing = (methods: (receipts: ReceiptStore) => Partial<ReceiptStore>) => (): World => {
  const receipts = inMemory();
  const changed = methods(receipts);
  return worldOn(
    new Proxy(receipts, {
      get: (target, name: keyof ReceiptStore) => {
        const value: unknown = changed[name] ?? target[name];
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    }),
  );
};

/** Each breaks one promise; the kinds of cases that must see it, and what they must say. */
const planted: Readonly<Record<string, readonly [make: () => World, kinds: string, says: RegExp]>> = {
  'ids that are made fit': [
    guarding((execute, request) =>
      execute({ ...request, requestId: String(request.requestId).replace(/\0/g, '').slice(0, 100) || 'x' }),
    ),
    'ids',
    /accepted|threw|executionId/,
  ],
  'an effect that runs though it is refused': [
    guarding((execute, request) =>
      execute(request).catch((error: unknown) => {
        if ((error as { code?: unknown }).code === 'InvalidRequest')
          void request.run(undefined, undefined as never);
        throw error;
      }),
    ),
    'ids',
    /the effect ran/,
  ],
  'an effect that runs twice': [
    guarding((execute, request) =>
      execute({
        ...request,
        run: (payload, claim) => {
          void Promise.resolve()
            .then(() => request.run(payload, claim))
            .catch(() => undefined);
          return request.run(payload, claim);
        },
      }),
    ),
    'results',
    /ran 2 times/,
  ],
  'payloads that are not compared': [
    guarding((execute, request) => execute({ ...request, fingerprint: 'the same' })),
    'payloads',
    /another payload got an answer/,
  ],
  'errors of another kind': [
    guarding((execute, request) => execute(request).catch(() => Promise.reject(new TypeError('x')))),
    'ids,errors',
    /no ActivityGuardError/,
  ],
  'another result for who comes again': [
    guarding(async (execute, request) => {
      const receipt = await execute(request);
      return receipt.ok && receipt.replayed ? { ...receipt, result: 'another' } : receipt;
    }),
    'ids',
    /has another result/,
  ],
  'unknown outcomes that run again': [
    guarding((execute, request) => execute({ ...request, onUnknown: 'retry' })),
    'errors',
    /ran 2 times|again/,
  ],
  'calls that hang': [guarding(() => new Promise<never>(() => undefined)), 'terms', /has not ended/],
  'calls that are all refused': [
    guarding((execute, request) => execute({ ...request, action: '' })),
    'terms',
    /refused|names|name terms|does not name/,
  ],
  'an outcome that is cut': [
    storing((receipts) => ({
      settle: (settlement) => {
        const { outcome } = settlement;
        const bytes = outcome.bytes.length > 20 ? outcome.bytes.slice(0, -1) : outcome.bytes;
        return receipts.settle({ ...settlement, outcome: { ...outcome, bytes } });
      },
    })),
    'ids',
    /replayed|result|NFD/,
  ],
  'an id that is written in another way': [
    storing((receipts) => ({
      claim: (request) => receipts.claim({ ...request, requestId: request.requestId.toLowerCase() }),
    })),
    'ids,http,mcp',
    /the receipt is|executionId|settlement/,
  ],
  'claims that forget their payload': [
    storing((receipts) => ({ claim: (request) => receipts.claim({ ...request, fingerprint: 'same' }) })),
    'http,mcp',
    /another payload|a receipt of what was refused|answers/,
  ],
  'a service that fails': [
    () => ({ ...worldOn(inMemory()), service: { fetch: () => new Response('oops', { status: 500 }) } }),
    'http',
    /answered 500/,
  ],
};

const search = (make: () => World, of: readonly AnyKind[]) =>
  fuzz({
    cases: 400,
    seed: 1,
    worlds: { make },
    postgresPercent: 0,
    kinds: of,
    patienceMs: 300,
    mostBreaks: 1,
  });

describe('the fuzz finds', () => {
  it.each(Object.entries(planted))(
    '%s',
    async (_name, [make, names, says]) => {
      for (const kind of kinds.filter(({ name }) => names.split(',').includes(name))) {
        const { broken } = await search(make, [kind]);
        expect([kind.name, broken.map(({ what }) => what).join()]).toEqual([
          kind.name,
          expect.stringMatching(says),
        ]);
        expect(broken[0]?.repeat).toMatch(/--seed -?\d+ --path [\d:]+ --store memory/);
      }
    },
    60_000,
  );

  it('cases that all go one way', async () => {
    const one = { id: { value: 'a' }, action: { value: 'send' }, payload: 1, result: 1 };
    const { broken } = await search(() => worldOn(inMemory()), [{ ...ids, cases: fc.constant(one) }]);
    expect(broken.map(({ what }) => what)).toEqual([expect.stringMatching(/^only 0\.0 % .* rejected/)]);
  });
});
