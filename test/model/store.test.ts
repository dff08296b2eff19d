import { noResult } from '../../src/core';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { apply } from './database';
import { allRulesBut } from './rules';
import { start, type Context, type Op, type Row, type RowState, type Scenario } from './state';

const now = 1000;
const clock = { monotonic: () => now, wall: () => now };
const scenario: Scenario = {
  ...{ name: 'one message', policies: ['hold', 'hold'], attempts: 1, fewestStates: 0 },
  ...{ leaseTicks: 2, wireTicks: 1, lagTicks: 1 },
};
const context: Context = { scenario, on: allRulesBut() };

const both = [false, true] as const;
const states: readonly RowState[] = [
  ...(['claimed', 'unknown', 'committed', 'rejected', 'released'] as const),
  ...(['delegated', 'pruned'] as const),
];

/** Every row that a message can meet: its own token is 1, its epoch 3. */
const rows: readonly Row[] = states.flatMap((state) =>
  [1, 2].flatMap((token) =>
    [1, 0, -2].flatMap((lease) =>
      both.flatMap((doubt) =>
        both.map((transactional): Row => {
          const rest = { epoch: 3, age: 0, policy: 'hold', fingerprint: 0 } as const;
          return { state, token, lease, doubt, transactional, ...rest };
        }),
      ),
    ),
  ),
);

const mine = { token: 1, what: 0 } as const;
const ops: readonly Op[] = [
  { kind: 'claim', ...mine, by: 0 },
  ...[2, 3].flatMap((epoch): Op[] => [
    ...both.map((fromUnknown): Op => ({ kind: 'take over', ...mine, by: 0, epoch, fromUnknown })),
    { kind: 'resolve', what: 0, epoch, as: 'committed' },
    { kind: 'resolve', what: 0, epoch, as: 'released' },
  ]),
  { kind: 'settle', ...mine, as: 'committed' },
  { kind: 'settle', ...mine, as: 'rejected' },
  ...(['release', 'mark', 'renew', 'delegate'] as const).map((kind): Op => ({ kind, ...mine })),
];

/** Sends a message of the model to the real store. */
async function send(store: MemoryReceipts, op: Op, { transactional }: Row): Promise<unknown> {
  const key = 'k';
  const held = { key, token: '1' };
  const request = {
    ...{ ...held, requestId: 'r', action: 'a', fingerprint: '0', leaseMs: scenario.leaseTicks },
    ...({ policy: 'hold', origin: {}, transactional, graceMs: 0 } as const),
  };
  switch (op.kind) {
    case 'claim':
      return store.claim(request);
    case 'take over':
      return store.takeOver({ ...request, epoch: op.epoch, fromUnknown: op.fromUnknown });
    case 'settle':
      return store.settle({ ...held, epoch: 3, state: op.as, outcome: noResult });
    case 'release':
      return store.release(held);
    case 'mark':
      return store.markUnknown(held);
    case 'renew':
      return store.renew([held], scenario.leaseTicks);
    case 'delegate':
      return store.delegate(held);
    case 'resolve': {
      const verdict = op.as === 'committed' ? 'committed' : 'not-committed';
      return store.resolve({ key, epoch: op.epoch, verdict, source: 'probe' });
    }
    default:
      return op satisfies never;
  }
}

function databaseWith(row: Row, isVetoed: boolean): MemoryDatabase {
  const database = new MemoryDatabase(clock);
  database.rows.set('k', {
    ...{ key: 'k', namespace: 'default', requestId: 'r', action: 'a', fingerprint: '0', policy: 'hold' },
    ...{ state: row.state, token: String(row.token), epoch: row.epoch, doubt: row.doubt },
    ...{ transactional: row.transactional, leaseUntil: now + row.lease, firstClaim: now, settledWhen: now },
    ...{
      claimedAt: '',
      settledAt: undefined,
      outcome: undefined,
      origin: {},
      retainMs: undefined,
      graceMs: 0,
    },
    ...{ contested: false, finality: undefined, finalAt: undefined },
  });
  const said = {
    key: 'k',
    source: 'webhook',
    verdict: 'committed',
    epoch: 3,
    ...{ note: undefined, at: '', ageMs: 0, since: 0, by: undefined, late: false, outcome: undefined },
  } as const;
  if (isVetoed) database.evidence.push(said);
  return database;
}

/** Where the model is not the store: the memory has no transactions. */
const differs = (op: Op, row: Row): boolean => op.kind === 'settle' && row.transactional;

describe('a message to the database of the model', () => {
  it.each(ops.map((op) => [JSON.stringify(op), op] as const))(
    'changes every row as the real store does: %s',
    async (_name, op) => {
      for (const row of rows.filter((candidate) => !differs(op, candidate))) {
        for (const isVetoed of both) {
          const database = databaseWith(row, isVetoed);
          await send(new MemoryReceipts(database), op, row);
          const world = start({
            ...scenario,
            ...(row.transactional ? { transactional: true, graceMs: 0 } : {}),
          });
          world.rows[0] = row;
          world.evidence[0] = isVetoed;
          apply(world, op, context);

          const stored = database.rows.get('k');
          const real = stored && [
            stored.state,
            stored.token,
            stored.epoch,
            stored.doubt,
            stored.leaseUntil - now,
          ];
          const after = world.rows[0];
          const modelled = [after.state, String(after.token), after.epoch, after.doubt, after.lease];
          expect([row, isVetoed, ...modelled]).toEqual([row, isVetoed, ...(real ?? [])]);
          expect(database.evidence.some(({ verdict }) => verdict === 'committed')).toBe(world.evidence[0]);
        }
      }
    },
  );
});
