/** What the cases are made of. */
import fc from 'fast-check';

import { values } from './hostile';

/** A value as it is, or one that is made where it is used. */
export type Spec = { readonly value: unknown } | { readonly hostile: keyof typeof values };

export const build = (spec: Spec): unknown => ('hostile' in spec ? values[spec.hostile]() : spec.value);

/** Whether a value is none of those that nobody expects. */
export const isPlain = (spec: Spec): spec is { readonly value: unknown } => 'value' in spec;

/** Each of these takes a while to be refused. */
const slow = ['shared parts', 'too many bytes', 'nested far too deep'] as const;
const quick = (Object.keys(values) as (keyof typeof values)[]).filter(
  (name) => !(slow as readonly string[]).includes(name),
);

export const hostile: fc.Arbitrary<Spec> = fc.record({ hostile: fc.constantFrom(...quick) });

const plain = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Spec> => arbitrary.map((value) => ({ value }));

/** Any whole character. The generator's own for these takes seconds to be made. */
const character = fc
  .oneof(fc.integer({ min: 0, max: 0x2ff }), fc.integer({ min: 0, max: 0x10ffff }))
  .map((code) => (code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code)));

/** Any UTF-16, with halves of pairs. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0xd7ff, max: 0xe000 })), {
    maxLength: 12,
  })
  .map((codes) => String.fromCharCode(...codes));

/** Texts around a limit of bytes, of letters of one to four bytes, and of one that is shorter in NFC. */
const around = (bytes: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('a', 'é', 'e\u0301', '€', '𝒳', '\u1e9b\u0323'), fc.integer({ min: -3, max: 3 }))
    .map(([letter, more]) => {
      const whole = letter.repeat(Math.floor((bytes + more) / Buffer.byteLength(letter.normalize('NFC'))));
      return whole + 'x'.repeat(Math.max(0, bytes + more - Buffer.byteLength(whole.normalize('NFC'))));
    });

const hex64 = 'ab'.repeat(32);
const oddTexts = fc.constantFrom(
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '__proto__',
    'constructor',
    'null',
    'undefined',
    'NaN',
    '{a,"b\\"}',
    '"',
    '\\',
    "'",
  ],
  ...[
    "'; drop table receipts; --",
    '$1',
    '%00',
    '%',
    '../..',
    '..',
    '/',
    'a/b',
    '?',
    '#',
    '\r\n',
    '\u202e',
    '\ufeff',
  ],
  ...[
    '\uffff',
    '\u0085',
    'x~g0',
    'x~g1',
    'x~g2',
    'x~g999',
    'x~g1000',
    '~g2',
    `sha256:${hex64}`,
    `sha256:${hex64}~g2`,
  ],
  ...['sha256:abc', `SHA256:${hex64}`, '1:a/1:b', 'é', 'e\u0301', '\u212b', '\u00c5', '\ufb01', 'ß'],
);

/** Texts, from ordinary to broken. */
export const texts = (bytes: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: 1, maxLength: 30 }) },
    { weight: 2, arbitrary: fc.string({ unit: character, maxLength: 20 }) },
    { weight: 2, arbitrary: oddTexts },
    { weight: 2, arbitrary: around(bytes) },
    { weight: 1, arbitrary: units },
    { weight: 1, arbitrary: fc.tuple(fc.string(), oddTexts).map(([a, b]) => a + b) },
  );

/** What may stand where an id belongs. */
export const ids: fc.Arbitrary<Spec> = fc.oneof(
  { weight: 9, arbitrary: plain(texts(512)) },
  { weight: 1, arbitrary: hostile },
);

/** What may stand where a name belongs; mostly a good one. */
export const names = (characters: number): fc.Arbitrary<Spec> =>
  fc.oneof(
    { weight: 12, arbitrary: plain(fc.constantFrom('send_email', 'charge', 'Zahlung/€')) },
    { weight: 2, arbitrary: plain(texts(characters)) },
    { weight: 1, arbitrary: hostile },
  );

/** JSON, as all clients have it. */
export const json: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 3, stringUnit: character });

/** What JSON does not have, and Node can keep. */
export const rich = fc.anything({
  ...{ maxDepth: 2, maxKeys: 4, withBigInt: true, withDate: true, withMap: true, withSet: true },
  ...{ withTypedArray: true, withSparseArray: true, withBoxedValues: true },
});

export const anyValue: fc.Arbitrary<Spec> = fc.oneof(
  { weight: 5000, arbitrary: plain(json) },
  { weight: 3000, arbitrary: plain(rich) },
  { weight: 4000, arbitrary: hostile },
  { weight: 1, arbitrary: fc.record({ hostile: fc.constantFrom(...slow) }) },
);
