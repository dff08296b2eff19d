import { setActivityOptions } from '@temporalio/activity';
import { RawValue } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin, type GuardEvent } from 'activity-guard/worker';
import type { Calls } from '../fixtures/observing-workflows';
import { newCharge } from '../fixtures/protobuf-root';
import { EncryptingCodec } from '../support/encrypting-codec';
import { logged, WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/observing-workflows');
const richPath = require.resolve('../fixtures/rich-converter');

let here: WorkerHere;
let plain: Partial<WorkerOptions>;
const seen: GuardEvent[] = [];
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  const plugins = [new ActivityGuardPlugin({ receipts: here.receipts, onEvent: (e) => seen.push(e) })];
  plain = { plugins };
});
afterAll(() => here.stop());

/** An activity that counts its effects and gives one of these values. */
function giving(values: Record<string, unknown>) {
  const effects: string[] = [];
  const give = async (name: string): Promise<unknown> => {
    effects.push(name);
    return values[name];
  };
  return { give: guarded(give), count: (name: string) => effects.filter((effect) => effect === name).length };
}

/** What workflows see of each value, all on one worker, and how often each effect ran. */
async function observeAll(
  options: Partial<WorkerOptions>,
  prefix: string,
  values: Record<string, unknown>,
  more: Partial<Calls> = {},
): Promise<Record<string, { seen: unknown[]; effects: number }>> {
  const { give, count } = giving(values);
  const names = Object.keys(values);
  const answers = await here.running({ ...plain, ...options, activities: { give } }, (run) =>
    Promise.all(
      names.map((name) => run('observe', { name: 'give', id: `${prefix}:${name}`, args: [name], ...more })),
    ),
  );
  return Object.fromEntries(names.map((name, i) => [name, { seen: answers[i] ?? [], effects: count(name) }]));
}

const twoMiB = 2 * 1024 * 1024;
const nested = { a: undefined, list: [undefined, null], at: new Date(0), deep: { deeper: [{ x: 1 }] } };

/** What each value is to the workflow; plain JSON loses some of it, in the first result as in the replay. */
const values: readonly [name: string, value: unknown, plainly: string, richly: string][] = [
  ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"', 'Date(1970-01-01T00:00:00.000Z)'],
  ['a map', new Map([['a', new Map([[1, 2n]])]]), '{}', 'Map(a => Map(1 => 2n))'],
  ['a set', new Set([1, 'b']), '{}', 'Set(1, "b")'],
  ['undefined', undefined, 'undefined', 'undefined'],
  ['null', null, 'null', 'null'],
  ['NaN', NaN, 'null', 'NaN'],
  ['a buffer', Buffer.from([0, 255]), 'bytes(0 255)', 'bytes(0 255)'],
  ['bytes', new Uint8Array([1, 2, 3]), 'bytes(1 2 3)', 'bytes(1 2 3)'],
  ['no bytes', new Uint8Array(), 'bytes()', 'bytes()'],
  ['an empty string', '', '""', '""'],
  [
    'nested objects',
    nested,
    '{list: [null, null], at: "1970-01-01T00:00:00.000Z", deep: {deeper: [{x: 1}]}}',
    '{a: undefined, list: [undefined, null], at: Date(1970-01-01T00:00:00.000Z), deep: {deeper: [{x: 1}]}}',
  ],
  ['a raw value', new RawValue({ raw: 1 }), '{raw: 1}', ''],
  ['almost too much', 'x'.repeat(twoMiB - 200), 'a string of 2096952', 'a string of 2096952'],
];

