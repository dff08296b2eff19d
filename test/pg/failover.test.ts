/** A failover that lost a claim: the database says so by its history, and the claim is unknown, not new. */
import { randomUUID } from 'node:crypto';

import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';
import { newId, requestFor } from '../contract/rows';
import { callFor, engineOver } from '../support/pg-engine';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

describe('an intent that may be older than a failover', () => {
  let scratch: ScratchSchema;
  beforeAll(async () => {
    scratch = await scratchSchema();
  });
  afterAll(() => scratch.close());

  const failOver = async (agoMs: number): Promise<void> => {
    await scratch.pool.query(
      `update ${scratch.schema}.timelines set seen_at = clock_timestamp() - $1::float8 * interval '1 ms'`,
      [agoMs],
    );
  };
  const run = async (more: Parameters<typeof callFor>[1]) => {
    let effects = 0;
    const call = callFor(async (effect) => {
      effect.begin();
      return ++effects;
    }, more);
    const ended = await engineOver(scratch.open())
      .run(call)
      .then(
        (outcome) => outcome.kind,
        (error: { code: string }) => error.code,
      );
    const key = receiptKey('default', hashRequestId(call.requestId));
    return { ended, effects, found: await scratch.open().get(key) };
  };

  it('is new where the database never failed over', async () => {
    const { rows } = await scratch.pool.query(`select id, seen_at::text from ${scratch.schema}.timelines`);
    expect(rows).toEqual([{ id: expect.stringMatching(/^\d+\/[0-9A-F]{8}$/), seen_at: '-infinity' }]);
    expect(await run({ mayBeOlderMs: 1e12 })).toMatchObject({ ended: 'result', effects: 1 });
  });

  // Mutation: a claim that is inserted as claimed whatever the history.
  it('and has no row is unknown, with evidence of why', async () => {
    await failOver(60_000);
    const { ended, effects, found } = await run({ mayBeOlderMs: 61_000 });
    expect([ended, effects]).toEqual(['OutcomeUnknown', 0]);
    expect(found?.receipt).toMatchObject({ state: 'unknown', epoch: 1 });
    expect(found?.receipt.leaseRemainingMs).toBeGreaterThan(0);
    expect(found?.evidence).toMatchObject([{ source: 'failover', verdict: 'undetermined' }]);
  });

  it('is found out by the policy: sent again with the same id, or probed', async () => {
    await failOver(1000);
    expect(await run({ mayBeOlderMs: 2000, onUnknown: 'retry' })).toMatchObject({
      ended: 'result',
      effects: 1,
    });
    const probe = { mayBeOlderMs: 2000, leaseMs: 500, waitMs: 5000 };
    expect(await run({ ...probe, onUnknown: () => ({ verdict: 'not-committed' }) })).toMatchObject({
      ended: 'result',
      effects: 1,
    });
  });

  it('is new if it is younger, is a first attempt, or commits with its receipt', async () => {
    await failOver(60_000);
    for (const more of [{ mayBeOlderMs: 59_000 }, {}, { mayBeOlderMs: 61_000, transactional: true }])
      expect(await run(more)).toMatchObject({ effects: 1 });
  });

  it('and has a row is what the row says', async () => {
    await failOver(60_000);
    const requestId = randomUUID();
    await run({ requestId });
    expect(await run({ requestId, mayBeOlderMs: 61_000 })).toMatchObject({ ended: 'result', effects: 0 });
    const held = requestFor(newId(), { fingerprint: fingerprintOf('charge', [1]) });
    await scratch.open().claim(held);
    expect(await run({ requestId: held.requestId, mayBeOlderMs: 61_000 })).toMatchObject({
      ...{ ended: 'InFlight', effects: 0, found: { receipt: { state: 'claimed', token: held.token } } },
    });
  });
});
