/** What the dashboard shows, and how one decides there. */
import { InvalidRequestError, ReceiptStoreUnavailableError, type ReceiptStore } from '../../src/core';
import { readFigures } from '../../src/dashboard/figures';
import { pageOrigin, providerLink, providerLinkProblem } from '../../src/dashboard/links';
import { newest } from '../../src/dashboard/newest';
import { SharedAnswer } from '../../src/dashboard/shared-answer';
import { hashOfWrittenId, receiptKey } from '../../src/ids';
import { outcomeOf, requestFor } from '../contract/rows';
import { fieldsOf, unescaped, Visitor, type Visited } from './visitor';
import { hostile, secret, World } from './world';

let world: World;
let visitor: Visitor;
beforeEach(async () => {
  world = new World();
  await world.fill();
  visitor = new Visitor(world.dashboard());
  await visitor.signIn();
});

const pathOf = (id: string): string => `/receipts/${encodeURIComponent(id)}`;
const found = async (id: string) => world.receipts.get(receiptKey('default', hashOfWrittenId(id)));
const rowsOf = ({ text }: Visited): string[] =>
  [...text.matchAll(/<a data-row href="[^"]*"><bdi>([^<]*)/g)].map(([, id = '']) => id);

describe('the queue', () => {
  it('has what nobody knows first, the oldest on top, and then what is stuck', async () => {
    const young = requestFor('refund:2208');
    await world.receipts.claim(young);
    await world.receipts.delegate(young);
    const page = await visitor.get('/');
    expect(rowsOf(page)).toEqual(['payout:2030-01', 'invoice:1042', 'invoice:1043', 'refund:2207']);
    expect(page.text).toContain('<bdi>stripe-webhook</bdi> <span class="badge committed">');
    expect(page.text).toContain('href="https://dash.example/payments/payout%3A2030-01"');
    expect(page.text).toContain('Looked at <time datetime="2030-01-01T01:46:5');
  });

  it('says that there is nothing, and when it looked', async () => {
    const empty = new Visitor(new World().dashboard());
    const { text } = await empty.get('/');
    expect(text).toMatch(/Nothing needs you[^]*Looked at <time datetime="2030-01-01T/);
  });

  it('says when there is more than it shows', async () => {
    for (let i = 0; i < 500; i++) await world.abandoned(`lost:${i}`, { leaseMs: 0 });
    await world.clock.advance(3000);
    const page = await visitor.get('/');
    expect(page.text).toContain('There are more than are listed. The oldest are here');
    expect(rowsOf(page).slice(0, 3)).toEqual(['payout:2030-01', 'invoice:1042', 'invoice:1043']);
  });
});

describe('a receipt', () => {
  it('has its evidence side by side, its life as a timeline, and links to where more is known', async () => {
    const { text } = await visitor.get(pathOf('invoice:1042'));
    const moments = [...text.matchAll(/<span class="when"[^>]*>([^<]*)<\/span>\s*<span><bdi>([^<]*)/g)];
    expect(moments.map(([, when, what]) => `${when} ${what}`)).toEqual([
      '+0 ms Claimed, attempt 1',
      '+1 min Claimed, attempt 2',
      '+1 min probe: undetermined',
      '+1 min 30 s The lease ended, and nobody had renewed it',
      '+1 min 40 s The grace time ended: from then on it means something not to find the effect',
    ]);
    expect(text).toContain('href="https://temporal.example/namespaces/shop/workflows/checkout-1042/');
    expect(text).toContain('href="https://dash.example/payments/invoice%3A1042"');
    const contested = (await visitor.get(pathOf('payout:2030-01'))).text;
    expect(contested).toMatch(
      /<h3><bdi>stripe-webhook<[^]*badge committed[^]*<h3><bdi>bank-export<[^]*badge not-committed/,
    );
    expect(contested).toContain('no transfer of this reference');
  });

  it('is found by its id, its hash, and not in another namespace', async () => {
    expect((await visitor.get('/receipts?q=invoice:1042')).location).toBe(pathOf('invoice:1042'));
    const hash = `sha256:${hashOfWrittenId('invoice:1042')}`;
    expect((await visitor.get(`/receipts/${hash}`)).text).toContain('checkout-1042');
    expect((await visitor.get('/receipts/nothing')).status).toBe(404);
  });

  it.each([hostile, '.', '..', 'a/b', '%41', 'a?b#c', 'sp ace', '<b>', 'ünï'])(
    'is shown and led to whatever its id: %p',
    async (id) => {
      const origin = { workflowId: hostile, temporalNamespace: hostile, [hostile]: hostile };
      await world.abandoned(id, { action: hostile.slice(0, 40), origin });
      const { key } = (await found(id))?.receipt ?? { key: '' };
      await world.receipts.addEvidence({
        ...{ key, epoch: 1, verdict: 'undetermined' },
        source: hostile,
        note: hostile,
        by: hostile,
      });
      await world.clock.advance(60_000);
      const pages: Visited[] = [];
      for (const path of ['/', '/receipts', `/receipts?q=${encodeURIComponent(hostile)}x`, '/activity'])
        pages.push(await visitor.get(path));
      const hrefs = [...(pages[1]?.text ?? '').matchAll(/<a data-row href="([^"]*)"/g)].map(([, href = '']) =>
        unescaped(href),
      );
      const page = await visitor.get(new URL(hrefs[0] ?? '', 'http://localhost').pathname);
      expect(page.status).toBe(200);
      expect(page.text).toContain(key === '' ? 'no key' : (await found(id))?.receipt.fingerprint);
      pages.push(
        page,
        await visitor.propose(hrefs[0] ?? '', 'committed', {
          reason: hostile,
          result: JSON.stringify(hostile),
        }),
      );
      for (const { text } of pages) {
        expect(text).not.toContain('<script>alert');
        expect(text).not.toContain(hostile.slice(0, 5));
      }
      const shown = (text: string): string => text.replace(/ value="[^"]*"/g, ''); // a field keeps what is in it
      for (const { text } of pages) expect(shown(text)).not.toContain('\u202e');
    },
  );

  it('never shows what callers got', async () => {
    const { key } = (await found('invoice:1042'))?.receipt ?? { key: '' };
    const outcome = outcomeOf(secret);
    await world.receipts.addEvidence({ key, epoch: 2, source: 'webhook', verdict: 'committed', outcome });
    expect((await visitor.get(pathOf('invoice:1042'))).text).toContain(
      `with a result (json, ${secret.length} bytes)`,
    );
    for (const path of [
      '/',
      '/receipts?q=invoice',
      '/activity',
      '/activity.json',
      pathOf('invoice:901:chargeCard'),
      pathOf('invoice:1042'),
    ]) {
      const { text, status } = await visitor.get(path);
      expect([status, text.includes(secret)]).toEqual([200, false]);
    }
    expect((await visitor.get(pathOf('invoice:901:chargeCard'))).text).toContain(
      `json, ${secret.length + 2} bytes (not shown)`,
    );
  });
});

describe('a decision', () => {
  it('is confirmed, kept with who and why, wakes who waits, and is told once', async () => {
    const path = pathOf('invoice:1042');
    expect(rowsOf(await visitor.get('/'))).toContain('invoice:1042');
    const asked = await visitor.propose(path, 'committed', { result: '{"id": "ch_1"}' });
    for (const said of [
      'It happened',
      '{&quot;id&quot;: &quot;ch_1&quot;}',
      'seen in the console',
      'It is not run again',
    ])
      expect(asked.text).toContain(said);
    expect((await found('invoice:1042'))?.receipt.state).toBe('claimed');
    const { status, location } = await visitor.confirm(path, asked);
    expect(status).toBe(303);
    const after = await found('invoice:1042');
    expect(after?.receipt).toMatchObject({ state: 'committed', outcome: outcomeOf('{"id":"ch_1"}') });
    expect(after?.evidence.at(-1)).toMatchObject({
      source: 'operator',
      verdict: 'committed',
      by: 'Ann',
      note: 'seen in the console',
    });
    expect(world.woken).toEqual(['invoice:1042']);
    const told = /Done: it is committed now. The activity that waited for it goes on now./;
    expect((await visitor.get(location ?? '')).text).toMatch(told);
    expect((await visitor.get(location ?? '')).text).not.toMatch(told);
    expect(rowsOf(await visitor.get('/'))).not.toContain('invoice:1042');
  });

  it.each([
    ['not-committed', 'released'],
    ['compensated', 'rejected'],
    ['supersede', 'superseded'],
  ])('%s makes it %s', async (choice, state) => {
    const path = pathOf('invoice:1042');
    await visitor.confirm(path, await visitor.propose(path, choice));
    expect((await found('invoice:1042'))?.receipt.state).toBe(state);
  });

  it('on what has changed since is not taken, at either step, and says so', async () => {
    const path = pathOf('invoice:1042');
    const fields = fieldsOf((await visitor.get(path)).text, '/confirm');
    const asked = await visitor.propose(path, 'committed');
    const { key } = (await found('invoice:1042'))?.receipt ?? { key: '' };
    await world.receipts.addEvidence({ key, epoch: 2, source: 'webhook', verdict: 'undetermined' });
    const stale = await visitor.post(`${path}/confirm`, { ...fields, choice: 'committed', reason: 'seen' });
    expect([stale.status, stale.text.includes('It has changed since you looked at it')]).toEqual([409, true]);
    const late = await visitor.confirm(path, asked);
    expect([late.status, late.text.includes('it has changed since you looked at it')]).toEqual([409, true]);
    expect(await found('invoice:1042')).toMatchObject({
      receipt: { state: 'claimed' },
      evidence: { length: 3 },
    });
    expect(world.woken).toEqual([]);
  });

  it('"not committed" is refused until it means something, also of who looked before that', async () => {
    const path = pathOf('invoice:1043');
    const page = await visitor.get(path);
    expect(page.text).toMatch(/value="not-committed" required disabled/);
    const early = fieldsOf(page.text, '/confirm');
    const fields = { ...early, choice: 'not-committed', reason: 'no such charge' };
    const refused = await visitor.post(`${path}/confirm`, fields);
    expect([refused.status, refused.text.includes('Not now: for 33 s more')]).toEqual([409, true]);
    expect((await visitor.post(`${path}/decide`, fields)).status).toBe(409);
    await world.clock.advance(60_000);
    expect((await visitor.post(`${path}/decide`, fields)).text).toContain(
      'when you looked, the effect could still arrive',
    );
    expect(await found('invoice:1043')).toMatchObject({ receipt: { state: 'claimed' }, evidence: [] });
    await visitor.confirm(path, await visitor.propose(path, 'not-committed'));
    expect((await found('invoice:1043'))?.receipt.state).toBe('released');
  });

  it('"not committed" is refused against a source that says otherwise', async () => {
    const path = pathOf('payout:2030-01');
    expect((await visitor.propose(path, 'not-committed')).text).toContain('a source says that it happened');
    const fields = fieldsOf((await visitor.get(path)).text, '/confirm');
    await visitor.post(`${path}/decide`, { ...fields, choice: 'not-committed', reason: 'no' });
    expect((await found('payout:2030-01'))?.receipt.contested).toBe(true);
  });

  it.each([
    ['no reason', { reason: '  ' }, 'Say why'],
    ['a reason without end', { reason: 'x'.repeat(2001) }, 'more than 2000'],
    ['a result that is not JSON', { result: '{"id": ' }, 'The result is not JSON'],
    ['no choice', { choice: '' }, 'Say what became of it'],
    ['no token', { token: '' }, 'Open the receipt again'],
  ])('with %s is not taken, and what was typed stays', async (_, wrong, words) => {
    const path = pathOf('invoice:1042');
    const { status, text } = await visitor.propose(path, 'committed', {
      result: '7',
      reason: 'typed',
      ...wrong,
    });
    expect([status, text.includes(words)]).toEqual([422, true]);
    expect(text).toContain('reason' in wrong ? '7</textarea>' : 'typed</textarea>');
  });

  it('is offered of a settled receipt only to let it happen once more, whose next one is linked', async () => {
    const path = pathOf('invoice:901:chargeCard');
    const choices = [...(await visitor.get(path)).text.matchAll(/name="choice" value="([^"]*)"/g)].map(
      ([, c]) => c,
    );
    expect(choices).toEqual(['supersede']);
    await visitor.confirm(path, await visitor.propose(path, 'supersede'));
    expect((await visitor.get(path)).text).toContain(`href="${pathOf('invoice:901:chargeCard~g2')}"`);
  });

  it('is not offered while somebody holds it', async () => {
    await world.receipts.claim(requestFor('held'));
    const { text } = await visitor.get(pathOf('held'));
    expect(text).toContain('Nothing to decide while somebody holds it');
    expect(text).not.toContain('name="choice"');
  });

  it('confirms an outcome that is not final yet', async () => {
    const finality = { sources: ['effect', 'bank'], quorum: 2, afterMs: 0 };
    const request = requestFor('trade:1', { finality });
    await world.receipts.claim(request);
    await world.receipts.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('1') });
    const path = pathOf('trade:1');
    expect((await visitor.get(path)).text).toContain('Confirm it');
    await visitor.confirm(path, await visitor.propose(path, 'committed'));
    expect((await found('trade:1'))?.receipt).toMatchObject({
      state: 'committed',
      finalAt: expect.any(String),
    });
  });
});

