import { ApplicationFailure } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

import { RejectedError } from 'activity-guard';
import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin, type GuardEvent } from 'activity-guard/worker';
import { EncryptingCodec } from '../support/encrypting-codec';
import { WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/observing-workflows');
const secretivePath = require.resolve('../fixtures/secretive-failures');

let here: WorkerHere;
let plain: Partial<WorkerOptions>;
let secretive: Partial<WorkerOptions>;
const seen: GuardEvent[] = [];
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  const plugins = [new ActivityGuardPlugin({ receipts: here.receipts, onEvent: (e) => seen.push(e) })];
  plain = { plugins };
  // Workflows read and write failures with the same converter.
  const failureConverterPath = secretivePath;
  secretive = {
    ...plain,
    workflowBundle: await here.bundle({ workflowsPath, failureConverterPath }),
    dataConverter: { failureConverterPath, payloadCodecs: [new EncryptingCodec()] },
  };
});
afterAll(() => here.stop());

/** Bytes as the text they may hold. */
const bytesAsText = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? String.fromCharCode(...value) : value;

const bank = 'bank account DE89 3704';

/** An activity whose provider says no, in every detail. */
function declining() {
  let asked = 0;
  const decline = guarded(async () => {
    asked++;
    const bankSaid = ApplicationFailure.create({ message: bank, type: 'Bank', details: [{ code: 51 }] });
    const cause = new TypeError('declined upstream', { cause: bankSaid });
    throw new RejectedError('The card was declined', {
      type: 'CardDeclined',
      details: ['05', { retryAt: null }],
      cause,
    });
  });
  return { decline, asked: () => asked };
}

const settings: readonly [name: string, options: () => Partial<WorkerOptions>][] = [
  ['the default converter', () => plain],
  ['an encrypting codec', () => ({ ...plain, dataConverter: { payloadCodecs: [new EncryptingCodec()] } })],
  ['an encrypting codec and encoded messages', () => secretive],
];

describe('a rejection', () => {
  // Mutation: asApplicationFailure without details or cause fails here.
  it.each(settings)('is the same to the workflow each time, with %s', async (name, options) => {
    const { decline, asked } = declining();
    const failures = await here.running({ ...options(), activities: { decline } }, (run) =>
      run('observe', { name: 'decline', id: `declined:${name}`, times: 3 }),
    );
    expect(failures[0]).toEqual([
      'ApplicationFailure CardDeclined!: The card was declined ["05", {retryAt: null}]',
      expect.stringMatching(/^ApplicationFailure ActivityGuardRejected!: The provider refused request id/),
      'ApplicationFailure TypeError: declined upstream',
      `ApplicationFailure Bank: ${bank} [{code: 51}]`,
    ]);
    expect(failures.slice(1)).toEqual([failures[0], failures[0]]);
    expect(asked()).toBe(1);
  });

  // Mutation: encoding the stored failure, or the failure that goes to Temporal, without the worker's own converter fails here.
  it('has nothing in clear in the receipt, the events or the history, where messages are encoded', async () => {
    const { decline } = declining();
    seen.length = 0;
    const history = await here.running({ ...secretive, activities: { decline } }, async (_run, start) => {
      const handle = await start('observe', { name: 'decline', id: 'secret no', times: 2 });
      await handle.result();
      return handle.fetchHistory();
    });
    const receipt = await here.receipt('secret no');
    const bytes = Buffer.from(receipt?.outcome?.bytes ?? []).toString('latin1');
    const raw = history.events?.flatMap(({ activityTaskFailedEventAttributes: failed }) =>
      failed ? [JSON.stringify(failed, bytesAsText)] : [],
    );
    expect([receipt?.state, raw?.length, bytes.length > 100]).toEqual(['rejected', 2, true]);
    const everything = [bytes, ...(raw ?? []), JSON.stringify([seen, receipt])].join('\n');
    for (const secret of [bank, 'declined upstream', 'The card was declined', 'retryAt'])
      expect(everything).not.toContain(secret);
  });
});

describe('an effect that throws anything else', () => {
  // Mutation: toFailure without the error's cause fails here.
  it.each([
    ['an error', () => new Error('socket hang up'), 'ApplicationFailure Error: socket hang up'],
    [
      'a non-retryable failure',
      () => ApplicationFailure.nonRetryable('no such card', 'NoCard', { at: 'provider' }),
      'ApplicationFailure NoCard!: no such card [{at: "provider"}]',
    ],
  ])('%s: OutcomeUnknown with the original as its cause', async (name, thrown, original) => {
    let effects = 0;
    const failing = guarded({ onUnknown: 'fail' }, async () => {
      effects++;
      throw thrown();
    });
    const failures = await here.running({ ...plain, activities: { failing } }, (run) =>
      run('observe', { name: 'failing', id: `throws ${name}` }),
    );
    expect(failures[0]).toEqual([
      expect.stringMatching(/^ApplicationFailure OutcomeUnknown!: It is unknown/),
      original,
    ]);
    // What it threw was not stored: it is no outcome.
    expect(failures[1]).toEqual([
      expect.stringMatching(/^ApplicationFailure OutcomeUnknown!: It is unknown/),
    ]);
    expect([effects, (await here.receipt(`throws ${name}`))?.state]).toEqual([1, 'unknown']);
  });

  // Mutation: throwing the failure without `sendable` ends the worker with a fatal error here.
  it('a failure whose details cannot be encoded does not end the worker', async () => {
    let effects = 0;
    const failing = guarded({ onUnknown: 'fail' }, async () => {
      effects++;
      throw ApplicationFailure.retryable('odd', 'Odd', { amount: 5n });
    });
    const failures = await here.running({ ...plain, activities: { failing } }, (run) =>
      run('observe', { name: 'failing', id: 'odd details', times: 1 }),
    );
    expect(failures).toEqual([
      [expect.stringMatching(/^ApplicationFailure OutcomeUnknown!: It is unknown.*requestId/)],
    ]);
    expect(effects).toBe(1);
  });
});

describe('a key service that is away', () => {
  // Mutation: encoding the rejection once instead of patiently leaves it unknown and fails here.
  it('for a moment after a rejection: it is stored when it is back', async () => {
    const codec = new EncryptingCodec();
    const left = codec.fail('encode', 2);
    const { decline, asked } = declining();
    const options = { ...plain, dataConverter: { payloadCodecs: [codec] }, activities: { decline } };
    const failures = await here.running(options, (run) =>
      run('observe', { name: 'decline', id: 'declined, away' }),
    );
    expect(failures[0]).toEqual(failures[1]);
    expect([asked(), left(), (await here.receipt('declined, away'))?.state]).toEqual([1, 0, 'rejected']);
  });

  // Mutation: `sendable` without its fall-back, or a final failure when a rejection cannot be decoded, fails here.
  it('while a failure is read and sent: the worker lives, and the call is retried until it is back', async () => {
    const codec = new EncryptingCodec();
    const { decline, asked } = declining();
    const options = { ...plain, dataConverter: { payloadCodecs: [codec] }, activities: { decline } };
    const failures = await here.running(options, async (run) => {
      const first = await run('observe', { name: 'decline', id: 'away, read', times: 1 });
      const left = codec.fail('decode', 1);
      const second = await run('observe', { name: 'decline', id: 'away, read', times: 1 });
      const leftToSend = codec.fail('encode', 5);
      const third = await run('observe', { name: 'decline', id: 'away, read', times: 1 });
      return [first, second, third, [left(), leftToSend()]];
    });
    expect(failures.slice(1)).toEqual([failures[0], failures[0], [0, 0]]);
    expect(asked()).toBe(1);
  });
});
