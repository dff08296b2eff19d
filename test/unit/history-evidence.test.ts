/** What histories that were made by hand prove; `test/e2e/history-evidence.test.ts` asks a server. */
import { defaultDataConverter, defaultPayloadConverter } from '@temporalio/common';

import type { Receipt } from '../../src/core';
import { TemporalHistoryEvidence } from '../../src/temporal/client';
import { SharedRead } from '../../src/temporal/client/shared-read';
import { temporalCodec } from '../../src/temporal/outcomes/codec';
import { ownerIn } from '../../src/temporal/outcomes/convert';
import { requestFor } from '../contract/rows';
import { FakeClock } from '../support/fake-clock';
import { clientOf, MadeRun } from '../support/made-histories';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';

const codec = temporalCodec({
  converter: defaultDataConverter,
  owner: ownerIn('default'),
  excessOf: async () => undefined,
});
const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value);
const { signal } = new AbortController();

const origin = {
  ...{ temporalNamespace: 'default', workflowId: 'order', runId: 'run-1', activityId: '1', attempt: '2' },
  ...{ outermost: 'yes', worker: 'test' },
};

async function receiptFrom(more: Record<string, string | undefined> = {}, rest: Partial<Receipt> = {}) {
  const receipts = new MemoryReceipts(new MemoryDatabase(new FakeClock()));
  const given = Object.entries({ ...origin, ...more }).filter(([, value]) => value !== undefined);
  const claimed = await receipts.claim(requestFor('order:1', { origin: Object.fromEntries(given) }));
  return { ...claimed, ...rest };
}

interface Call {
  end?: string;
  result?: unknown;
  attempt?: number;
  started?: string;
  completed?: string;
}

/** A run with one call. */
function runWith(
  { end = 'Completed', result, attempt = 2, started = 'w1', completed = 'w1' }: Call = {},
  run = new MadeRun(),
) {
  const scheduledEventId = run.add('activityTaskScheduled', {
    ...{ activityId: '1', activityType: { name: 'pay' } },
    input: { payloads: [payloadOf('order 1'), payloadOf({ cents: 5 })] },
  });
  if (end === '') return run;
  run.add('activityTaskStarted', { scheduledEventId, attempt, identity: started });
  run.add(`activityTask${end}`, {
    ...{ scheduledEventId, identity: completed },
    ...(result === undefined ? {} : { result: { payloads: [payloadOf(result)] } }),
  });
  return run;
}

const ask = async (run: MadeRun, receipt?: Receipt) => {
  const made = clientOf([run]);
  const source = new TemporalHistoryEvidence({ client: made.client });
  return { finding: await source.ask(receipt ?? (await receiptFrom()), signal), ...made };
};

describe('a completed activity', () => {
  it('was committed, with the bytes that the guard stores', async () => {
    const { finding } = await ask(runWith({ result: { id: 'ch_1' } }));
    expect(finding).toEqual({ verdict: 'committed', outcome: await codec.encodeResult({ id: 'ch_1' }) });
    expect(await codec.decodeResult(finding.outcome as never)).toEqual({ id: 'ch_1' });
  });

  it('without a result was committed with nothing', async () => {
    const { finding } = await ask(runWith());
    const stored = await codec.encodeResult(undefined);
    expect(await codec.decodeResult(finding.outcome as never)).toBe(await codec.decodeResult(stored));
    expect(Buffer.from(finding.outcome?.bytes ?? [])).toEqual(Buffer.from(stored.bytes));
  });

  // Mutation: any completion counts. An attempt on a worker without the guard proves nothing of the claim.
  it('proves nothing if another attempt than the claimer completed it', async () => {
    const { finding } = await ask(runWith({ attempt: 3 }));
    expect(finding).toEqual({
      verdict: 'undetermined',
      note: 'attempt 3 has completed, not the one that claimed',
    });
  });

  // Mutation: any completion counts. By hand it means: go on.
  it('proves nothing if somebody else than its worker said so, unless it was handed over', async () => {
    const run = (): MadeRun => runWith({ completed: 'temporal-cli:me', result: 1 });
    expect((await ask(run())).finding).toMatchObject({
      verdict: 'undetermined',
      note: expect.stringContaining('from elsewhere') as string,
    });
    const delegated = await receiptFrom({}, { state: 'delegated' });
    expect((await ask(run(), delegated)).finding.verdict).toBe('committed');
  });

  it('proves nothing if the workflow used its id twice', async () => {
    const run = runWith({ result: 'first' }, runWith({ result: 'second' }));
    expect((await ask(run)).finding).toMatchObject({
      verdict: 'undetermined',
      note: expect.stringContaining('several') as string,
    });
  });

  it('whose result is kept in a storage that is not known here is left alone', async () => {
    const run = runWith();
    const reference = {
      metadata: { messageType: Buffer.from('temporal.api.sdk.v1.ExternalStorageReference') },
    };
    const last = run.events.at(-1)?.['activityTaskCompletedEventAttributes'] as { result?: unknown };
    last.result = { payloads: [reference] };
    expect((await ask(run)).finding).toMatchObject({
      verdict: 'undetermined',
      note: expect.stringContaining('storage') as string,
    });
  });
});

