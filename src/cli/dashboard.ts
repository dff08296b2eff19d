/** `dashboard`: the web page. Its packages are loaded then, and not before. */
import type { Server } from 'node:http';

import type * as NodeServer from '@hono/node-server';

import type * as Dashboard from '../dashboard';
import { pageOrigin, providerLinkProblem } from '../dashboard/links';
import { optionalPackages } from '../optional-package';
import { command, flag, text, type Context, type Given } from './definition';
import { fileText } from './files';
import { close, listen, listening } from './listening';
import { complain } from './terminal';
import { toldToEnd } from './told-to-end';
import { UsageError } from './usage-error';
import { wakeOrTell } from './waking';

const tokenVariable = 'ACTIVITY_GUARD_DASHBOARD_TOKEN';
const leastCharacters = 16;

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const packages = () =>
  optionalPackages(['hono', '@hono/node-server'], 'for the dashboard', () => ({
    ...(require('../dashboard') as typeof Dashboard),
    ...(require('@hono/node-server') as typeof NodeServer),
  }));
/* eslint-enable @typescript-eslint/no-require-imports */

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);

function tokenFrom(file: string | undefined): string | undefined {
  const token = file === undefined ? process.env[tokenVariable] : fileText(file, '--token-file').trim();
  if (token !== undefined && (token.length < leastCharacters || /\s/.test(token)))
    throw new UsageError(
      `the token of the dashboard (--token-file, ${tokenVariable}) has less than ${leastCharacters} characters, or spaces`,
    );
  return token;
}

const options = {
  ...listening,
  'token-file': text(
    'FILE',
    `the token that signs in, who may decide (else ${tokenVariable}; else it is read-only)`,
    { isFile: true },
  ),
  'trust-header': text('NAME', 'in place of a token: who a proxy says that it has signed in'),
  'provider-link': text('URL', 'of a payment at the provider, with {requestId} in it'),
  ui: text('URL', "of Temporal's web page, for a link (TEMPORAL_UI_URL)"),
  'no-temporal': flag('wake nobody'),
};

/** @throws UsageError for what would show receipts to everybody, or lead people astray */
function checked(given: Given<typeof options>) {
  const { host = '127.0.0.1', 'trust-header': trustHeader, 'provider-link': provider } = given;
  const { ui = process.env['TEMPORAL_UI_URL'] } = given;
  const token = tokenFrom(given['token-file']);
  if (token !== undefined && trustHeader !== undefined)
    throw new UsageError('dashboard takes a token or --trust-header, not both');
  if (trustHeader !== undefined && !/^[\w-]+$/.test(trustHeader))
    throw new UsageError('--trust-header takes the name of a header');
  if (!isLoopback(host) && token === undefined && trustHeader === undefined)
    throw new UsageError(
      `on ${host} everybody would read the receipts: give --token-file, ${tokenVariable} or --trust-header`,
    );
  const problem = provider === undefined ? undefined : providerLinkProblem(provider);
  if (problem !== undefined) throw new UsageError(`--provider-link: ${problem}`);
  if (ui && pageOrigin(ui) === undefined)
    throw new UsageError('--ui (TEMPORAL_UI_URL) takes an http or https URL');
  return { host, token, trustHeader, isLoopback: isLoopback(host), links: { ui: ui || undefined, provider } };
}

/**
 * Serves the page until the process is told to end.
 * @throws ReceiptStoreUnavailableError where the receipts are away, or their tables missing: nothing is created here
 */
async function serveWith(
  { receipts, print, given: { json } }: Context,
  given: Given<typeof options>,
  { host, ...checks }: ReturnType<typeof checked>,
): Promise<void> {
  const { createDashboard, createAdaptorServer } = packages();
  await receipts.check();
  const { fetch } = createDashboard({
    ...{ ...checks, receipts, wake: (receipt) => wakeOrTell(receipt, given) },
    onFault: (error) => complain(`${(error as Error).name} in a request`),
  });
  const server = createAdaptorServer({ fetch }) as Server;
  const end = toldToEnd();
  const url = await listen(server, given.port ?? 0, host);
  await print(json ? JSON.stringify({ url }) : `The dashboard is at ${url}${howToWrite(checks)}`);
  await end;
  await close(server);
}

const howToWrite = ({
  token,
  trustHeader,
}: Pick<ReturnType<typeof checked>, 'token' | 'trustHeader'>): string =>
  token === undefined && trustHeader === undefined ? ` (read-only: ${tokenVariable} is not set)` : '';

export const dashboard = command({
  name: 'dashboard',
  summary: 'a web page for people: what needs them, search, receipts, decisions; until it is told to end',
  options,
  examples: ['dashboard --port 8081', "dashboard --provider-link 'https://pay.example/charges/{requestId}'"],
  // Checked here: that reads the token.
  run: async (context, given) => {
    await serveWith(context, given, checked(given));
    return true;
  },
});
