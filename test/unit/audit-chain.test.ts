/** The hash of a row of the audit log is frozen: exports and checkpoints that were kept have to verify for ever. */
import { entryIn, hashOf, type AuditEntry } from '../../src/stores/postgres/audit-chain';

const whole: Omit<AuditEntry, 'hash'> = {
  namespace: 'payments',
  seq: 7,
  at: '2026-01-31T12:00:00.000001Z',
  key: '6b0f5d0e-1c55-4a52-8f5c-0d0e7e4f7b11',
  requestId: 'invoice:42',
  epoch: 2,
  source: 'operator',
  verdict: 'committed',
  actor: 'Zoë',
  note: 'in the ledger ✓',
  late: false,
  outcomeFormat: 'json',
  outcomeSha256: 'a'.repeat(64),
  role: 'worker',
  previous: 'b'.repeat(64),
};
const {
  requestId: _id,
  actor: _actor,
  note: _note,
  outcomeFormat: _format,
  outcomeSha256: _sha,
  ...bare
} = whole;

describe('the hash of a row', () => {
  it.each([
    ['with all fields', whole, 'a9dd87296cb0cec70aeaaa50183b90b494b81342b6a0311a46d3272a20131f0d'],
    [
      'without those that may be missing',
      bare,
      '1aebc1d33178911c4eefd2d50637652822ab4e34f09aa92a1f7e4ff23973066c',
    ],
  ])('%s is as it was', (_name, entry, hash) => {
    expect(hashOf(entry)).toBe(hash);
  });

  it('tells a field that is empty from one that is not there, and where one ends and the next begins', () => {
    const hashes = [
      { ...whole, actor: '' },
      { ...whole, actor: undefined },
      { ...whole, actor: '-' },
      { ...whole, actor: 'Zo', note: 'ëin the ledger ✓' },
    ].map(hashOf);
    expect(new Set([...hashes, hashOf(whole)]).size).toBe(5);
  });
});

describe('a line of an export', () => {
  const line = JSON.stringify({ ...whole, hash: hashOf(whole) });

  it('is read as it was written', () => {
    expect(entryIn(line)).toEqual({ ...whole, hash: hashOf(whole) });
  });

  it.each([
    ['no JSON', line.slice(1)],
    ['null', 'null'],
    ['a list', `[${line}]`],
    ['a field more, which no hash covers', line.replace('{', '{"approved":true,')],
    ['a number as a text, which hashes alike', line.replace('"seq":7', '"seq":"7"')],
    ['a null, which hashes otherwise', line.replace('"Zoë"', 'null')],
    ['no role', line.replace('"role":"worker",', '')],
  ])('is none with %s', (_name, text) => {
    expect(entryIn(text)).toBeUndefined();
  });
});
