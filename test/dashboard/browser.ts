/** A real Chromium, and everything that it complains of or asks others for. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type BrowserContext, type Page } from 'playwright-core';

/** As Debian and others call it. `CHROMIUM_PATH` names another one. */
const usualPaths = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'].map(
  (name) => `/usr/bin/${name}`,
);

export const chromiumPath = process.env['CHROMIUM_PATH'] || usualPaths.find((path) => existsSync(path));

/** Nothing is asked of the network by itself; and root has no sandbox. */
const args = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a profile of its own. */
export class Browser {
  /** Console messages, errors of pages, and violations of the policy. */
  readonly complaints: string[] = [];
  /** Every origin that something was asked of. */
  readonly origins = new Set<string>();

  private constructor(
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async start(): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'activity-guard-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      ...{
        executablePath: chromiumPath ?? '',
        headless: true,
        chromiumSandbox: process.getuid?.() !== 0,
        args,
      },
      ...{ viewport: { width: 1280, height: 800 }, locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light' },
    });
    return new Browser(context, profile);
  }

  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on('console', (message) => this.complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => this.origins.add(new URL(request.url()).origin));
    await page.goto(url);
    return page;
  }

  /** The same place, signed in alike, in a browser that runs no scripts. */
  async plain(url: string): Promise<Page> {
    const storageState = await this.context.storageState();
    const context = await this.context.browser()?.newContext({ javaScriptEnabled: false, storageState });
    if (!context) throw new Error('no browser');
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  async stop(): Promise<void> {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** How far a page reaches beyond its window, in pixels. */
export const overhang = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
