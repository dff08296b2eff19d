/** The code of the guides does what they say: see examples/snippets, and the pages that show it. */
import { MockActivityEnvironment } from '@temporalio/testing';

import { Guard, memoryReceipts, RejectedError } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { crashMatrix } from 'activity-guard/testing';
import { activityGuardInterceptors } from 'activity-guard/worker';
import { booking } from '../../examples/snippets/database';
import { byEvents, overSmtp, type Mail } from '../../examples/snippets/email';
import { sending, sendOnce } from '../../examples/snippets/from-python';
import { payingOut, takeOver } from '../../examples/snippets/own-keys';
import { byKey, bySearch, type Provider } from '../../examples/snippets/payments';
import { webhooks } from '../../examples/snippets/webhooks';
import { newPool, newSchemaName } from '../support/scratch-schema';

const points = ['before-claim', 'after-claim', 'after-effect', 'after-receipt'] as const;
const ends = (matrix: { rows: readonly { end: string }[] }): string[] => matrix.rows.map(({ end }) => end);

/** A provider in the form of Stripe's client, with or without keys that deduplicate. */
class Stripe implements Provider {
  readonly made = new Map<string, { id: string; status: string; metadata: Record<string, string> }>();
  declines = 0;
  readonly charges: Provider['charges'] = {
    create: async ({ metadata }, options) => {
      if (this.declines-- > 0) throw Object.assign(new Error('declined'), { type: 'StripeCardError' });
      const key = options?.idempotencyKey ?? `none ${this.made.size}`;
      const charge = { id: `ch_${this.made.size + 1}`, status: 'succeeded', metadata };
      if (!this.made.has(key)) this.made.set(key, charge);
      return this.made.get(key) ?? charge;
    },
    search: async ({ query }) => ({
      data: [...this.made.values()].filter(
        ({ metadata }) => query === `metadata['request_id']:'${metadata['request_id']}'`,
      ),
    }),
  };
  readonly count = (): number => this.made.size;
}

describe('the guide for payments', () => {
  const args: [{ id: string; cents: number; currency: string }] = [
    { id: '42', cents: 2000, currency: 'eur' },
  ];

  it.each([
    ['under the key of a provider that deduplicates', byKey],
    ['with a search at one that does not', bySearch],
  ])('charges once at every crash point, %s', async (_how, activityOf) => {
    const stripe = new Stripe();
    const matrix = await crashMatrix({ activity: activityOf(stripe), args, effects: stripe.count });
    expect(ends(matrix)).toEqual(points.map(() => 'returned'));
    expect(stripe.count()).toBe(points.length);
  });

  it('keeps a declined card as the final no', async () => {
    const stripe = new Stripe();
    stripe.declines = 1;
    const once = crashMatrix({ activity: byKey(stripe), args, effects: stripe.count });
    // Of the four intents the first call that reaches the provider is declined, and stays so.
    expect((await once).rows.map(({ end, effects }) => `${effects} ${end}`).sort()).toEqual([
      '0 failed',
      ...['1 returned', '1 returned', '1 returned'],
    ]);
  });
});

describe('the guide for mails', () => {
  const mail: Mail = { to: 'ann@example.com', subject: 'Invoice', text: 'Hello' };
  const outbox = () => {
    const sent: string[] = [];
    return {
      sent,
      send: async ({ messageId }: { messageId: string }) => ({
        messageId: sent[sent.push(messageId) - 1] ?? '',
      }),
      find: async (messageId: string) => (sent.includes(messageId) ? { messageId } : undefined),
    };
  };

  it('sends once at every crash point where the provider can be asked', async () => {
    const mailer = outbox();
    const effects = (): number => mailer.sent.length;
    const matrix = await crashMatrix({ activity: byEvents(mailer), args: [mail], effects });
    expect(ends(matrix)).toEqual(points.map(() => 'returned'));
    expect(mailer.sent[0]).toMatch(/^<[0-9a-f]{64}@shop\.example>$/);
  });

  it('waits for a person over SMTP alone, and never sends twice', async () => {
    const mailer = outbox();
    const effects = (): number => mailer.sent.length;
    const matrix = await crashMatrix({ activity: overSmtp(mailer), args: [mail], effects });
    expect(ends(matrix)).toEqual(['returned', 'held', 'held', 'returned']);
  });
});

