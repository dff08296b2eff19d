/** Who may read the dashboard's pages, who may decide, and what is refused. */
import { Access } from '../../src/dashboard/access';
import { fieldsOf, Visitor } from './visitor';
import { token, World } from './world';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.fill();
});

const receipt = '/receipts/invoice%3A1042';
const paths = ['/', '/receipts', '/receipts?q=invoice', receipt, '/activity', '/activity.json', '/nowhere'];

const isUntouched = async (): Promise<void> => {
  const [found] = await world.receipts.list({ workflowId: 'checkout-1042' });
  expect(found).toMatchObject({ state: 'claimed', epoch: 2, settledAt: undefined });
};

describe('the pages of the dashboard', () => {
  it('are answered with a policy that lets nothing in, are not stored, and not framed', async () => {
    const visitor = new Visitor(world.dashboard());
    for (const path of [...paths, '/static/app.js', '/sign-in']) {
      const { headers } = await visitor.get(path);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      );
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('have no script and no style of their own text', async () => {
    const visitor = new Visitor(world.dashboard());
    await visitor.signIn();
    for (const path of paths) {
      const { text } = await visitor.get(path);
      expect(text).not.toMatch(/<script(?![^>]* src="\/static\/)|<style|\sstyle=|\son\w+=|javascript:/);
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\/(?!(temporal|dash)\.example)/);
    }
  });

  it.each([
    'attacker.example',
    'attacker.example:8080',
    'localhost.attacker.example',
    '',
    '127.0.0.1.nip.example',
  ])('are refused under the name %p on this machine', async (host) => {
    const visitor = new Visitor(world.dashboard());
    for (const path of [...paths, '/static/app.css'])
      expect(await visitor.get(path, { host })).toMatchObject({ status: 403, location: null });
  });

  it.each(['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080'])(
    'are answered as %s',
    async (host) => {
      expect((await new Visitor(world.dashboard()).get('/', { host })).status).toBe(200);
    },
  );
});

describe('who has not signed in', () => {
  it('reads, and decides nothing', async () => {
    const visitor = new Visitor(world.dashboard());
    const { text, status } = await visitor.get(receipt);
    expect(status).toBe(200);
    expect(text).toContain('Sign in to decide');
    expect(text).not.toContain('action="/receipts/invoice%3A1042/confirm"');
    const fields = { csrf: '', token: '2.claimed.2', choice: 'committed', reason: 'no' };
    for (const step of ['confirm', 'decide'])
      expect((await visitor.post(`${receipt}/${step}`, fields)).status).toBe(403);
    await isUntouched();
  });

  it('decides nothing either where nobody can sign in', async () => {
    const visitor = new Visitor(world.dashboard({ token: undefined }));
    expect((await visitor.get(receipt)).text).toContain('Read-only');
    expect((await visitor.get('/sign-in')).status).toBe(404);
    expect((await visitor.signIn()).status).toBe(404);
    const fields = { csrf: '', token: '2.claimed.2', choice: 'committed', reason: 'no' };
    expect((await visitor.post(`${receipt}/decide`, fields)).status).toBe(403);
    await isUntouched();
  });

  it('reads nothing from another machine, and comes back to where he was', async () => {
    const visitor = new Visitor(world.dashboard({ isLoopback: false }), { host: 'ops.example:8080' });
    for (const path of paths)
      expect(await visitor.get(path)).toMatchObject({
        status: 303,
        location: `/sign-in?next=${encodeURIComponent(path)}`,
      });
    expect((await visitor.get('/static/app.css')).status).toBe(200);
    const asked = fieldsOf(
      (await visitor.get(`/sign-in?next=${encodeURIComponent(receipt)}`)).text,
      '/sign-in',
    );
    expect(asked['next']).toBe(receipt);
    const done = await visitor.post('/sign-in', { ...asked, name: 'Ann', token });
    expect(done).toMatchObject({ status: 303, location: receipt });
    expect((await visitor.get(receipt)).status).toBe(200);
  });

  it.each([
    '//attacker.example',
    'https://attacker.example/',
    '/\\attacker.example',
    'javascript:alert(1)',
    '/a/..//attacker.example',
  ])('is not led to %s', async (next) => {
    const visitor = new Visitor(world.dashboard());
    const asked = fieldsOf((await visitor.get(`/sign-in?next=${encodeURIComponent(next)}`)).text, '/sign-in');
    const { location } = await visitor.post('/sign-in', { ...asked, next, name: 'Ann', token });
    expect(location).toBe('/');
  });
});

describe('signing in', () => {
  it('takes the token and a name, and keeps a cookie that no script and no other site can use', async () => {
    const visitor = new Visitor(world.dashboard());
    const done = await visitor.signIn();
    expect(done).toMatchObject({ status: 303, location: '/' });
    expect(done.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^activity_guard_session_8080=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect((await visitor.get('/')).text).toContain('<bdi>Ann</bdi>');
    const secure = new Visitor(world.dashboard(), { 'x-forwarded-proto': 'https' });
    expect((await secure.signIn()).headers.getSetCookie()[0]).toContain('; Secure');
  });

  it.each([
    ['another token', { token: 'not-the-token-of-it' }, 403],
    ['no name', { name: ' ' }, 422],
    ['a name with control characters', { name: 'A\u0000nn' }, 422],
    ['a form of nobody', { csrf: 'forged' }, 403],
  ])('refuses %s', async (_, wrong, status) => {
    const visitor = new Visitor(world.dashboard());
    const fields = fieldsOf((await visitor.get('/sign-in')).text, '/sign-in');
    const refused = await visitor.post('/sign-in', { ...fields, name: 'Ann', token, ...wrong });
    expect(refused.status).toBe(status);
    expect(refused.text).not.toContain(token);
    expect((await visitor.get('/')).text).toContain('Sign in');
  });

  it('is slowed down after ten wrong tokens, for all, and for a minute', async () => {
    const visitor = new Visitor(world.dashboard());
    for (let tries = 0; tries < 10; tries++)
      expect((await visitor.signIn('Eve', 'a-guess-of-the-token')).status).toBe(403);
    expect((await visitor.signIn()).status).toBe(429);
    await world.clock.advance(60_001);
    expect((await visitor.signIn()).status).toBe(303);
  });

  it('ends by signing out, and after twelve hours', async () => {
    const visitor = new Visitor(world.dashboard());
    await visitor.signIn();
    const session = new Map(visitor.cookies);
    const fields = fieldsOf((await visitor.get('/')).text, '/sign-out');
    await visitor.post('/sign-out', { csrf: 'forged' });
    expect((await visitor.get('/')).text).toContain('Sign out');
    await visitor.post('/sign-out', fields);
    for (const [name, value] of session) visitor.cookies.set(name, value);
    expect((await visitor.get('/')).text).not.toContain('Sign out');
    await visitor.signIn();
    await world.clock.advance(12 * 3_600_000 - 1);
    expect((await visitor.get('/')).text).toContain('Sign out');
    await world.clock.advance(2);
    expect((await visitor.get('/')).text).not.toContain('Sign out');
  });

  it('keeps a hundred sessions, the youngest', () => {
    const access = new Access({ token }, true, () => 0);
    const sessions = Array.from({ length: 101 }, (_, index) => {
      const done = access.signIn(token, `user ${index}`);
      return typeof done === 'string' ? done : done.session;
    });
    const users = sessions.map((session) => access.viewerOf({ session, header: () => undefined }).user);
    expect(users.filter((user) => user === undefined)).toHaveLength(1);
    expect([users[0], users[100]]).toEqual([undefined, 'user 100']);
  });

  it('takes a step of its own where the browser comes from another site and keeps the cookie back', async () => {
    const visitor = new Visitor(world.dashboard());
    const from = { 'sec-fetch-site': 'cross-site' };
    expect((await visitor.get(`${receipt}?a="b`, from)).text).toContain(`content="0; url=${receipt}?a=%22b"`);
    expect((await visitor.get(receipt, { 'sec-fetch-site': 'same-origin' })).text).toContain('chargeCard');
    await visitor.signIn();
    expect((await visitor.get(receipt, from)).text).toContain('chargeCard');
  });
});

describe('a form', () => {
  it.each([
    ['no proof', { csrf: '' }, {}],
    ['a forged proof', { csrf: 'x'.repeat(43) }, {}],
    ['another origin', {}, { origin: 'http://attacker.example' }],
    ['another port of this machine', {}, { origin: 'http://localhost:9090', 'sec-fetch-site': 'same-site' }],
    ['no origin', {}, { origin: '' }],
  ])('that comes with %s is not taken', async (_, fields, headers) => {
    const visitor = new Visitor(world.dashboard());
    await visitor.signIn();
    const asked = await visitor.propose(receipt, 'committed');
    expect(asked.status).toBe(200);
    const given = { ...fieldsOf(asked.text, '/decide'), ...fields };
    expect((await visitor.post(`${receipt}/decide`, given, headers)).status).toBe(403);
    await isUntouched();
    expect(world.woken).toEqual([]);
  });

  it('of another session is not taken', async () => {
    const app = world.dashboard();
    const [ann, eve] = [new Visitor(app), new Visitor(app)];
    await ann.signIn();
    await eve.signIn('Eve');
    const asked = await eve.propose(receipt, 'committed');
    expect((await ann.post(`${receipt}/decide`, fieldsOf(asked.text, '/decide'))).status).toBe(403);
    await isUntouched();
  });

  it('that is too large is not read', async () => {
    const visitor = new Visitor(world.dashboard());
    await visitor.signIn();
    expect(
      (await visitor.propose(receipt, 'committed', { result: `"${'x'.repeat(1_000_000)}"` })).status,
    ).toBe(413);
  });
});

describe('behind a proxy that signs people in', () => {
  const behind = () => world.dashboard({ token: undefined, trustHeader: 'X-Forwarded-User' });

  it('who it names decides, and who it does not name sees nothing', async () => {
    const app = behind();
    const nobody = new Visitor(app, { host: 'ops.example' });
    for (const path of paths) {
      const { status, text } = await nobody.get(path);
      expect(status).toBe(403);
      expect(text).not.toMatch(/invoice|payout/);
    }
    const ann = new Visitor(app, { host: 'ops.example', 'x-forwarded-user': 'ann@shop.example' });
    const asked = await ann.propose(receipt, 'committed');
    expect((await nobody.post(`${receipt}/decide`, fieldsOf(asked.text, '/decide'))).status).toBe(403);
    const other = new Visitor(app, { 'x-forwarded-user': 'eve@shop.example' });
    expect((await other.post(`${receipt}/decide`, fieldsOf(asked.text, '/decide'))).status).toBe(403);
    expect((await ann.confirm(receipt, asked)).status).toBe(303);
    const [found] = await world.receipts.list({ workflowId: 'checkout-1042' });
    const { evidence } = (await world.receipts.get(found?.key ?? '')) ?? {};
    expect(evidence?.at(-1)).toMatchObject({ by: 'ann@shop.example', source: 'operator' });
  });

  it('the header says nothing where it was not named', async () => {
    const visitor = new Visitor(world.dashboard(), { 'x-forwarded-user': 'eve' });
    expect((await visitor.get(receipt)).text).toContain('Sign in to decide');
  });
});