describe('anything else proves nothing', () => {
  it.each([
    ['Failed', 'the activity failed'],
    ['TimedOut', 'the activity timed out'],
    ['Canceled', 'the activity was cancelled'],
    ['', 'the history shows no end of the activity'],
  ])('%s', async (end, note) => {
    expect((await ask(runWith({ end }))).finding).toEqual({ verdict: 'undetermined', note });
  });

  it('an activity that is pending, which costs one request', async () => {
    const run = runWith({ end: '' });
    run.pending = [{ activityId: '1', attempt: 3, paused: false }];
    const { finding, pages, asked } = await ask(run);
    expect(finding.note).toBe('the activity is still pending (attempt 3)');
    expect([finding.verdict, pages(), asked]).toEqual(['undetermined', 0, ['describe']]);
  });

  it('an activity that the history does not show, or a workflow that is gone', async () => {
    const other = await receiptFrom({ activityId: '9' });
    expect((await ask(runWith(), other)).finding.note).toBe('the history does not show the activity');
    const gone = await receiptFrom({ runId: 'run-0' });
    expect((await ask(runWith(), gone)).finding).toEqual({
      verdict: 'undetermined',
      note: 'the workflow execution is not found (its retention may be over)',
    });
  });
});

describe('a receipt is covered', () => {
  // Mutations: each condition left out.
  it.each<[string, Record<string, string | undefined>, Partial<Receipt>, boolean]>([
    ['for a whole activity under the outermost guard', {}, {}, true],
    ['not for a step', { step: 'charge' }, {}, false],
    ['not for a local activity', { local: 'yes' }, {}, false],
    ['not where an interceptor may stand outside', { outermost: undefined }, {}, false],
    ['not in another namespace', { temporalNamespace: 'other' }, {}, false],
    ['not without a workflow', { workflowId: undefined, runId: undefined }, {}, false],
    ['not without the id of the activity', { activityId: undefined }, {}, false],
    ['not for a transaction, which a failover takes back', {}, { transactional: true }, false],
  ])('%s', async (_what, more, rest, covered) => {
    const receipt = await receiptFrom(more, rest);
    const { client, asked } = clientOf([runWith({ result: 1 })]);
    const source = new TemporalHistoryEvidence({ client });
    expect(source.covers(receipt)).toBe(covered);
    expect((await source.ask(receipt, signal)).verdict).toBe(covered ? 'committed' : 'undetermined');
    expect(asked.length).toBe(covered ? 1 : 0);
  });
});

describe('several receipts of one run', () => {
  it('that are asked at once are one read', async () => {
    const { client, pages, asked } = clientOf([runWith({ result: 1 })], 3);
    const source = new TemporalHistoryEvidence({ client });
    const receipt = await receiptFrom();
    const findings = await Promise.all([1, 2, 3].map(() => source.ask(receipt, signal)));
    expect(findings.map(({ verdict }) => verdict)).toEqual(['committed', 'committed', 'committed']);
    expect([asked, pages()]).toEqual([['describe'], 3]);
    await source.argumentsOf(receipt);
    expect(pages()).toBe(3);
  });

  it('under an id that may be used again are read anew each time', async () => {
    const run = runWith({ result: 1 });
    const { client, asked } = clientOf([run]);
    const source = new TemporalHistoryEvidence({ client });
    const receipt = await receiptFrom({ activityId: 'mine' });
    await source.ask(receipt, signal);
    await source.ask(receipt, signal);
    expect(asked).toEqual(['describe', 'describe']);
  });

  it('whose asker gives up do not wait, and the read ends with the last one', async () => {
    let ended = 0;
    const read = new SharedRead<number>(
      (over) =>
        new Promise((_, reject) =>
          over.addEventListener('abort', () => (ended++, reject(new Error('over')))),
        ),
    );
    const [one, two] = [new AbortController(), new AbortController()];
    const waits = [read.wait(one.signal), read.wait(two.signal)].map((wait) =>
      wait.catch((e: unknown) => String(e)),
    );
    one.abort('first');
    expect([await waits[0], ended, read.isOfNoUse]).toEqual(['first', 0, false]);
    two.abort('second');
    expect([await waits[1], ended, read.isOfNoUse]).toEqual(['second', 1, true]);
    await expect(read.wait(one.signal)).rejects.toBe('first');
  });

  it('are not asked at all once the signal is aborted', async () => {
    const { client, asked } = clientOf([runWith()]);
    const source = new TemporalHistoryEvidence({ client });
    const receipt = await receiptFrom();
    await expect(source.ask(receipt, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    expect(asked.length).toBeLessThanOrEqual(1);
  });
});

describe('the arguments', () => {
  it.each<[string, Record<string, string | undefined>, unknown]>([
    ['of a whole activity', {}, ['order 1', { cents: 5 }]],
    ['of a step are those of its activity', { step: 'charge' }, ['order 1', { cents: 5 }]],
    ['do not need the outermost guard', { outermost: undefined }, ['order 1', { cents: 5 }]],
    ['of a local activity are unknown', { local: 'yes' }, undefined],
    ['without a workflow are unknown', { workflowId: undefined }, undefined],
    ['of a workflow that is gone are unknown', { runId: 'run-0' }, undefined],
    ['of an activity that is not there are unknown', { activityId: '7' }, undefined],
  ])('%s', async (_what, more, expected) => {
    const source = new TemporalHistoryEvidence({ client: clientOf([runWith()]).client });
    expect(await source.argumentsOf(await receiptFrom(more))).toEqual(expected);
  });

  it('are unknown where the id was used twice', async () => {
    const { client } = clientOf([runWith({}, runWith())]);
    expect(await new TemporalHistoryEvidence({ client }).argumentsOf(await receiptFrom())).toBeUndefined();
  });
});
