/** `dashboard`: the web page. Its packages are loaded then, and not before. */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';

import type * as NodeServer from '@hono/node-server';

import type * as Dashboard from '../dashboard';
import { pageOrigin, providerLinkProblem } from '../dashboard/links';
import { wake } from '../operator';
import { optionalPackages } from '../optional-package';
import type { PostgresReceipts } from '../stores/pg';
import type { Invocation } from './options';
import { close, listen } from './serve';
import { toldToEnd } from './told-to-end';
import { UsageError } from './usage-error';

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
  const token = file === undefined ? process.env[tokenVariable] : tokenIn(file);
  if (token !== undefined && (token.length < leastCharacters || /\s/.test(token)))
    throw new UsageError(
      `the token of the dashboard (--token-file, ${tokenVariable}) has less than ${leastCharacters} characters, or spaces`,
    );
  return token;
}

function tokenIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--token-file: the file cannot be read (${(error as { code?: string }).code})`);
  }
}

/** @throws UsageError for what would show receipts to everybody, or lead people astray */
function checked({ values }: Invocation) {
  const { host, 'trust-header': trustHeader, 'provider-link': provider } = values;
  const { ui = process.env['TEMPORAL_UI_URL'] } = values;
  const token = tokenFrom(values['token-file']);
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
  return { token, trustHeader, isLoopback: isLoopback(host), links: { ui: ui || undefined, provider } };
}

/**
 * Serves the page until the process is told to end.
 * @throws UsageError for options that do not fit
 * @throws ReceiptStoreUnavailableError where the receipts are away, or their tables missing: nothing is created here
 */
export async function dashboard(
  receipts: PostgresReceipts,
  invocation: Invocation,
  print: (line: string) => void,
): Promise<true> {
  const { values, port } = invocation;
  const options = checked(invocation);
  const { createDashboard, createAdaptorServer } = packages();
  await receipts.check();
  const { fetch } = createDashboard({
    ...{ ...options, receipts, wake: (receipt) => wake(receipt, values) },
    onFault: (error) => process.stderr.write(`activity-guard: ${(error as Error).name} in a request\n`),
  });
  const server = createAdaptorServer({ fetch }) as Server;
  const end = toldToEnd();
  const url = await listen(server, port, values.host);
  print(values.json ? JSON.stringify({ url }) : `The dashboard is at ${url}${howToWrite(options)}`);
  await end;
  await close(server);
  return true;
}

const howToWrite = ({ token, trustHeader }: ReturnType<typeof checked>): string =>
  token === undefined && trustHeader === undefined ? ` (read-only: ${tokenVariable} is not set)` : '';
