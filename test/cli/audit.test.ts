/** `activity-guard audit`, `show --key` and `verify`: with a database, and without one. */
import { createHash, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parse } from '../../src/cli/program';
import { UsageError } from '../../src/cli/usage-error';
import { outcomeOf, over, requestFor } from '../contract/rows';
import { runCli, type Ended } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const folder = mkdtempSync(join(tmpdir(), 'audit-'));
const file = (name: string, text: string | Buffer): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const privatePem = ({ privateKey }: Pair) => privateKey.export({ type: 'pkcs8', format: 'pem' });
const publicPem = ({ publicKey }: Pair) => publicKey.export({ type: 'spki', format: 'pem' });

const pair = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = file('key.pem', privatePem(pair));
const publicKey = file('public.pem', publicPem(pair));
const otherPublicKey = file('other.pem', publicPem(other));

let scratch: ScratchSchema;
/** A line that turns its direction, as nobody may have to read it. */
const id = 'invoice:42\u202e';
const secret = 'SECRET-4111-1111';

beforeAll(async () => {
  scratch = await scratchSchema();
  const store = scratch.open();
  const request = requestFor(id, { leaseMs: over });
  await store.claim(request);
  for (const note of ['1', '2', '3', '4', '5'])
    await store.addEvidence({ key: request.key, epoch: 1, source: 'bank', verdict: 'undetermined', note });
  await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf(secret) });
}, 30_000);
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

const audit = (...args: string[]): Promise<Ended> => runCli(['audit', ...args, '--schema', scratch.schema]);