// Mutation: answering a replay with the outcome's bytes instead of the decoded value fails here.
describe('the workflow sees a replay exactly as it saw the first result', () => {
  type Observed = Awaited<ReturnType<typeof observeAll>>;
  let plainly: Observed;
  let richly: Observed;
  beforeAll(async () => {
    const of = (use: typeof values) => Object.fromEntries(use.map(([name, value]) => [name, value]));
    plainly = await observeAll({}, 'plain', of(values));
    const rich = {
      dataConverter: { payloadConverterPath: richPath, payloadCodecs: [new EncryptingCodec()] },
      workflowBundle: await here.bundle({ workflowsPath, payloadConverterPath: richPath }),
    };
    richly = await observeAll(rich, 'rich', of(values.filter(([, , , text]) => text !== '')));
  });

  it.each(values)('%s, with the default converter', (name, _value, text) => {
    expect(plainly[name]).toEqual({ seen: [text, text], effects: 1 });
  });

  it.each(values.filter(([, , , text]) => text !== ''))(
    '%s, with a converter of its own and an encrypting codec',
    (name, _value, _plain, text) => {
      expect(richly[name]).toEqual({ seen: [text, text], effects: 1 });
    },
  );

  it.each(['protobuf-converter', 'protobuf-binary-converter'])(
    'a protobuf message, with %s',
    async (name) => {
      const payloadConverterPath = require.resolve(`../fixtures/${name}`);
      const options = {
        dataConverter: { payloadConverterPath },
        workflowBundle: await here.bundle({ workflowsPath, payloadConverterPath }),
      };
      const { message } = await observeAll(options, name, { message: newCharge('ch_1', 42) });
      const text = 'Charge{id: "ch_1", amount: 42}';
      expect(message).toEqual({ seen: [text, text], effects: 1 });
      const { outcome } = (await here.receipt(`${name}:message`)) ?? {};
      expect(Buffer.from(outcome?.bytes ?? []).toString('latin1')).toContain('shop.Charge');
    },
  );

  // Mutation: leaving `outputType` out of encodeResult or decodeResult, or not copying the options in guarded(), fails here.
  it('a value that setActivityOptions converts', async () => {
    class Money {
      // Private, so that no converter sees it by itself.
      readonly #cents: number;
      constructor(cents: number) {
        this.#cents = cents;
      }
      toString = (): string => `EUR ${this.#cents}`;
    }
    let effects = 0;
    const pay = async (): Promise<Money> => (effects++, new Money(250));
    const outputType = {
      transferTypeConverter: {
        toTransferType: (money: Money) => String(money),
        fromTransferType: (text: unknown) => new Money(Number(String(text).slice(4))),
      },
    };
    setActivityOptions({ typeInfo: { outputType } }, pay);
    const seenBy = await here.running({ ...plain, activities: { pay: guarded(pay) } }, (run) =>
      run('observe', { name: 'pay', id: 'typed' }),
    );
    expect([seenBy, effects]).toEqual([['"EUR 250"', '"EUR 250"'], 1]);
  });
});

describe('a result that the converter cannot encode', () => {
  // Mutation: throwing the converter's error from encodeResult (as if it could pass) converts it again and fails here.
  it('is known to have happened: every call says so, finally, and the effect runs once', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    let converted = 0;
    const refusing = {
      toJSON: () => {
        converted++;
        throw new TypeError('not to be converted');
      },
    };
    const values = { bigint: { n: 5n }, circular, refusing };
    const observed = await observeAll({}, 'unencodable', values, { times: 3 });
    for (const name of Object.keys(values)) {
      const { seen: failures, effects } = observed[name] ?? { seen: [], effects: NaN };
      expect(failures).toHaveLength(3);
      for (const failure of failures) {
        expect((failure as string[])[0]).toMatch(/^ApplicationFailure ResultUnavailable!: The effect of/);
        expect((failure as string[])[0]).toContain('{requestId: a string of 71}');
      }
      expect(effects).toBe(1);
      expect(await here.receipt(`unencodable:${name}`)).toMatchObject({
        state: 'committed',
        outcome: { format: 'none' },
      });
    }
    expect(converted).toBe(1);
  });
});