describe('the guide for effects in the database', () => {
  it('books once, although the first attempt fails', async () => {
    const schema = newSchemaName();
    const pool = newPool({ options: `-c search_path=${schema}` });
    try {
      const receipts = pgReceipts(pool, { schema });
      await receipts.migrate();
      const activity = booking(receipts);
      const { activity: interceptors } = activityGuardInterceptors({
        receipts,
        activities: { book: activity },
      });
      const attempt = (): Promise<unknown> =>
        new MockActivityEnvironment({ activityType: 'book' }, { interceptors }).run(activity, {
          ...{ account: 'ann', cents: 100 },
        });
      await expect(attempt()).rejects.toMatchObject({ message: expect.stringContaining('bookings') });
      await pool.query('create table bookings (id serial, account text, cents int)');
      expect([await attempt(), await attempt()]).toEqual([{ booking: 1 }, { booking: 1 }]);
      const { rows } = await pool.query('select account, cents from bookings');
      expect(rows).toEqual([{ account: 'ann', cents: 100 }]);
    } finally {
      await pool.query(`drop schema if exists "${schema}" cascade`);
      await pool.end();
    }
  });
});

describe('the guide for webhooks', () => {
  const start = (guard = new Guard({ receipts: memoryReceipts() }), receipts = memoryReceipts()) => {
    const shipped: string[] = [];
    const app = webhooks({
      ...{ guard, receipts },
      isSigned: (_body, signature) => signature === 'right',
      ship: async (charge) => ({ shipment: shipped.push(charge) }),
    });
    const deliver = async (path: string, signature = 'right'): Promise<string> => {
      const headers = {
        'content-type': 'application/json',
        'x-signature': signature,
        'x-delivery-id': 'evt_1',
      };
      const charge = { id: 'ch_1', metadata: { request_id: 'order:42' } };
      const response = await app.request(path, {
        ...{ method: 'POST', headers, body: JSON.stringify({ id: 'evt_1', charge }) },
      });
      return `${response.status} ${await response.text()}`;
    };
    return { shipped, deliver };
  };

  it('handles a delivery once, and answers its repetition alike', async () => {
    const { shipped, deliver } = start();
    expect(await deliver('/hooks/paid')).toBe('201 {"shipment":1}');
    expect(await deliver('/hooks/paid')).toBe('201 {"shipment":1}');
    expect(shipped).toEqual(['ch_1']);
  });

  it('lets nothing in that is not signed', async () => {
    const { shipped, deliver } = start();
    expect(await deliver('/hooks/paid', 'wrong')).toBe('401 not signed');
    expect(shipped).toEqual([]);
  });

  it('settles an outcome that nobody knew', async () => {
    const receipts = memoryReceipts();
    const guard = new Guard({ receipts });
    const call = () =>
      guard.execute({
        ...{ requestId: 'order:42', action: 'charge' },
        run: async (): Promise<unknown> => Promise.reject(new Error('socket hang up')),
      });
    await expect(call()).rejects.toMatchObject({ code: 'OutcomeUnknown' });
    expect(await start(guard, receipts).deliver('/hooks/charge-succeeded')).toBe('204 ');
    expect(await call()).toMatchObject({ ok: true, replayed: true, result: { id: 'ch_1' } });
  });
});

describe('the guide for keys of one’s own', () => {
  it('pays what the old keys do not have, once, and answers what they have', async () => {
    const receipts = memoryReceipts();
    const paid: string[] = [];
    const pay = payingOut({ pay: async (_payout, key) => ({ id: `po_${paid.push(key)}` }) });
    async function* oldKeys() {
      yield { key: 'payout:after-claim', response: { id: 'po_old' } };
    }
    expect(await takeOver(receipts, oldKeys())).toBe(1);
    const guard = new Guard({ receipts });
    const again = guard.execute({
      ...{
        requestId: 'payout:after-claim',
        action: 'payOut',
        run: () => Promise.reject(new RejectedError('ran')),
      },
    });
    expect(await again).toMatchObject({ ok: true, replayed: true, result: { id: 'po_old' } });
    const effects = (): number => paid.length;
    const args = (point: string): [{ invoice: string; cents: number }] => [{ invoice: point, cents: 1 }];
    const matrix = await crashMatrix({ activity: pay, args, effects });
    expect(matrix.rows.every(({ effects: times }) => times <= 1)).toBe(true);
    expect(new Set(paid)).toEqual(
      new Set(['payout:before-claim', 'payout:after-effect', 'payout:after-receipt']),
    );
  });
});

describe('the guide for those who come from Python', () => {
  it('executes once, and tells every later call from the receipt', async () => {
    const receipts = memoryReceipts();
    const sent: unknown[] = [];
    const send = async (mail: unknown) => ({ id: `m_${sent.push(mail)}` });
    const mail = { to: 'ann@example.com', text: 'Hello' };
    expect(await sendOnce(receipts, mail, send)).toMatchObject({ reason: 'executed' });
    expect(await sendOnce(receipts, mail, send)).toMatchObject({ reason: 'dedup_same_request_id' });
    const safeSend = sending(new Guard({ receipts }), send);
    expect([await safeSend(mail), await safeSend(mail)]).toEqual([{ id: 'm_2' }, { id: 'm_2' }]);
  });
});
