/** `serve`: the HTTP service. Its packages are loaded then, and not before. */
import type { Server } from 'node:http';

import type * as NodeServer from '@hono/node-server';

import type { Telemetry } from '../core';
import { ApiKeyError, ApiKeys } from '../http/api-keys';
import type * as HttpService from '../http/service';
import { optionalPackages } from '../optional-package';
import type { PostgresReceipts } from '../stores/pg';
import { command, text, type Context } from './definition';
import { fileText } from './files';
import { close, listen, listening } from './listening';
import { metricsOption, withMetrics } from './metrics';
import { complain } from './terminal';
import { toldToEnd } from './told-to-end';
import { UsageError } from './usage-error';

const keysVariable = 'ACTIVITY_GUARD_KEYS';

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const packages = () =>
  optionalPackages(['hono', '@hono/node-server'], 'to serve', () => ({
    ...(require('../http/service') as typeof HttpService),
    ...(require('@hono/node-server') as typeof NodeServer),
  }));
/* eslint-enable @typescript-eslint/no-require-imports */

function keysFrom(file: string | undefined): ApiKeys {
  const text = file === undefined ? process.env[keysVariable] : fileText(file, '--keys');
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

/**
 * Serves until the process is told to end.
 * @throws UsageError for what is wrong with the keys
 * @throws ReceiptStoreUnavailableError where the receipts are away, or their tables missing: nothing is created here
 */
async function serveWith(
  keys: ApiKeys,
  { host, port }: { readonly host: string; readonly port: number },
  { open, print, given: { json } }: Context,
  telemetry: Telemetry | undefined,
): Promise<void> {
  const { createService, createAdaptorServer } = packages();
  const stores = new Map(keys.namespaces.map((namespace) => [namespace, open(namespace)]));
  try {
    for (const store of stores.values()) await store.check();
    const { fetch } = createService({
      keys,
      receipts: (namespace) => stores.get(namespace) as PostgresReceipts,
      telemetry,
      onFault: (error) => complain(`${(error as Error).name} in a request`),
    });
    const server = createAdaptorServer({ fetch }) as Server;
    const end = toldToEnd();
    const url = await listen(server, port, host);
    await print(json ? JSON.stringify({ url }) : `Serving at ${url} (the API: ${url}/openapi.json)`);
    await end;
    await close(server);
  } finally {
    for (const store of stores.values()) await store.close();
  }
}

export const serve = command({
  name: 'serve',
  summary: 'claims and receipts over HTTP, until it is told to end',
  options: {
    keys: text('FILE', `a line for each API key: <namespace> <key> (else ${keysVariable})`, { isFile: true }),
    ...listening,
    ...metricsOption,
  },
  examples: ['serve --keys keys.txt --port 8080', 'serve --keys keys.txt --port 8080 --metrics 9464'],
  check: (_given, _argument, { namespace }) => {
    if (namespace !== undefined)
      throw new UsageError('serve takes its namespaces from the API keys, not --namespace');
  },
  run: async (context, { keys, host = '127.0.0.1', port = 0, metrics }) => {
    const known = keysFrom(keys);
    await withMetrics(metrics, (telemetry) => serveWith(known, { host, port }, context, telemetry));
    return true;
  },
});
