/** What a transaction through `pg` believes, and for how long it lends its connection; without a database. */
import { pgReceipts, type PgPoolLike } from '../../src/stores/pg';
import { whileOpen } from '../../src/stores/postgres/while-open';
import { World } from '../support/guarding';

/** A connection whose statements all succeed, and whose commit is answered with `answer`. */
function poolThatAnswers(answer: string) {
  const sent: unknown[] = [];
  const rows = [{ state: 'committed' }];
  const client = {
    query: async ({ text }: { readonly text: string }) => {
      sent.push(text);
      return text === 'commit' ? { command: answer, rows: [] } : { rows };
    },
    on: () => undefined,
    off: () => undefined,
    release: (broken?: unknown) => void sent.push(`released ${String(broken)}`),
  };
  return { sent, pool: { ...client, connect: async () => client } as unknown as PgPoolLike };
}

describe('a transaction through pg', () => {
  // Mutation: taking every answer to the commit for a success. Postgres answers ROLLBACK in a transaction that failed.
  it.each([
    ['COMMIT', 'booked', 'commit'],
    ['ROLLBACK', 'NotCommitted', 'rollback'],
  ])('whose commit is answered by %s ends as %s', async (answer, ended, last) => {
    const { pool, sent } = poolThatAnswers(answer);
    const receipts = pgReceipts(pool);
    const ending = await new World().worker().ending({
      transactional: true,
      run: async (effect) => {
        effect.begin();
        return receipts.transaction(async () => 'booked');
      },
    });
    expect([ending, sent.slice(-2)]).toEqual([ended, [last, 'released false']]);
  });
});

describe('what is lent', () => {
  // Mutations: looking only once, when it is lent; only at its methods, and postgres.js lends a function.
  it('can be used until it is taken back, itself and its methods', () => {
    let isOpen = true;
    const sql = Object.assign((text: string) => `asked ${text}`, {
      unsafe: (text: string) => `sent ${text}`,
    });
    const lent = whileOpen(sql, () => isOpen);
    const { unsafe } = lent;
    expect([lent('a'), lent.unsafe('b'), unsafe('c')]).toEqual(['asked a', 'sent b', 'sent c']);
    isOpen = false;
    for (const use of [() => lent('a'), () => lent.unsafe('b'), () => unsafe('c')])
      expect(use).toThrow('The transaction is over');
  });
});
