import { env } from 'node:process';

import fc from 'fast-check';

import type { MemoryReceipts } from '../../src/stores/memory';
import { Interleaving, type Command, type Fault, type Mutant, type Plan } from './interleaving';

/** More for a longer search: INTERLEAVINGS_RUNS=100000. */
const runs = Number(env['INTERLEAVINGS_RUNS'] ?? 3000);
const seed = Number(env['INTERLEAVINGS_SEED'] ?? Date.now() % 2 ** 31);
/** Always the same search: a mutant that is found is found again. */
const mutantSeed = 1;
const perRunMs = 200;

const process = fc.nat(2);
const id = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) });
const ms = fc.constantFrom(100, 400, 1000, 1500, 3000);
const call: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('call' as const),
  id,
  process,
  policy: fc.constantFrom('probe', 'hold', 'fail', 'retry'),
  effect: fc.constantFrom(
    'works',
    'works',
    'loses its response',
    'fails before',
    'says it did not happen',
    'is declined',
    'is declined, and hears of it late',
  ),
  isOther: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: call },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), process, ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('operate' as const), id }) },
);
const plan: fc.Arbitrary<Plan> = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 8, size: 'max' }),
  faults: fc.array(fc.constantFrom<Fault>('none', 'none', 'none', 'refused', 'lost', 'hangs'), {
    maxLength: 8,
  }),
});

const search = (mutant: Mutant | undefined, seed: number, numRuns: number) =>
  fc.check(
    fc.asyncProperty(fc.scheduler(), plan, (scheduler, of) => new Interleaving(scheduler, of, mutant).run()),
    { seed, numRuns },
  );

/** The store with some of its methods replaced. */
const instead = (receipts: MemoryReceipts, methods: Partial<MemoryReceipts>): MemoryReceipts =>
  new Proxy(receipts, {
    get: (target, name: keyof MemoryReceipts) => {
      const value: unknown = methods[name] ?? target[name];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

/** Each breaks a rule of docs/protocol.md that keeps an effect from happening twice, or a receipt true. */
const mutants: Readonly<Record<string, Mutant>> = {
  'a settlement with any token': (receipts, { rows }) =>
    instead(receipts, {
      settle: async (settlement) =>
        receipts.settle({ ...settlement, token: rows.get(settlement.key)?.token ?? settlement.token }),
    }),
  'an expired lease that is taken over as new': (receipts, { rows, clock }) =>
    instead(receipts, {
      claim: async (request) => {
        const row = rows.get(request.key);
        const isExpired = row?.state === 'claimed' && row.leaseUntil <= clock.monotonic();
        if (!isExpired || row.fingerprint !== request.fingerprint) return receipts.claim(request);
        const leaseUntil = clock.monotonic() + request.leaseMs;
        Object.assign(row, { token: request.token, epoch: row.epoch + 1, leaseUntil });
        return receipts.claim(request);
      },
    }),
  'a release on any throw': (receipts) =>
    instead(receipts, { markUnknown: async (claim) => receipts.release(claim) }),
  'an epoch that stays': (receipts, { rows }) =>
    instead(receipts, {
      takeOver: async (request) => {
        const taken = await receipts.takeOver(request);
        const row = rows.get(request.key);
        if (taken && row) row.epoch = request.epoch;
        return taken && { ...taken, epoch: request.epoch };
      },
    }),
  'a "no" that counts at once': (receipts, { rows }) =>
    instead(receipts, {
      resolve: async (resolution) => {
        const row = rows.get(resolution.key);
        if (resolution.verdict === 'not-committed' && row?.state === 'unknown') {
          row.state = 'released';
          return true;
        }
        return receipts.resolve(resolution);
      },
      get: async (key) => {
        const known = await receipts.get(key);
        return known && { ...known, receipt: { ...known.receipt, leaseRemainingMs: -1e9 } };
      },
    }),
};

describe(`callers, crashes, pauses, lost answers and decisions in any order (seed ${seed})`, () => {
  it(
    'break no rule of the protocol',
    async () => {
      const details = await search(undefined, seed, runs);
      expect(fc.defaultReportMessage(details)).toBeUndefined();
      expect(details.numRuns).toBe(runs);
    },
    60_000 + runs * perRunMs,
  );

  it.each(Object.entries(mutants))(
    'show %s, by few steps',
    async (_name, mutant) => {
      const details = await search(mutant, mutantSeed, 5000);
      const { failed, counterexample, errorInstance } = details;
      expect(failed).toBe(true);
      expect((errorInstance as Error).message).toMatch(
        /stale token|effects of one intent|is taken while|epoch|becomes|is told|no epoch/,
      );
      // Two callers, and what it takes to have the one overtake the other.
      expect(counterexample?.[1].commands.length).toBeLessThanOrEqual(6);
    },
    120_000,
  );
});
