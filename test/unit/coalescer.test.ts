/** Calls that go together: how many, which, when, and what becomes of each when one of them fails. */
import { Coalescer } from '../../src/stores/postgres/coalescer';

interface Item {
  readonly key: string;
  readonly name: string;
}

interface Statement {
  readonly names: readonly string[];
  answer(): void;
  fail(error: unknown): void;
}

/** A database that answers when it is told to. */
function setUp(shares = true, sizeOf?: (item: Item) => number) {
  const statements: Statement[] = [];
  const send = (items: readonly Item[]): Promise<ReadonlyMap<string, string>> =>
    new Promise((resolve, reject) => {
      statements.push({
        names: items.map(({ name }) => name),
        answer: () => resolve(new Map(items.map(({ key, name }) => [key, `answer to ${name}`]))),
        fail: reject,
      });
    });
  const coalescer = new Coalescer<Item, string>({
    ...{ shares, many: send, ...(sizeOf && { sizeOf }) },
    one: async (item) => (await send([item])).get(item.key) ?? '',
  });
  const ask = (...names: string[]): Promise<(string | undefined)[]> =>
    Promise.all(names.map((name) => coalescer.ask({ key: name.replace(/'+$/, ''), name })));
  const sent = (): readonly (readonly string[])[] => statements.map(({ names }) => names);
  return { coalescer, statements, ask, sent };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

describe('calls', () => {
  it('go at once when nothing waits, and together when they come together', async () => {
    const { ask, sent } = setUp();
    void ask('a');
    await turn();
    void ask('b', 'c', 'd');
    await turn();
    expect(sent()).toEqual([['a'], ['b', 'c', 'd']]);
  });

  // Mutation: a third statement under way.
  it('wait while two statements are under way, and then all go in one', async () => {
    const { ask, sent, statements } = setUp();
    for (const name of numbered(5)) {
      void ask(name);
      await turn();
    }
    expect(sent()).toEqual([['n0'], ['n1']]);
    statements[0]?.answer();
    await turn();
    expect(sent()).toEqual([['n0'], ['n1'], ['n2', 'n3', 'n4']]);
  });

  it('each get their own answer', async () => {
    const { ask, statements } = setUp();
    const answers = ask('a', 'b', 'c');
    await turn();
    statements[0]?.answer();
    expect(await answers).toEqual(['answer to a', 'answer to b', 'answer to c']);
  });

  it('go 256 at a time at most, those that wait longest first', async () => {
    const { ask, sent } = setUp();
    void ask(...numbered(600));
    await turn();
    expect(sent().map((names) => [names.length, names[0]])).toEqual([
      [256, 'n0'],
      [256, 'n256'],
    ]);
  });

  // Mutations: few that are split, many that are not, or a share that is left for a statement which is not free.
  it('are divided among the statements that are free, unless they are few', async () => {
    const sizes = async (busy: number, count: number): Promise<number[]> => {
      const { ask, sent } = setUp();
      for (const name of numbered(busy)) {
        void ask(`busy ${name}`);
        await turn();
      }
      void ask(...numbered(count));
      await turn();
      return sent()
        .slice(busy)
        .map((names) => names.length);
    };
    expect([await sizes(0, 16), await sizes(0, 20), await sizes(0, 41), await sizes(1, 41)]).toEqual([
      [16],
      [16, 4],
      [21, 20],
      [41],
    ]);
  });

  it('go with a megabyte at most, but one that is longer goes, too', async () => {
    const { ask, sent } = setUp(false, ({ name }) => (name === 'huge' ? 5_000_000 : 400_000));
    void ask('huge', 'a', 'b', 'c');
    await turn();
    expect(sent()).toEqual([['huge'], ['a', 'b']]);
  });

  it('of one key share a row and its answer, or wait for their own turn', async () => {
    const sharing = setUp(true);
    const answers = sharing.ask('a', "a'", 'b', "a''");
    await turn();
    expect(sharing.sent()).toEqual([['a', 'b']]);
    sharing.statements[0]?.answer();
    expect(await answers).toEqual(['answer to a', 'answer to a', 'answer to b', 'answer to a']);

    const single = setUp(false);
    void single.ask('a', 'b', "a'", 'c');
    await turn();
    expect(single.sent()).toEqual([
      ['a', 'b'],
      ["a'", 'c'],
    ]);
  });

  it('that many leaves out are sent one by one', async () => {
    const alone: string[] = [];
    const coalescer = new Coalescer<Item, string>({
      shares: true,
      one: async ({ name }) => (alone.push(name), `alone: ${name}`),
      many: async () => new Map([['a', 'a']]),
    });
    const answers = ['a', 'b', "b'"].map((name) => coalescer.ask({ key: name.slice(0, 1), name }));
    expect([await Promise.all(answers), alone]).toEqual([['a', 'alone: b', 'alone: b'], ['b']]);
  });
});

describe('a statement that fails', () => {
  it('for good is sent again call by call, so that one of them fails alone', async () => {
    const { ask, sent, statements } = setUp();
    const endings = Promise.allSettled(['a', 'bad', 'c'].map(async (name) => (await ask(name))[0]));
    await turn();
    const refused = Object.assign(new Error('invalid text'), { transient: false });
    statements[0]?.fail(refused);
    for (const [i, name] of ['a', 'bad', 'c'].entries()) {
      await turn();
      expect(sent()[i + 1]).toEqual([name]);
      if (name === 'bad') statements[i + 1]?.fail(refused);
      else statements[i + 1]?.answer();
    }
    expect((await endings).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('for a moment fails all of its calls, each of which asks again by itself', async () => {
    const { ask, sent, statements } = setUp();
    const endings = Promise.allSettled(['a', 'b'].map((name) => ask(name)));
    await turn();
    statements[0]?.fail(new Error('connection lost'));
    expect((await endings).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    void ask('c');
    await turn();
    expect(sent()).toEqual([['a', 'b'], ['c']]);
  });
});

it.each([
  ['alone', ['a', "a'"]],
  ['among others', ['a', 'b', "a'"]],
])('a statement that fails tells all who share its call, %s', async (_name, names) => {
  const { ask, statements } = setUp();
  const endings = Promise.allSettled(names.map((name) => ask(name)));
  await turn();
  statements[0]?.fail(new Error('connection lost'));
  expect((await endings).map(({ status }) => status)).toEqual(names.map(() => 'rejected'));
});

describe('a queue that is full', () => {
  it('takes no more calls, and says that it may be asked again', async () => {
    const { ask, coalescer, statements } = setUp();
    const all = ask(...numbered(20_000));
    await expect(coalescer.ask({ key: 'more', name: 'more' })).rejects.toMatchObject({
      ...{ code: 'ReceiptStoreUnavailable', retryable: true },
    });
    for (let i = 0; i < 100; i++) {
      await turn();
      for (const statement of statements.splice(0)) statement.answer();
    }
    expect(await all).toHaveLength(20_000);
    void ask('more');
  });
});