/** Without a database. */
const offline = (...args: string[]): Promise<Ended> =>
  runCli(args, { env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' } });

const out = async (ended: Promise<Ended>): Promise<string> => {
  const { code, err, out: printed } = await ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return printed;
};

describe('audit verify', () => {
  it('goes through the chains of all namespaces, or of one, and prints their heads', async () => {
    await scratch
      .open('Zürich')
      .addEvidence({ key: requestFor('x').key, epoch: 1, source: 'bank', verdict: 'committed' });
    const all = (await out(audit('verify'))).trimEnd().split('\n');
    expect(all).toEqual([
      expect.stringMatching(/^Zürich: rows 1 to 1 are in order; head 1:[0-9a-f]{64}$/),
      expect.stringMatching(/^default: rows 1 to 5 are in order; head 5:[0-9a-f]{64}$/),
    ]);
    expect(await out(audit('verify', '--namespace', 'default'))).toBe(`${all[1]}\n`);
    expect(await out(audit('verify', '--namespace', 'nobody'))).toBe('nobody: no rows\n');
    const head = / (5:\S+)/.exec(all[1] ?? '')?.[1] ?? '';
    await out(audit('verify', '--expect', head));
    const { code, out: printed } = await audit('verify', '--expect', head.replace('5:', '6:'));
    expect([code, printed]).toEqual([1, 'default: row 6 is missing: there is no such row\n']);
  });

  it('and sign look at the whole chain: they fail with the first row that is wrong', async () => {
    const broken = await scratchSchema();
    const store = broken.open();
    const { pool, schema } = broken;
    const run = (...args: string[]): Promise<Ended> => runCli(['audit', ...args, '--schema', schema]);
    try {
      expect(await run('sign', '--key', key)).toEqual({
        ...{ code: 1, out: '', err: 'activity-guard: nothing was signed: default: no rows\n' },
      });
      for (let i = 0; i < 3; i++)
        await store.addEvidence({ key: requestFor('x').key, epoch: 1, source: 'bank', verdict: 'committed' });
      await pool.query(`alter table "${schema}".audit disable trigger all`);
      await pool.query(`update "${schema}".audit set source = 'x' where seq = 2`);
      const why = 'default: row 2 is altered: it has another hash than it says\n';
      expect(await run('verify')).toEqual({ code: 1, out: why, err: '' });
      expect(await run('sign', '--key', key)).toEqual({
        ...{ code: 1, out: '', err: `activity-guard: nothing was signed: ${why}` },
      });
    } finally {
      await broken.close();
    }
  });

  it('holds the chain against a checkpoint that was signed with the key', async () => {
    const checkpoint = file('checkpoint.json', await out(audit('sign', '--key', key)));
    const against = (...args: string[]): Promise<Ended> =>
      audit('verify', '--checkpoint', checkpoint, ...args);
    expect(await out(against('--public-key', publicKey))).toMatch(/^default: rows 1 to 5/);
    expect(await out(offline('verify', checkpoint, '--public-key', publicKey))).toMatch(
      /as it was signed at 20.*checkpoint\n$/,
    );
    for (const [args, why] of [
      [['--public-key', otherPublicKey], /signed with another key/],
      [['--public-key', publicKey, '--namespace', 'other'], /one of namespace default/],
    ] as const)
      expect(await against(...args)).toMatchObject({ code: 2, err: expect.stringMatching(why) });
  });
});

describe('an export of the audit log, without the database', () => {
  let lines: string[];
  let checkpoint: string;
  beforeAll(async () => {
    lines = (await out(audit('export'))).trimEnd().split('\n');
    checkpoint = file('kept.json', await out(audit('sign', '--key', key)));
    expect(lines).toHaveLength(5);
  });

  const verifyFile = (text: readonly string[], ...args: string[]): Promise<Ended> =>
    offline('audit', 'verify', '--file', file('audit.jsonl', text.join('\n')), ...args);
  const kept = (): string[] => ['--checkpoint', checkpoint, '--public-key', publicKey];

  it('is verified, whole and from some row on', async () => {
    expect(await out(verifyFile(lines, ...kept()))).toMatch(/^default: rows 1 to 5 are in order/);
    const part = (await out(audit('export', '--from', '4'))).trimEnd().split('\n');
    expect(part).toEqual(lines.slice(3));
    expect(await out(verifyFile(part, ...kept()))).toMatch(/^default: rows 4 to 5 are in order/);
    expect(await out(verifyFile([]))).toBe('default: no rows\n');
  });

  it.each<[string, (a: string, b: string, c: string, d: string, e: string) => string[], string]>([
    ['altered', (a, b, c, d, e) => [a, b, c.replace('"3"', '"forged"'), d, e], 'row 3 is altered'],
    ['missing', (a, b, _c, d, e) => [a, b, d, e], 'row 3 is missing'],
    ['swapped', (a, b, c, d, e) => [a, b, d, c, e], 'row 3 is reordered: it stands only in line 4'],
    ['at the end', (a, b, c, d, e) => [a, b, d, e, c], 'row 3 is reordered: it stands only in line 5'],
    ['there twice', (a, b, c, d, e) => [a, b, c, c, d, e], 'row 4 is reordered'],
    ['elsewhere', (a, b, c, d, e) => [a, b, c.replace('"default"', '"x"'), d, e], 'row 3 is reordered'],
    ['cut off', (a, b, c) => [a, b, c], 'row 4 is missing'],
  ])('names a row that is %s', async (_name, forged, why) => {
    const [a = '', b = '', c = '', d = '', e = ''] = lines;
    const { code, out: printed } = await verifyFile(forged(a, b, c, d, e), ...kept());
    expect([code, printed.includes(why)]).toEqual([1, true]);
  });

  it('is refused where it cannot be held against what is expected, or is none', async () => {
    const expected = `2:${'0'.repeat(64)}`;
    expect(await verifyFile(lines.slice(3), '--expect', expected)).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('begins after row 2') },
    });
    expect(await verifyFile(lines.slice(2), '--expect', expected)).toMatchObject({
      ...{ code: 1, out: expect.stringContaining('row 2 is altered') },
    });
    expect(await verifyFile([...lines, '{}'])).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('line 6 of') },
    });
    expect(await offline('audit', 'verify', '--file', join(folder, 'none'))).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('ENOENT') },
    });
  });
});

