/** The HTTP service: claims and receipts for clients in any language, each with a key that opens one namespace. */
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';

import { ActivityGuardError, InvalidRequestError, type ReceiptStore } from '../core';
import type { ApiKeys } from './api-keys';
import { Claims, type ConflictReason, type Reply, type SettleReply } from './claims';
import { bounds, claimInputOf, jsonIn, settleInputOf } from './input';
import { openApi } from './openapi';
import { problemOf, problemResponse, problems, type PlainResponse, type Problem } from './problem';

/** What the service works with. */
export interface ServiceOptions {
  readonly keys: ApiKeys;
  /** The receipts of a namespace that a key opens. */
  readonly receipts: (namespace: string) => ReceiptStore;
  /** Told of faults of the service itself: the names of errors, never what was asked. */
  readonly onFault?: (error: unknown) => void;
}

type Service = Hono<{ Variables: { claims: Claims } }>;

/** The app; whoever serves it closes the receipts. */
export function createService({ keys, receipts, onFault = () => undefined }: ServiceOptions): Service {
  const claimsOf = new Map(
    keys.namespaces.map((namespace) => [namespace, new Claims(receipts(namespace))] as const),
  );
  const app: Service = new Hono();
  app.get('/openapi.json', (c) => c.json(openApi));
  app.use('*', async (c, next) => {
    const [, key] = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '') ?? [];
    const claims = claimsOf.get((key === undefined ? undefined : keys.namespaceOf(key)) ?? '');
    if (!claims) return unauthorized();
    c.set('claims', claims);
    return next();
  });
  app.use('*', bodyLimit({ maxSize: bounds.bodyBytes, onError: () => refuse(tooLarge) }));

  app.post('/claim', async (c) => {
    const claims = c.get('claims');
    const { signal } = c.req.raw;
    const reply = await claims.claim(claimInputOf(jsonIn(await c.req.arrayBuffer())));
    // Who has hung up will never know of its claim.
    if (reply.answer === 'PROCEED' && signal.aborted) void claims.undelivered(reply);
    return answer(c, reply);
  });
  app.post('/settle/:id', async (c) => {
    const input = settleInputOf(jsonIn(await c.req.arrayBuffer()));
    const reply = await c.get('claims').settle(idIn(c), input);
    return reply ? answer(c, reply) : refuse(noReceipt);
  });
  app.get('/receipts/:id', async (c) => {
    const receipt = await c.get('claims').find(idIn(c));
    return receipt ? c.json(receipt) : refuse(noReceipt);
  });

  app.notFound(() => refuse({ ...problems.notFound, detail: 'See /openapi.json for what there is.' }));
  app.onError((error) => {
    if (!(error instanceof ActivityGuardError)) onFault(error);
    return refuse(problemIn(error));
  });
  return app;
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

const conflicts: Readonly<Record<ConflictReason, Problem>> = {
  reused: {
    ...problems.reused,
    detail: 'The request id belongs to another action or payload. Do nothing: a new intent needs its own.',
  },
  pruned: {
    ...problems.pruned,
    detail: 'What became of this request id is no longer kept. Do nothing: look it up at the provider.',
  },
  late: {
    ...problems.conflict,
    detail: 'Somebody else has claimed or settled it since. A result was kept as evidence.',
  },
  settled: { ...problems.conflict, detail: 'It is settled otherwise. Nothing was changed.' },
  'not-yours': { ...problems.conflict, detail: 'The token is not that of its claim. Nothing was kept.' },
};

/** PROCEED, SKIP and SETTLED are successes; all else is a problem that names its answer. */
function answer(c: Context, reply: Reply | SettleReply): Response {
  const { answer, requestId } = reply;
  switch (answer) {
    case 'PROCEED':
    case 'SKIP':
    case 'SETTLED':
      return c.json(reply);
    case 'IN_FLIGHT': {
      const { retryAfterMs } = reply;
      const detail = 'Somebody else is at it. Do nothing; ask again later for its result.';
      return refuse({ ...problems.inFlight, detail, retryAfterMs }, { answer, requestId });
    }
    case 'UNKNOWN': {
      const detail = 'It may or may not have happened. Do nothing until that is resolved.';
      return refuse({ ...problems.unknown, detail }, { answer, requestId });
    }
    case 'CONFLICT': {
      const { reason } = reply;
      return refuse(conflicts[reason], { answer, requestId, reason });
    }
    default:
      return answer satisfies never;
  }
}