describe('the search', () => {
  it.each([
    ['q=checkout-104', ['invoice:1043', 'invoice:1042']],
    ['q=CHECKOUT-1042', ['invoice:1042']],
    ['q=payOut', ['payout:2030-01']],
    ['q=7f0c4a2e', ['invoice:1043', 'invoice:1042', 'payout:2030-01', 'refund:2207']],
    ['action=payOut', ['payout:2030-01']],
    ['state=contested', ['payout:2030-01']],
    ['state=unknown', ['invoice:1043', 'invoice:1042', 'payout:2030-01']],
    ['state=delegated', ['refund:2207']],
    ['before=2030-01-01T01:00', ['refund:2207']],
    ['since=2030-01-01T01:30&before=2030-01-01T01:35&q=', ['payout:2030-01']],
    ['q=nothing+of+this', []],
  ])('finds by %s', async (query, ids) => {
    expect(rowsOf(await visitor.get(`/receipts?${query}`))).toEqual(ids);
  });

  it('goes on where it stopped, past any number of one millisecond', async () => {
    for (let i = 0; i < 300; i++) await world.receipts.claim(requestFor(`bulk:${i}`));
    const ids = new Set<string>();
    for await (const { requestId } of newest(world.receipts, {})) ids.add(requestId);
    expect(ids.size).toBe(344);
    const first = await visitor.get('/receipts?q=bulk');
    expect(rowsOf(first)).toHaveLength(50);
    const [, next = ''] = /<a rel="next" href="([^"]*)"/.exec(first.text) ?? [];
    const second = await visitor.get(next.replaceAll('&amp;', '&'));
    const [, last = ''] = /<a rel="next" href="([^"]*)"/.exec(second.text) ?? [];
    expect(last).not.toBe(next);
  });
});