describe('a result that Temporal does not carry', () => {
  // Mutation: `tooLarge` answering undefined makes the remote call end as PayloadsTooLarge after all its attempts, and
  // the local one repeat its workflow task until the workflow times out.
  it.each([
    ['remote', false],
    ['local', true],
  ])('is refused once and for all, but kept (%s)', async (kind, local) => {
    const { value } = await observeAll({}, `huge-${kind}`, { value: 'x'.repeat(twoMiB) }, { local });
    const refusal = expect.arrayContaining([
      expect.stringMatching(/^ApplicationFailure ResultUnavailable!/),
    ]) as unknown;
    expect(value).toEqual({ seen: [refusal, refusal], effects: 1 });
    expect(JSON.stringify(value)).toContain('which carries 2097152');
    const receipt = await here.receipt(`huge-${kind}:value`);
    expect([receipt?.state, receipt?.outcome?.format]).toEqual(['committed', 'temporal/payload']);
    expect(receipt?.outcome?.bytes.length).toBeGreaterThan(twoMiB);
  });

  it('is not even kept beyond what a row should hold', async () => {
    const { value } = await observeAll({}, 'giant', { value: Buffer.alloc(17 * 1024 * 1024) });
    expect(value).toMatchObject({ effects: 1 });
    expect(await here.receipt('giant:value')).toMatchObject({
      state: 'committed',
      outcome: { format: 'none' },
    });
  });
});

describe('a namespace whose payloads are encrypted', () => {
  // Mutation: encodeResult or encodeFailure without the codecs fails here.
  it('has no secret in the receipts, the events or the logs', async () => {
    const secret = '4242424242424242';
    logged.length = 0;
    seen.length = 0;
    const options = { dataConverter: { payloadCodecs: [new EncryptingCodec()] } };
    const { card } = await observeAll(options, 'secret', { card: { number: secret } });
    expect(card).toEqual({ seen: [`{number: "${secret}"}`, `{number: "${secret}"}`], effects: 1 });
    const receipt = await here.receipt('secret:card');
    const { bytes } = receipt?.outcome ?? { bytes: new Uint8Array() };
    expect(bytes.length).toBeGreaterThan(secret.length);
    const everything = JSON.stringify([receipt, Buffer.from(bytes).toString('latin1'), seen, logged]);
    expect(everything).not.toContain(secret);
    expect(seen.map((event) => event.type)).toEqual(['claimed', 'settled', 'replayed']);
  });
});

describe('a key service that is away', () => {
  let codec: EncryptingCodec;
  let options: Partial<WorkerOptions>;
  beforeEach(() => {
    codec = new EncryptingCodec();
    options = { dataConverter: { payloadCodecs: [codec] } };
  });

  // Mutation: encoding once instead of patiently fails here.
  it('for a moment after the effect: the result is stored when it is back', async () => {
    const left = codec.fail('encode', 2);
    const { value } = await observeAll(options, 'away-once', { value: 'kept' });
    expect([value, left()]).toEqual([{ seen: ['"kept"', '"kept"'], effects: 1 }, 0]);
  });

  it('for long after the effect: that it happened is stored, and nothing runs again', async () => {
    const left = codec.fail('encode', 5);
    const { value } = await observeAll(options, 'away-long', { value: 'lost' });
    const refusal = [expect.stringMatching(/^ApplicationFailure ResultUnavailable!/)] as unknown[];
    expect(value).toEqual({ seen: [expect.arrayContaining(refusal), refusal], effects: 1 });
    expect([left(), await here.receipt('away-long:value')]).toMatchObject([
      0,
      { state: 'committed', outcome: { format: 'none' } },
    ]);
  });

  // Mutation: a final ResultUnavailable for a failed decode makes the second call fail here.
  it('while a receipt is read: the call is retried until it is back', async () => {
    const left = codec.fail('decode', 2);
    logged.length = 0;
    const { value } = await observeAll(options, 'away-replay', { value: 'read' });
    expect([value, left()]).toEqual([{ seen: ['"read"', '"read"'], effects: 1 }, 0]);
    expect(logged.filter((line) => line === 'Activity failed')).toHaveLength(2);
  });
});
