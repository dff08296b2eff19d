import fc from 'fast-check';

import {
  composeId,
  fallbackRequestId,
  fingerprintOf,
  hashArgs,
  hashOfWrittenId,
  hashRequestId,
  hashedRequestId,
  nextScope,
  receiptKey,
  requestIdProblem,
} from '../../src/ids';
import { derivedRequestId } from '../../src/ids/request-id';

describe('a request id', () => {
  it.each([
    ['an empty text', '', /empty/],
    ['a number', 7, /number, not a string/],
    ['null', null, /null, not a string/],
    ['undefined', undefined, /undefined, not a string/],
    ['an object that looks like a text', Object('id'), /object, not a string/],
    ['a NUL', 'a\0b', /NUL/],
    ['a high surrogate alone', 'a\ud83d', /surrogate/],
    ['a low surrogate alone', '\ude00a', /surrogate/],
    ['surrogates in the wrong order', '\ude00\ud83d', /surrogate/],
    ['an id that ends like a generation', 'invoice:42~g2', /generation/],
    ['513 bytes', 'x'.repeat(513), /513 bytes/],
    ['513 bytes in few characters', '€'.repeat(171), /513 bytes/],
  ])('is refused when it is %s', (_name, id, message) => {
    expect(requestIdProblem(id)).toMatch(message);
  });

  it.each([
    ['a single character', 'x'],
    ['512 bytes', 'x'.repeat(512)],
    ['512 bytes in few characters', '😀'.repeat(128)],
    ['spaces and quotes', ' \'"; drop table'],
    // 600 bytes as given, 400 in NFC, which is what is stored and compared.
    ['more than 512 bytes that NFC shortens', 'e\u0301'.repeat(200)],
  ])('is accepted when it is %s', (_name, id) => {
    expect(requestIdProblem(id)).toBeUndefined();
  });

  it('is never quoted in the problem: it may be anything', () => {
    expect(requestIdProblem(`secret\0${'s'.repeat(600)}`)).not.toMatch(/secret/);
  });

  // Mutation: hashing the id as given fails here.
  it('is the same id in every Unicode normal form', () => {
    for (const text of ['é', 'Å', 'ệ', '한글']) {
      expect(hashRequestId(text.normalize('NFD'))).toBe(hashRequestId(text.normalize('NFC')));
    }
    expect(hashRequestId('ﬁ')).not.toBe(hashRequestId('fi')); // compatibility forms are other ids
  });

  it('is found by its text and by the sha256 form that receipts show', () => {
    const hash = hashRequestId('invoice:42');
    expect(hashOfWrittenId('invoice:42')).toBe(hash);
    expect(hashOfWrittenId(hashedRequestId(hash))).toBe(hash);
    expect(hashOfWrittenId('sha256:short')).toBe(hashRequestId('sha256:short'));
  });
});

describe('composed ids', () => {
  // Mutation: joining without lengths fails both.
  it('tell apart `a` + `b/c` from `a/b` + `c`', () => {
    expect(composeId(['a', 'b/c'])).not.toBe(composeId(['a/b', 'c']));
  });

  it('are equal only for equal lists of parts', () => {
    const part = fc.string({ unit: fc.constantFrom('a', '/', ':', '1', '2', '0'), maxLength: 6 });
    const parts = fc.array(part, { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(composeId(a) === composeId(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 5000 },
    );
  });

  it('keep receipts of different namespaces apart, also where the names run into the id', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (n1, id1, n2, id2) => {
        const isSame = n1 === n2 && hashRequestId(id1) === hashRequestId(id2);
        expect(receiptKey(n1, hashRequestId(id1)) === receiptKey(n2, hashRequestId(id2))).toBe(isSame);
      }),
    );
    expect(receiptKey('a', '1b')).not.toBe(receiptKey('a1', 'b'));
  });

  // Mutation: leaving out the action, the arguments or the slot fails here.
  it('differ where scope, action, arguments or slot differ', () => {
    const ids = [
      derivedRequestId('s', 'a', 'h', 1),
      derivedRequestId('t', 'a', 'h', 1),
      derivedRequestId('s', 'b', 'h', 1),
      derivedRequestId('s', 'a', 'i', 1),
      derivedRequestId('s', 'a', 'h', 2),
      derivedRequestId('s', 'a'.repeat(201), 'h', 1),
      derivedRequestId('s', `${'a'.repeat(200)}b`, 'h', 1),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  // Activity names are free texts: a long one in Chinese must not make every guarded call fail.
  it('are request ids that can be used, whatever the action is called', () => {
    const scope = '01234567-89ab-cdef-0123-456789abcdef~12';
    for (const action of ['charge', 'x'.repeat(5000), '付'.repeat(200), '€'.repeat(199)]) {
      expect(requestIdProblem(derivedRequestId(scope, action, hashArgs([1]), 3))).toBeUndefined();
    }
  });

  it('of calls without a header are request ids that can be used, whatever the workflow is called', () => {
    for (const name of ['order-1', 'x'.repeat(1000), 'nul\0', '\ud83d', '€'.repeat(300)]) {
      expect(requestIdProblem(fallbackRequestId(['default', name, 'run', '1']))).toBeUndefined();
    }
    expect(fallbackRequestId(['n', 'x'.repeat(999), 'r', '1'])).not.toBe(
      fallbackRequestId(['n', 'x'.repeat(998), 'r', '1']),
    );
  });
});

describe('hashes of calls', () => {
  it('do not tell a missing last argument from an undefined one, but from null', () => {
    expect(hashArgs([1, undefined])).toBe(hashArgs([1]));
    expect(hashArgs([undefined])).toBe(hashArgs([]));
    expect(hashArgs([1, null])).not.toBe(hashArgs([1]));
    expect(hashArgs([undefined, 1])).not.toBe(hashArgs([1]));
  });

  it('are fingerprints of action and payload together', () => {
    expect(fingerprintOf('a', 1)).not.toBe(fingerprintOf('b', 1));
    expect(fingerprintOf('a', 1)).not.toBe(fingerprintOf('a', '1'));
    expect(fingerprintOf('a', { x: 1, y: 2 })).toBe(fingerprintOf('a', { y: 2, x: 1 }));
  });

  it('of continued runs count up', () => {
    expect([nextScope('r'), nextScope('r~2'), nextScope('r~9'), nextScope('a~b')]).toEqual([
      'r~2',
      'r~3',
      'r~10',
      'a~b~2',
    ]);
  });
});
