/** The web page for the people who look after receipts: what it answers, and to whom. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { csrf } from 'hono/csrf';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';

import type { Receipt, ReceiptStore } from '../core';
import { find, shownStates, type Woken } from '../operator';
import { Access, type SignIn } from './access';
import { activityPage } from './activity-page';
import { decisionRoutes } from './decision-routes';
import { readFigures, windows, type WindowName } from './figures';
import { receiptPath } from './html';
import type { Links } from './links';
import { queuePage, searchPage } from './list-pages';
import { stepPage, type Told } from './page';
import { readQueue } from './queue';
import { receiptPage } from './receipt-page';
import { kept, pathOf, refuse, type Env } from './request';
import { search, type Query } from './search';
import { SharedAnswer } from './shared-answer';
import { signInRoutes } from './sign-in-routes';

/** What the pages work with. */
export interface DashboardOptions extends SignIn {
  readonly receipts: ReceiptStore;
  /** Only programs of this machine reach it: who can do that may read, under the names of this machine alone. */
  readonly isLoopback: boolean;
  readonly links: Links;
  /** Has whoever waits for a receipt go on. */
  readonly wake: (receipt: Receipt) => Promise<Woken>;
  /** Told of faults of the pages themselves: the names of errors, never what was asked. */
  readonly onFault?: (error: unknown) => void;
  readonly now?: () => number;
}

const longestBody = 1_000_000;
const queueMs = 2000;
const figuresMs = 4000;
const statsMs = 60_000;

const assets = {
  'app.css': 'text/css',
  'uplot.css': 'text/css',
  'app.js': 'text/javascript',
  'charts.js': 'text/javascript',
  'uplot.js': 'text/javascript',
  'favicon.svg': 'image/svg+xml',
} as const;

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  // Whoever puts TLS in front of it says for how long.
  strictTransportSecurity: false,
});

export function createDashboard(options: DashboardOptions): Hono<Env> {
  const { receipts, isLoopback, now = Date.now, onFault = () => undefined } = options;
  const access = new Access(options, isLoopback, now);
  const app = new Hono<Env>();
  app.use('*', headers, noStore);
  if (isLoopback && options.trustHeader === undefined) app.use('*', ownNamesOnly);
  for (const [name, type] of Object.entries(assets)) {
    const bytes = readFileSync(join(__dirname, 'static', name));
    app.get(`/static/${name}`, (c) => c.body(bytes, 200, { 'content-type': `${type}; charset=utf-8` }));
  }
  app.use('*', csrf(), bodyLimit({ maxSize: longestBody }));
  app.use('*', identify(access, receipts.namespace));
  signInRoutes(app, access);
  app.use('*', readersOnly(access));
  readRoutes(app, options, now);
  app.notFound((c) => refuse(c, 404, 'Not found', 'There is no such page.'));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    const isAway = (error as { code?: unknown }).code === 'ReceiptStoreUnavailable';
    if (!isAway) onFault(error);
    return refuse(c, 503, isAway ? 'The receipts are away' : 'That went wrong', lookAgain);
  });
  return app;
}

/** An answer of the database may be lost after it has done what it was asked for. */
const lookAgain = 'Look at the receipt again before you decide anything: its state says what counts.';

/** Who it is, and what every page has around it. */
const identify =
  (access: Access, namespace: string): MiddlewareHandler<Env> =>
  async (c, next) => {
    const viewer = access.viewerOf({ session: kept(c, 'session'), header: (name) => c.req.header(name) });
    c.set('viewer', viewer);
    c.set('frame', { namespace, viewer, takesToken: access.takesToken, path: pathOf(c) });
    await next();
  };

const readersOnly =
  (access: Access): MiddlewareHandler<Env> =>
  async (c, next) => {
    const { mayRead, user } = c.get('viewer');
    const isFromElsewhere = c.req.method === 'GET' && c.req.header('sec-fetch-site') === 'cross-site';
    if (access.takesToken && user === undefined && isFromElsewhere) return c.html(stepPage(pathOf(c)));
    if (mayRead) return next();
    if (!access.takesToken)
      return refuse(c, 403, 'Not signed in', 'The proxy in front of this page names nobody.');
    return c.redirect(`/sign-in?next=${encodeURIComponent(pathOf(c))}`, 303);
  };

const noStore: MiddlewareHandler = async (c, next) => {
  await next();
  c.header('cache-control', 'no-store');
};

/** A page of somebody else's may have its name lead to this machine: its browser then says that name. */
const ownNamesOnly: MiddlewareHandler = async (c, next) => {
  const [, name] = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.exec(c.req.header('host') ?? '') ?? [];
  return name === undefined ? c.text('This page is for this machine: open it as localhost.', 403) : next();
};

const known = <T extends string>(names: readonly T[], name: string | undefined): T | undefined =>
  names.find((one) => one === name);

/** A time as a form sends it, in UTC; or as a link of ours does. */
function timeIn(given: string | undefined): string | undefined {
  const at = new Date(/Z$/.test(given ?? '') ? (given ?? '') : `${given}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const queryIn = (c: Context): Query => ({
  text: (c.req.query('q') ?? '').trim(),
  action: (c.req.query('action') ?? '').trim(),
  state: known(shownStates, c.req.query('state')),
  since: timeIn(c.req.query('since')),
  before: timeIn(c.req.query('before')),
});

function readRoutes(app: Hono<Env>, { receipts, links, wake }: DashboardOptions, now: () => number): void {
  const queue = new SharedAnswer(() => readQueue(receipts), queueMs, now);
  const stats = new SharedAnswer(() => receipts.stats(), statsMs, now);
  const names = Object.keys(windows) as WindowName[];
  const figures = new Map(
    names.map((name) => [name, new SharedAnswer(() => readFigures(receipts, name, now), figuresMs, now)]),
  );
  const figuresIn = (c: Context) => {
    const window = known(names, c.req.query('window')) ?? '15m';
    return { window, figures: figures.get(window) as SharedAnswer<Awaited<ReturnType<typeof readFigures>>> };
  };
  const told = new Map<string, Told>();

  app.get('/', async (c) => c.html(queuePage(c.get('frame'), await queue.get(), links)));
  app.get('/receipts', async (c) => {
    const query = queryIn(c);
    const found = query.text === '' ? undefined : await find(receipts, query.text);
    if (found) return c.redirect(receiptPath(found.receipt), 303);
    return c.html(searchPage(c.get('frame'), query, await search(receipts, query, now)));
  });
  app.get('/receipts/:id', async (c) => {
    const found = await find(receipts, c.req.param('id'));
    if (!found) return refuse(c, 404, 'No receipt', 'No receipt has this request id in this namespace.');
    const id = c.req.query('told') ?? '';
    const shown = { links, told: told.get(id) };
    told.delete(id);
    return c.html(receiptPage(c.get('frame'), found, shown));
  });
  app.get('/activity', async (c) => {
    const { window, figures: asked } = figuresIn(c);
    return c.html(activityPage(c.get('frame'), window, await asked.get(), await stats.get()));
  });
  app.get('/activity.json', async (c) => c.json((await figuresIn(c).figures.get()).value));
  decisionRoutes(app, { receipts, links, wake, onDecided: () => queue.expire(), told });
}