describe('a signed receipt', () => {
  let text: string;
  beforeAll(async () => {
    text = await out(runCli(['show', id, '--key', key, '--schema', scratch.schema]));
  });

  it('has the facts, the hash of the outcome, and a signature that anybody can verify', async () => {
    const { signature, ...document } = JSON.parse(text) as Record<string, never>;
    const sha256 = createHash('sha256').update(secret).digest('hex');
    expect(document).toMatchObject({
      ...{ type: 'activity-guard/receipt', keyId: expect.stringMatching(/^[0-9a-f]{64}$/) },
      receipt: {
        requestId: id,
        state: 'committed',
        epoch: 1,
        outcome: { format: 'json', bytes: 16, sha256 },
      },
      evidence: [{ note: '1' }, {}, {}, {}, { source: 'bank' }],
    });
    expect(text).not.toContain(secret);
    expect(text).not.toContain('token');
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([k, v]) => [k, sorted(v)]),
            )
          : value;
    const bytes = Buffer.from(JSON.stringify(sorted(document)));
    expect(verify(null, bytes, pair.publicKey, Buffer.from(signature ?? '', 'base64'))).toBe(true);
    const receipt = file('receipt.json', text);
    expect(await out(offline('verify', receipt, '--public-key', publicKey))).toContain(
      'activity-guard/receipt',
    );
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['another state', (all) => all.replace('"committed"', '"rejected"'), /was altered/],
    ['another note', (all) => all.replace('"note":"3"', '"note":"4"'), /was altered/],
    ['another time', (all) => all.replace('"signedAt":"2', '"signedAt":"1'), /was altered/],
    ['another signature', (all) => all.replace(/"signature":"..../, '"signature":"AAAA'), /was altered/],
    ['no signature', (all) => all.replace(/,"signature":"[^"]+"/, ''), /no signed document/],
    ['a field twice', (all) => all.replace('{', '{"type":"x",'), /not written as it was signed/],
    ['white space', (all) => JSON.stringify(JSON.parse(all), null, 2), /not written as it was signed/],
    ['nothing in it', () => '', /no signed document/],
    ['a null', () => 'null', /no signed document/],
  ])('proves nothing with %s', async (_name, forged, why) => {
    const { code, err } = await offline(
      'verify',
      file('forged.json', forged(text)),
      '--public-key',
      publicKey,
    );
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(why) });
  });

  it('proves nothing to who has another key, and is no checkpoint', async () => {
    const receipt = file('receipt.json', text);
    const { err } = await offline('verify', receipt, '--public-key', otherPublicKey);
    expect(err).toMatch(/signed with another key \([0-9a-f]{64}\)/);
    expect(await audit('verify', '--checkpoint', receipt, '--public-key', publicKey)).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('it is a signed receipt') },
    });
  });
});

describe('a key', () => {
  const bare = (pem: string | Buffer): string => /\n([\w+/]{30,})/.exec(pem.toString())?.[1] ?? 'no key';
  const encrypted = pair.privateKey.export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'few' },
  } as const);

  it.each<[string, string | Buffer]>([
    ['of another kind', privatePem(rsa)],
    ['that is public', publicPem(pair)],
    ['with a passphrase', encrypted],
    ['that is cut off', privatePem(pair).slice(0, 80)],
    ['that is none', 'x'],
  ])('%s does not sign, and is not printed', async (_name, pem) => {
    const ended = await audit('sign', '--key', file('wrong.pem', pem));
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringContaining('no Ed25519 private key') });
    expect(ended.err).not.toContain(bare(pem));
  });

  it.each<[string, string | Buffer]>([
    ['of another kind', publicPem(rsa)],
    ['that is private', privatePem(pair)],
    ['that is none', 'x'],
  ])('%s does not verify, and is not printed', async (_name, pem) => {
    const ended = await offline('verify', file('any.json', '{}'), '--public-key', file('wrong.pem', pem));
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringContaining('no Ed25519 public key') });
    expect(ended.err).not.toContain(bare(pem));
  });

  it('that is not there is told by its option', async () => {
    for (const args of [
      ['audit', 'sign', '--key', 'none'],
      ['show', 'x', '--key', 'none'],
    ])
      expect(await offline(...args)).toMatchObject({ code: 2, err: expect.stringMatching(/--key.*ENOENT/) });
  });
});

it.each<[string[], RegExp]>([
  [['audit', 'look'], /one of verify, export, sign/],
  [['audit', 'sign'], /takes --key/],
  [['audit', 'verify', '--key', 'k'], /--key does not go with audit verify/],
  [['audit', 'export', '--file', 'f'], /--file does not go with audit export/],
  [['audit', 'sign', '--key', 'k', '--from', '2'], /--from does not go with audit sign/],
  [['audit', 'verify', '--checkpoint', 'c'], /go together/],
  [['audit', 'verify', '--public-key', 'c'], /go together/],
  [['audit', 'verify', '--expect', '5'], /SEQ:HASH/],
  [['audit', 'verify', '--expect', `0:${'0'.repeat(64)}`], /SEQ:HASH/],
  [
    ['audit', 'verify', '--expect', `1:${'0'.repeat(64)}`, '--checkpoint', 'c', '--public-key', 'k'],
    /either/,
  ],
  [['verify', 'f'], /takes --public-key/],
  [['show', '--workflow', 'w', '--key', 'k'], /--key goes with a request id/],
])('refuses %p', (argv, message) => {
  expect(() => parse(argv)).toThrow(UsageError);
  expect(() => parse(argv)).toThrow(message);
});
