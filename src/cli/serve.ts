/** `serve`: the HTTP service. Its packages are loaded then, and not before. */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type * as NodeServer from '@hono/node-server';

import { ApiKeyError, ApiKeys } from '../http/api-keys';
import type * as HttpService from '../http/service';
import { optionalPackages } from '../optional-package';
import type { PostgresReceipts } from '../stores/pg';
import type { Invocation } from './options';
import { toldToEnd } from './told-to-end';
import { UsageError } from './usage-error';

const keysVariable = 'ACTIVITY_GUARD_KEYS';

/** Requests that have begun are answered; who takes longer is cut off. */
const longestEndMs = 10_000;
const pauseMs = 50;

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const packages = () =>
  optionalPackages(['hono', '@hono/node-server'], 'to serve', () => ({
    ...(require('../http/service') as typeof HttpService),
    ...(require('@hono/node-server') as typeof NodeServer),
  }));
/* eslint-enable @typescript-eslint/no-require-imports */

function keysFrom(file: string | undefined): ApiKeys {
  const text = file === undefined ? process.env[keysVariable] : textOf(file);
  if (text === undefined)
    throw new UsageError(
      `serve takes --keys FILE, or ${keysVariable}: a line for each API key, <namespace> <key>`,
    );
  try {
    return new ApiKeys(text);
  } catch (error) {
    if (error instanceof ApiKeyError) throw new UsageError(error.message);
    throw error;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--keys: the file cannot be read (${(error as { code?: string }).code})`);
  }
}

/**
 * Serves until the process is told to end.
 * @throws UsageError for what is wrong with the keys
 * @throws ReceiptStoreUnavailableError where the receipts are away, or their tables missing: nothing is created here
 */
export async function serve(
  open: (namespace: string) => PostgresReceipts,
  { values, port }: Invocation,
  print: (line: string) => void,
): Promise<true> {
  const keys = keysFrom(values.keys);
  const { createService, createAdaptorServer } = packages();
  const stores = new Map(keys.namespaces.map((namespace) => [namespace, open(namespace)]));
  try {
    for (const store of stores.values()) await store.check();
    const { fetch } = createService({
      keys,
      receipts: (namespace) => stores.get(namespace) as PostgresReceipts,
      onFault: (error) => process.stderr.write(`activity-guard: ${(error as Error).name} in a request\n`),
    });
    const server = createAdaptorServer({ fetch }) as Server;
    const end = toldToEnd();
    const url = await listen(server, port, values.host);
    print(values.json ? JSON.stringify({ url }) : `Serving at ${url} (the API: ${url}/openapi.json)`);
    await end;
    await close(server);
  } finally {
    for (const store of stores.values()) await store.close();
  }
  return true;
}

export async function listen(server: Server, port: number, host: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
}

export async function close(server: Server): Promise<void> {
  // Connections that were busy, and are idle now, would keep it open.
  const idle = setInterval(() => server.closeIdleConnections(), pauseMs);
  const late = setTimeout(() => server.closeAllConnections(), longestEndMs);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(idle);
  clearTimeout(late);
}
