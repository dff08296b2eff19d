/** Values that nobody expects. Cases name them, and they are made where they are used: a case can then be printed and repeated. */
import { runInNewContext } from 'node:vm';

import { NotCommittedError, RejectedError } from '../../src';

/** Stands in what must not be told: no message and no column may hold it. */
export const secret = 'S3CR3T-4242';

const fails = (error: unknown) => () => {
  throw error;
};

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
};

/** Two parts at each level, and both the same: 2^40 as a tree. */
const shared = (): unknown => {
  let value: unknown = ['leaf'.repeat(10_000)];
  for (let i = 0; i < 40; i++) value = [value, value];
  return value;
};

const cycle = (): object => {
  const value: Record<string, unknown> = { secret };
  return Object.assign(value, { self: value, also: value });
};

const trapped = (target: object): object =>
  new Proxy(
    target,
    Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, fails(new Error(secret))])),
  );

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

const detached = (): unknown => {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
};

class WithPrivateField {
  readonly #hidden = secret;
  toString(): string {
    return this.#hidden;
  }
}

/** Too large to be guarded; one for all. */
const manyBytes = new Uint8Array(64 * 1024 * 1024);

const changing = (values: readonly unknown[]) => {
  let reads = 0;
  return {
    get field() {
      return values[Math.min(reads++, values.length - 1)];
    },
  };
};

/** Any value, by a name that says what is bad about it. */
export const values = {
  undefined: () => undefined,
  null: () => null,
  'not a number': () => NaN,
  infinity: () => -Infinity,
  'minus zero': () => -0,
  'a huge number': () => Number.MAX_VALUE,
  'a bigint': () => 10n ** 40n,
  'a symbol': () => Symbol(secret),
  'a function': () => () => secret,
  'an empty array': () => [],
  'an empty object': () => ({}),
  'a boxed text': () => new String('text'),
  'a date': () => new Date(0),
  'no date': () => new Date(NaN),
  'an expression': () => /a/g,
  'an error': () => new Error(secret),
  'a map': () => new Map<unknown, unknown>([[{ a: 1 }, new Map([[1, 2]])]]),
  'a set': () => new Set([1, '1', NaN]),
  'a weak map': () => new WeakMap(),
  bytes: () => Buffer.from([0, 255]),
  'too many bytes': () => manyBytes,
  'detached bytes': detached,
  'shared memory': () => new SharedArrayBuffer(8),
  holes: () => [, 1, , undefined],
  'billions of holes': () => new Array<unknown>(2 ** 32 - 1),
  'an array with a name': () => Object.assign([1, 2], { name: 'x' }),
  'an array with toJSON': () => Object.assign([1, 2], { toJSON: () => 5 }),
  'a match': () => /(?<x>a)/.exec('bab'),
  'no prototype': () => Object.assign(Object.create(null) as object, { a: 1 }),
  'an own __proto__': () =>
    JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":2}') as unknown,
  'a private field': () => new WithPrivateField(),
  'nested too deep': () => deep(1000),
  'nested far too deep': () => deep(100_000),
  'shared parts': shared,
  'a cycle': cycle,
  'a list in itself': () => {
    const list: unknown[] = [];
    list.push(list, list);
    return list;
  },
  'a getter that throws': () =>
    Object.defineProperty({}, 'a', { enumerable: true, get: fails(new Error(secret)) }),
  'a getter that throws null': () => Object.defineProperty({}, 'a', { enumerable: true, get: fails(null) }),
  'a getter that changes': () => changing([1, 2, 3, 4, 5, 6, 7, 8, 9]),
  'a getter that turns bad': () => changing([1, 10n, () => secret]),
  'toJSON that throws': () => ({ toJSON: fails(new Error(secret)) }),
  'toJSON that throws undefined': () => ({ toJSON: fails(undefined) }),
  'toJSON of itself': () => {
    const value = { toJSON: (): unknown => value };
    return value;
  },
  'the tag of a map': () => ({ [Symbol.toStringTag]: 'Map', a: 1 }),
  'the tag of bytes': () => ({ [Symbol.toStringTag]: 'ArrayBuffer', length: 2 ** 31, a: 1 }),
  'the tag of a text': () => ({ [Symbol.toStringTag]: 'String' }),
  'a tag that throws': () =>
    Object.defineProperty({ a: 1 }, Symbol.toStringTag, { get: fails(new Error(secret)) }),
  'a toString that throws': () => ({ toString: fails(new Error(secret)), valueOf: fails(null) }),
  'a proxy': () => new Proxy({ a: 1 }, {}),
  'traps that throw': () => trapped({ a: 1 }),
  'traps around a list': () => trapped([1]),
  'a revoked proxy': () => revoked({ a: 1 }),
  'a revoked list': () => revoked([1]),
  'a promise': () => Promise.resolve(1),
  'a thenable': () => ({ then: (done: (value: unknown) => void) => void (done(1), done(2)) }),
  'a thenable that throws': () => ({ then: fails(new Error(secret)) }),
  'a then that cannot be read': () => Object.defineProperty({}, 'then', { get: fails(new Error(secret)) }),
  'a lone surrogate': () => ['\ud800', { '\udc00': '\ud800' }],
  'another realm': () => runInNewContext('({ a: [1, new Map()] })') as unknown,
} as const satisfies Record<string, () => unknown>;

