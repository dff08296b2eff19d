/** The dashboard in a real browser: before a real workflow that waits, and before receipts at a fixed time. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile, mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createAdaptorServer } from '@hono/node-server';
import type { Page } from 'playwright-core';

import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import type { callBriefly } from '../fixtures/plain-workflows';
import { startServing, stop, type Serving } from '../support/serving';
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';
import { Browser, chromiumPath, overhang } from './browser';
import { token, World } from './world';

const screenshots = process.env['DASHBOARD_SCREENSHOTS'] ?? 'artifacts/dashboard';
const isHere = chromiumPath !== undefined;
const inBrowser = isHere ? describe : describe.skip;
const suite = (title: string): string =>
  isHere ? title : `${title}: NOT TESTED, no Chromium (CHROMIUM_PATH)`;

let browser: Browser;
beforeAll(async () => {
  if (!isHere) return;
  await mkdir(screenshots, { recursive: true });
  browser = await Browser.start();
}, 60_000);
afterAll(() => browser?.stop());

const shoot = (page: Page, name: string, fullPage: boolean) =>
  page.screenshot({ path: join(screenshots, `${name}.png`), fullPage });

async function signIn(page: Page, name = 'Ann'): Promise<void> {
  await page.click('text=Sign in');
  await page.fill('main [name=name]', name);
  await page.fill('[name=token]', token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=Sign out');
}

inBrowser(suite('a payment that nobody knows of'), () => {
  let here: WorkerHere;
  let serving: Serving;
  let folder: string;
  beforeAll(async () => {
    here = await WorkerHere.start();
    folder = await mkdtemp(join(tmpdir(), 'activity-guard-test-'));
    await writeFile(join(folder, 'token'), `${token}\n`, { mode: 0o600 });
    serving = await startServing(
      [
        '--token-file',
        join(folder, 'token'),
        '--provider-link',
        'https://dash.example/payments/{requestId}',
        '--ui',
        'https://temporal.example',
      ],
      {
        DATABASE_URL: here.stack.databaseUrl,
        TEMPORAL_ADDRESS: here.stack.temporalAddress,
        TEMPORAL_NAMESPACE: here.stack.temporalNamespace,
      },
      'dashboard',
    );
  }, 120_000);
  afterAll(async () => {
    expect(serving === undefined ? 0 : await stop(serving)).toBe(0);
    await here?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is found, settled with a reason, and the workflow that waits for it finishes', async () => {
    const order = randomUUID();
    let effects = 0;
    const pay = guarded({ leaseFor: 2000, graceFor: 1000 }, async (): Promise<unknown> => {
      effects++;
      throw new Error('socket hang up');
    });
    const options = { activities: { pay }, plugins: [new ActivityGuardPlugin({ receipts: here.receipts })] };
    await here.starting(options, async (start) => {
      const handle = await start<typeof callBriefly>('callBriefly' as never, 'pay', order);
      await until(async () => (await here.receipts.list({ unresolved: true })).length === 1);
      const page = await browser.open(serving.url);
      await signIn(page);
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await page.waitForSelector('text=Nobody knows whether it happened');
      expect(await page.locator('text=The workflow in Temporal').getAttribute('href')).toContain(
        handle.workflowId,
      );
      await page.check('[value=committed]');
      await page.fill('[name=result]', '{"charge": "ch_1"}');
      await page.fill('[name=reason]', 'charge ch_1 in the provider’s console');
      await page.click('text=Continue');
      await page.waitForSelector('text=Confirm your decision');
      await page.keyboard.press('Enter'); // the button has the focus
      expect(await page.textContent('.told.done')).toContain('Done: it is committed now.');
      expect(await handle.result()).toEqual({ charge: 'ch_1' });
      expect(effects).toBe(1);
      await page.click('text=Queue');
      await page.waitForSelector('text=Nothing needs you');
      await page.close();
    });
    expect(serving.printed()).not.toContain(token);
  });
});

inBrowser(suite('the pages of the dashboard'), () => {
  let world: World;
  let server: Server;
  let url: string;
  beforeAll(async () => {
    world = new World();
    await world.fill();
    server = createAdaptorServer({ fetch: world.dashboard().fetch }) as Server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const page = await browser.open(url);
    await signIn(page);
    await page.close();
  });
  afterAll(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );

  const places = {
    queue: '/',
    receipt: '/receipts/payout%3A2030-01',
    search: '/receipts?q=invoice',
    activity: '/activity',
  };

  it('look as in the documentation, in the light, in the dark, and on a phone', async () => {
    const page = await browser.open(url);
    for (const [name, path] of Object.entries(places))
      for (const [kind, colorScheme, width] of [
        ['', 'light', 1280],
        ['-dark', 'dark', 1280],
        ['-phone', 'light', 375],
      ] as const) {
        await page.setViewportSize({ width, height: 720 });
        await page.emulateMedia({ colorScheme });
        await page.goto(url + path);
        if (name === 'activity') await page.waitForSelector('#actions canvas');
        expect([name, kind, await overhang(page)]).toEqual([name, kind, 0]);
        const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        expect(background).toBe(colorScheme === 'dark' ? 'rgb(18, 22, 28)' : 'rgb(250, 251, 252)');
        await shoot(page, name + kind, width === 375);
      }
    await page.close();
  });

  it('are used by keys alone', async () => {
    const page = await browser.open(url);
    const focused = () => page.evaluate('document.activeElement.textContent');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await focused()).toBe('invoice:1042');
    await page.keyboard.press('k');
    expect(await focused()).toBe('payout:2030-01');
    await page.keyboard.press('r');
    await page.waitForLoadState('networkidle');
    expect(await focused()).toBe('payout:2030-01');
    await page.keyboard.press('?');
    expect(await page.isVisible('dialog')).toBe(true);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('invoice:1042 j?');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/receipts/invoice%3A1042');
    await page.keyboard.press('u');
    await page.waitForURL(`${url}/`);
    await page.close();
  });

  it('look again by themselves, and leave alone what is being typed, with what was seen', async () => {
    const page = await browser.open(`${url}/receipts/invoice%3A1042`);
    await page.evaluate("document.querySelector('main').dataset.old = '1'");
    await page.waitForSelector('main:not([data-old])');
    await page.evaluate("document.querySelector('main').dataset.old = '1'");
    await page.focus('[value=committed]');
    await page.waitForResponse('**/receipts/invoice%3A1042');
    expect(await page.evaluate('document.activeElement.value')).toBe('committed');
    expect(await page.isVisible('main[data-old]')).toBe(true);
    await page.fill('[name=reason]', 'half a reason');
    await page.click('h1');
    const { key } = (await world.receipts.list({ workflowId: 'checkout-1042' }))[0] ?? { key: '' };
    await world.receipts.addEvidence({ key, epoch: 2, source: 'webhook', verdict: 'undetermined' });
    await page.waitForSelector('#notice:not([hidden])');
    expect(await page.inputValue('[name=reason]')).toBe('half a reason');
    await page.check('[value=compensated]');
    await page.click('text=Continue');
    await page.waitForSelector('text=It has changed since you looked at it');
    await page.close();
  });

  it('work without JavaScript', async () => {
    const page = await browser.plain(`${url}/receipts/invoice%3A1043`);
    await page.check('[value=committed]');
    await page.fill('[name=reason]', 'seen');
    await page.click('text=Continue');
    await page.click('text=Yes: it happened');
    expect(await page.textContent('.told.done')).toContain('Done: it is committed now.');
    await page.context().close();
  });

  it('come from one origin, and nothing complains', () => {
    expect([...browser.origins].filter((origin) => !origin.startsWith('http://127.0.0.1:'))).toEqual([]);
    // What was refused above is told there as well.
    expect(browser.complaints.filter((text) => !text.includes('409 (Conflict)'))).toEqual([]);
  });
});
