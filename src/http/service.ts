/** The HTTP service: claims and receipts for clients in any language, each with a key that opens one namespace. */
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';

import {
  claimFor,
  renewFor,
  settleFor,
  statusOf,
  type ClaimReply,
  type RenewReply,
  type SettleReply,
} from '../claims';
import { ActivityGuardError, InvalidRequestError, type ReceiptStore, type Telemetry } from '../core';
import type { ApiKeys } from './api-keys';
import { bounds, claimTermsOf, jsonIn, renewingOf, settlingOf } from './input';
import { openApi } from './openapi';
import { problemOf, problemResponse, problems, type PlainResponse, type Problem } from './problem';

/** What the service works with. */
export interface ServiceOptions {
  readonly keys: ApiKeys;
  /** The receipts of a namespace that a key opens. */
  readonly receipts: (namespace: string) => ReceiptStore;
  /** Traces and metrics of the claims. */
  readonly telemetry?: Telemetry | undefined;
  /** Told of faults of the service itself: the names of errors, never what was asked. */
  readonly onFault?: (error: unknown) => void;
}

type Service = Hono<{ Variables: { receipts: ReceiptStore } }>;

/** The app; whoever serves it closes the receipts. */
export function createService(options: ServiceOptions): Service {
  const { keys, receipts, telemetry, onFault = () => undefined } = options;
  const stores = new Map(keys.namespaces.map((namespace) => [namespace, receipts(namespace)] as const));
  for (const store of stores.values()) telemetry?.watch(store);
  const app: Service = new Hono();
  app.get('/openapi.json', (c) => c.json(openApi));
  app.use('*', async (c, next) => {
    const [, key] = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '') ?? [];
    const store = stores.get((key === undefined ? undefined : keys.namespaceOf(key)) ?? '');
    if (!store) return unauthorized();
    c.set('receipts', store);
    return next();
  });
  app.use('*', bodyLimit({ maxSize: bounds.bodyBytes, onError: () => refuse(tooLarge) }));

  app.post('/claim', async (c) => {
    const terms = claimTermsOf(jsonIn(await c.req.arrayBuffer()));
    const reply = await claimFor(c.get('receipts'), { ...terms, origin: { via: 'http' } }, telemetry);
    if (reply.status === 'PROCEED' && c.req.raw.signal.aborted)
      void undelivered(c.get('receipts'), reply, telemetry);
    return answer(c, reply);
  });
  app.post('/settle/:id', async (c) => {
    const settling = settlingOf(idIn(c), jsonIn(await c.req.arrayBuffer()));
    return answer(c, await settleFor(c.get('receipts'), settling, telemetry));
  });
  app.post('/renew/:id', async (c) => {
    const renewing = renewingOf(idIn(c), jsonIn(await c.req.arrayBuffer()));
    return answer(c, await renewFor(c.get('receipts'), renewing, telemetry));
  });
  app.get('/receipts/:id', async (c) => {
    const receipt = await statusOf(c.get('receipts'), idIn(c));
    return receipt ? c.json(receipt) : refuse(noReceipt);
  });

  app.notFound(() => refuse({ ...problems.notFound, detail: 'See /openapi.json for what there is.' }));
  app.onError((error) => {
    if (!(error instanceof ActivityGuardError)) onFault(error);
    return refuse(problemIn(error));
  });
  return app;
}

/** Who has hung up will never know of its claim: it is given back. Should that fail, it is unknown after its lease. */
async function undelivered(
  receipts: ReceiptStore,
  { requestId, token }: ClaimReply & { readonly status: 'PROCEED' },
  telemetry: Telemetry | undefined,
): Promise<void> {
  const nothing = { requestId, token, outcome: 'not-committed' } as const;
  await settleFor(receipts, nothing, telemetry).catch(() => undefined);
}

/** An id in a path is percent-encoded, and broken encodings are left as they stand. */
const idIn = (c: Context): string => c.req.param('id') ?? '';

const noReceipt: Problem = { ...problems.notFound, detail: 'No receipt has this request id.' };
const tooLarge: Problem = { ...problems.tooLarge, detail: `${bounds.bodyBytes} bytes at most.` };

const responseOf = ({ status, headers, body }: PlainResponse): Response =>
  new Response(new Uint8Array(body), { status, headers });

const refuse = (problem: Problem, more?: Readonly<Record<string, unknown>>): Response =>
  responseOf(problemResponse(problem, more));

function unauthorized(): Response {
  const detail = 'Send an API key: Authorization: Bearer <key>.';
  const response = refuse({ ...problems.unauthorized, detail });
  response.headers.set('www-authenticate', 'Bearer');
  return response;
}

function problemIn(error: unknown): Problem {
  // Its message names the field, and never what it holds.
  if (error instanceof InvalidRequestError) return { ...problems.invalid, detail: error.message };
  if (error instanceof ActivityGuardError && error.code === 'ReceiptStoreUnavailable')
    return { ...problemOf(error), detail: 'Do nothing. Ask again later; a settlement, too.' };
  if (error instanceof ActivityGuardError) return problemOf(error);
  return { ...problems.failed, detail: 'Do nothing. Ask again later; a settlement, too.' };
}

const conflicts: Readonly<Record<(ClaimReply & { readonly status: 'CONFLICT' })['code'], Problem>> = {
  RequestIdReused: {
    ...problems.reused,
    detail: 'The request id belongs to another action or payload. Do nothing: a new intent needs its own.',
  },
  ReceiptPruned: {
    ...problems.pruned,
    detail: 'What became of this request id is no longer kept. Do nothing: look it up at the provider.',
  },
};

/**
 * PROCEED, SKIP, SETTLED and RENEWED are successes; all else is a problem that names its answer. Called `answer`, since `status` is
 * the number in a problem.
 */
function answer(c: Context, reply: ClaimReply | SettleReply | RenewReply): Response {
  const { status, ...rest } = reply;
  const told = { answer: status, ...rest };
  switch (reply.status) {
    case 'PROCEED':
    case 'SKIP':
    case 'SETTLED':
    case 'RENEWED':
      return c.json(told);
    case 'IN_FLIGHT': {
      const { requestId, retryAfterMs } = reply;
      const detail = 'Somebody else is at it. Do nothing; ask again later for its result.';
      return refuse({ ...problems.inFlight, detail, retryAfterMs }, { answer: status, requestId });
    }
    case 'UNKNOWN': {
      const detail = 'It may or may not have happened. Do nothing until that is resolved.';
      return refuse({ ...problems.unknown, detail }, told);
    }
    case 'CONFLICT':
      return refuse(conflicts[reply.code], told);
    case 'LATE': {
      const detail = 'It has been settled otherwise, or claimed by somebody else since. That stays.';
      return refuse({ ...problems.conflict, detail }, told);
    }
    case 'NOT_HELD': {
      const detail = 'The token never held a claim on this request id. Nothing was written.';
      return refuse({ ...problems.conflict, detail }, told);
    }
    default:
      return reply satisfies never;
  }
}