const named = (error: Error, more: Record<string, unknown>): Error => {
  for (const [name, value] of Object.entries(more))
    Object.defineProperty(error, name, { value, configurable: true, enumerable: true });
  return error;
};
const unreadable = (error: Error, ...names: string[]): Error => {
  for (const name of names) Object.defineProperty(error, name, { get: fails(new Error(secret)) });
  return error;
};
const inCauses = (error: Error): Error => Object.assign(error, { cause: error });

/** What effects throw, besides all of the above. */
export const thrown = {
  'an ordinary error': () => new TypeError('x'),
  'its own cause': () => inCauses(new Error('x')),
  'a message that is none': () => named(new Error('x'), { message: 10n }),
  'a name that is none': () => named(new Error('x'), { name: Symbol('x') }),
  'a code that is none': () => named(new Error('x'), { code: { a: 1 } }),
  'a message that cannot be read': () => unreadable(new Error('x'), 'message'),
  'a name that cannot be read': () => unreadable(new Error('x'), 'name'),
  'a code that cannot be read': () => unreadable(new Error('x'), 'code'),
  'nothing that can be read': () => unreadable(new Error('x'), 'stack', 'cause', 'code', 'message', 'name'),
  'a broken text': () => new Error('\ud800\0'),
  'an empty message': () => new Error(''),
  'a long message': () => new Error('x'.repeat(100_000)),
  'the name of a rejection': () => named(new Error('x'), { name: 'RejectedError' }),
  'a proxy of an error': () => new Proxy(new Error('x'), {}),
  'traps around an error': () => trapped(new Error('x')),
  'a revoked error': () => revoked(new Error('x')),
  'an error of another realm': () => runInNewContext('new Error("x")') as unknown,
  'many errors': () => new AggregateError([new Error('a'), new Error('b')], 'x'),
  frozen: () => Object.freeze(new Error('x')),
} as const satisfies Record<string, () => unknown>;

/** What effects throw to say that nothing happened. */
export const denials = {
  plain: () => new NotCommittedError('x'),
  'with itself as its cause': () => inCauses(new NotCommittedError('x')),
  'whose message cannot be read': () => unreadable(new NotCommittedError('x'), 'message'),
  'whose name cannot be read': () => unreadable(new NotCommittedError('x'), 'name'),
} as const satisfies Record<string, () => unknown>;

const details = (name: keyof typeof values) => () => new RejectedError('x', { details: [values[name]()] });

/** What effects throw to say that the provider finally said no. */
export const rejections = {
  plain: () => new RejectedError('declined', { type: 'Declined', details: [{ code: 51 }] }),
  'with a broken text': () => new RejectedError('\ud800\0', { type: '\udfff' }),
  'with a cycle in its details': details('a cycle'),
  'with shared details': details('shared parts'),
  'with holes in its details': details('holes'),
  'with details that cannot be read': details('a getter that throws'),
  'with details behind traps': details('traps that throw'),
  'whose message is none': () => named(new RejectedError('x'), { message: { a: 1 } }),
  'whose message cannot be read': () => unreadable(new RejectedError('x'), 'message'),
  'whose name is none': () => named(new RejectedError('x'), { name: Symbol('x') }),
  'whose details are none': () => named(new RejectedError('x'), { details: 5 }),
} as const satisfies Record<string, () => unknown>;