describe('the activity', () => {
  it('counts what was claimed lately, by how it stands and by action, with its latency', async () => {
    const figures = JSON.parse((await visitor.get('/activity.json?window=15m')).text);
    const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0);
    expect(sum(figures.counts.committed)).toBe(37);
    expect(sum(figures.counts.rejected)).toBe(3);
    expect(sum(figures.counts.unknown)).toBe(2);
    expect(figures.actions).toMatchObject([
      { action: 'chargeCard', claims: 28, counts: { committed: 24, rejected: 2, unknown: 2 }, p50: 600 },
      { action: 'sendReceipt', claims: 14 },
    ]);
    expect(figures.times).toHaveLength(30);
    const { text } = await visitor.get('/activity?window=15m');
    expect(text).toContain('<bdi>sendReceipt</bdi>');
    expect(text).toContain('is not in the database');
  });

  it('reads so many receipts at most, and says since when', async () => {
    const many = Array.from({ length: 6000 }, (_, i) => ({
      ...requestFor(`m:${i}`),
      claimedAt: new Date(i * 10).toISOString(),
      state: 'committed',
      settledAt: new Date(i * 10 + 5).toISOString(),
    }));
    let read = 0;
    const receipts = {
      list: async ({ claimedBefore, limit = 0 }: { claimedBefore?: string; limit?: number }) => {
        const rows = many.filter(({ claimedAt }) => claimedBefore === undefined || claimedAt < claimedBefore);
        read += limit;
        return rows.reverse().slice(0, limit);
      },
    } as unknown as ReceiptStore;
    const figures = await readFigures(receipts, '15m', () => 60_000);
    expect(figures).toMatchObject({ claims: 5000, cutAt: new Date(10_000).toISOString() });
    expect(read).toBeLessThan(5500);
  });
});

