import { createHash } from 'node:crypto';

import fc from 'fast-check';

import { sha256Hex, sha256InJavaScript } from '../../src/ids/sha256';

/** Any UTF-16 code units, in pairs or not. */
const utf16 = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

const byNode = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

describe.each([
  ['sha256Hex', sha256Hex],
  ['sha256InJavaScript', sha256InJavaScript],
])('%s', (_name, sha256) => {
  it('gives the published digests of FIPS 180-4', () => {
    expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
    expect(sha256('a'.repeat(1_000_000))).toBe(
      'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    );
  });

  // Mutation: `(bytes.length + 9) >> 6` in the padding fails at 55 or 56 bytes.
  it('agrees with node:crypto at every length across four blocks', () => {
    for (let length = 0; length <= 260; length++) {
      const text = 'x'.repeat(length);
      expect([length, sha256(text)]).toEqual([length, byNode(text)]);
    }
  });

  it('agrees with node:crypto on any text, lone surrogates too', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 200 }), utf16),
        (text) => sha256(text) === byNode(text),
      ),
      { numRuns: 500 },
    );
  });
});
