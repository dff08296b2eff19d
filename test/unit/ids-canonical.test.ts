import { runInNewContext } from 'node:vm';

import fc from 'fast-check';

import { canonicalJson } from '../../src/ids';

describe('canonicalJson on what cannot be told apart', () => {
  class Hidden {
    readonly #amount: number;
    constructor(amount: number) {
      this.#amount = amount;
    }
    get amount(): number {
      return this.#amount;
    }
  }

  // Mutation: `{}` for all of them. A charge of 9 would get the receipt of a charge of 5.
  it.each([new Hidden(5), /5/, new Error('5'), Promise.resolve(5), Object(5n) as unknown])(
    'refuses %p',
    (value) => {
      expect(() => canonicalJson([{ of: value }])).toThrow(/\$\[0\]\.of has no content/);
    },
  );

  it('writes plain objects of every kind, and instances with fields', () => {
    const other = runInNewContext('({})') as object;
    class Money {
      constructor(readonly amount: number) {}
    }
    expect(canonicalJson([{}, Object.create(null), other, new Money(5), new Date(0)])).toBe(
      '[{},{},{},{"amount":5},"1970-01-01T00:00:00.000Z"]',
    );
  });
});

describe('canonicalJson on JSON', () => {
  it('writes the example of RFC 8785, section 3.2.3', () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '€$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it.each([
    [-0, '0'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [1e21, '1e+21'],
    [999999999999999900000, '999999999999999900000'],
    [1e-6, '0.000001'],
    [1e-7, '1e-7'],
  ])('writes the number %p as RFC 8785, appendix B, does', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  // Mutation: sorting by localeCompare, or by code points, fails here.
  it('orders keys by UTF-16 code units, so that a surrogate pair comes before U+FB33', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const value = Object.fromEntries(keys.map((key) => [key, 0]));
    const parsed = JSON.parse(canonicalJson(value)) as object;
    expect(Object.keys(parsed)).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33']);
  });

  it('gives a text that reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // -0 is 0 in JSON.
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, v]) => [key, shuffled(v)] as const);
    return Object.fromEntries(entries.reverse());
  };

  it('does not depend on the order of the keys, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => canonicalJson(shuffled(value)) === canonicalJson(value)),
    );
  });

  it('gives different texts to different values', () => {
    const same = (a: unknown, b: unknown): boolean => {
      if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
      if (Array.isArray(a) !== Array.isArray(b)) return false;
      const [x, y] = [a, b] as Record<string, unknown>[];
      const keys = Object.keys(a);
      return (
        keys.length === Object.keys(b).length &&
        keys.every((k) => Object.hasOwn(b, k) && same(x?.[k], y?.[k]))
      );
    };
    const small = fc.jsonValue({ maxDepth: 2, depthSize: 'small' });
    fc.assert(
      fc.property(small, small, (a, b) => (canonicalJson(a) === canonicalJson(b)) === same(a, b)),
      { numRuns: 2000 },
    );
  });
});

describe('canonicalJson beyond JSON', () => {
  it('drops what JSON drops, so that a payload hashes alike before and after its way through a converter', () => {
    const value = { a: undefined, b: () => 1, c: Symbol('c'), d: [undefined, () => 1, Symbol('e')] };
    expect(canonicalJson(value)).toBe('{"d":[null,null,null]}');
    expect(canonicalJson([1, , 3])).toBe('[1,null,3]');
    expect(canonicalJson(undefined)).toBe('null');
  });

  it('writes dates, boxed values and toJSON as JSON does', () => {
    const at = new Date('2030-01-02T03:04:05.678Z');
    const values = {
      at,
      boxed: [Object('s'), Object(1), Object(false)],
      money: { toJSON: () => ({ b: 1, a: 2 }) },
    };
    expect(canonicalJson(values)).toBe(
      '{"at":"2030-01-02T03:04:05.678Z","boxed":["s",1,false],"money":{"a":2,"b":1}}',
    );
  });

  it('tells apart what JSON cannot hold, from each other and from every JSON value', () => {
    const values: unknown[] = [
      ...[1, '1', 'bigint:"1"', 1n, -1n, {}, [], null, ''],
      ...[
        new Map(),
        new Map([[1, 2]]),
        new Map([[2, 1]]),
        new Map([['1', 2]]),
        new Set(),
        new Set([1]),
        new Set(['1']),
      ],
      ...[new Uint8Array([]), new Uint8Array([1]), new Uint8Array([1, 0]), [1], [[1, 2]], { 1: 2 }],
    ];
    const texts = values.map(canonicalJson);
    expect(new Set(texts).size).toBe(values.length);
  });

  it('does not depend on the order of a Map or a Set', () => {
    const forwards = new Map<unknown, unknown>([
      ['a', 1],
      [2, new Set([3, 4, 'x'])],
    ]);
    const backwards = new Map<unknown, unknown>([
      [2, new Set(['x', 4, 3])],
      ['a', 1],
    ]);
    expect(canonicalJson(forwards)).toBe(canonicalJson(backwards));
  });

  it('writes the same bytes alike, whatever view they are seen through', () => {
    const whole = Uint8Array.from([9, 1, 2, 255]);
    const views = [whole.subarray(1), Buffer.from([1, 2, 255]), Uint8Array.from([1, 2, 255]).buffer];
    expect(new Set(views.map(canonicalJson))).toEqual(new Set(['bytes:"0102ff"']));
  });

  it.each([
    ['NaN', { deep: [Number.NaN] }, /\$\.deep\[0\]/],
    ['infinity', [-Infinity], /\$\[0\]/],
    [
      'a cycle',
      (() => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      })(),
      /nested deeper/,
    ],
    [
      'a toJSON that gives itself',
      (() => {
        const a = { toJSON: (): unknown => a };
        return a;
      })(),
      /nested deeper/,
    ],
    ['what is nested too deep', JSON.parse('['.repeat(300) + ']'.repeat(300)), /nested deeper/],
    ['what is too large', 'x'.repeat(16 * 1024 * 1024), /too large/],
  ])('refuses %s, naming the place', (_name, value, message) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
    expect(() => canonicalJson(value)).toThrow(message);
  });

  it('never quotes the content of what it refuses', () => {
    const secret = { card: '4111111111111111', bad: Number.NaN };
    expect(() => canonicalJson(secret)).toThrow(
      expect.not.objectContaining({ message: expect.stringMatching(/4111/) }),
    );
  });
});