describe('a page whose database is away', () => {
  it.each([
    [new ReceiptStoreUnavailableError('postgres://ann:pw@db away', {}), 'The receipts are away', 0],
    [new InvalidRequestError('a secret of it'), 'That went wrong', 1],
  ])('says so, and nothing of why', async (error, words, faults) => {
    const seen: unknown[] = [];
    const receipts = new Proxy(world.receipts, {
      get: (target, name) =>
        name === 'list' || name === 'get'
          ? () => Promise.reject(error)
          : (Reflect.get(target, name) as unknown),
    });
    const away = new Visitor(world.dashboard({ receipts, onFault: (fault) => seen.push(fault) }));
    const { status, text } = await away.get('/');
    expect([status, text.includes(words), text.includes(error.message)]).toEqual([503, true, false]);
    expect(seen).toHaveLength(faults);
  });
});

describe('a question of many', () => {
  it('is asked once at a time, and the less often the longer it takes', async () => {
    let now = 0;
    let asked = 0;
    let costMs = 0;
    const shared = new SharedAnswer(
      async () => ((now += costMs), ++asked),
      1000,
      () => now,
    );
    expect(await Promise.all([shared.get(), shared.get()])).toEqual([
      { value: 1, at: 0 },
      { value: 1, at: 0 },
    ]);
    now = 999;
    expect((await shared.get()).value).toBe(1);
    now = 1000;
    costMs = 500;
    expect(await shared.get()).toEqual({ value: 2, at: 1000 });
    now += 4499;
    expect((await shared.get()).value).toBe(2);
    now += 1;
    expect((await shared.get()).value).toBe(3);
    shared.expire();
    const [late] = [shared.get(), shared.expire()]; // what was asked before the change is not good
    expect((await late).value).toBe(4);
    expect((await shared.get()).value).toBe(5);
  });

  it('that takes long is answered as it was before, with the time of that', async () => {
    let asked = 0;
    const shared = new SharedAnswer(
      () => (++asked === 1 ? Promise.resolve(asked) : new Promise<number>(() => undefined)),
      1000,
      () => asked,
    );
    await shared.get();
    shared.expire();
    expect(await shared.get()).toEqual({ value: 1, at: 0 });
    expect(asked).toBe(2);
  });

  it('that failed is asked again', async () => {
    let asked = 0;
    const shared = new SharedAnswer(
      () => (++asked === 1 ? Promise.reject(new Error('away')) : Promise.resolve(asked)),
      1000,
      () => 0,
    );
    await expect(shared.get()).rejects.toThrow('away');
    expect((await shared.get()).value).toBe(2);
  });
});

describe('a link to the provider', () => {
  it.each([
    ['https://dash.example/payments', 'it does not hold {requestId}'],
    ['https://{requestId}.example/', '{requestId} stands before its path'],
    ['https://dash.example{requestId}/', '{requestId} stands before its path'],
    ['{requestId}', 'it is no http or https URL'],
    ['javascript:alert({requestId})', 'it is no http or https URL'],
    ['https://dash.example/p/{requestId}?again={requestId}', undefined],
  ])('%s: %p', (template, problem) => expect(providerLinkProblem(template)).toBe(problem));

  it('holds the id as a part of its path, whatever it is', () => {
    const provider = 'https://dash.example/p/{requestId}';
    expect(providerLink({ ui: undefined, provider }, "../$&?x=1#'")).toBe(
      "https://dash.example/p/..%2F%24%26%3Fx%3D1%23'",
    );
    expect(pageOrigin('ftp://x')).toBeUndefined();
  });
});
