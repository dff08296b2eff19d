/** One guarded route, in a real server of each framework. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createAdaptorServer } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';

import { expressGuard, fastifyGuard, honoGuard, type HttpGuardOptions } from '../../src/http';

/** What the handler of the route answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** The handler, which is given the parsed body. */
export type Handler = (body: unknown) => Answer | Promise<Answer>;

export const frameworks = ['hono', 'express', 'fastify'] as const;

/** One of them. */
export type Framework = (typeof frameworks)[number];

/** A server that listens. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

function honoServer(options: HttpGuardOptions, handler: Handler): Server {
  const app = new Hono();
  app.use('*', async (c, next) => {
    await next();
    c.header('x-served-by', 'hono'); // what comes after the guard still adds to its answers
  });
  app.onError((_error, c) => c.json({ failed: true }, 500)); // Hono's own one prints what it is given
  app.all('/charges', honoGuard(options), async (c) => {
    const text = await c.req.text();
    const { status, headers = {}, body } = await handler(text && JSON.parse(text));
    return new Response((body ?? null) as string | null, { status, headers });
  });
  return createAdaptorServer({ fetch: app.fetch }) as Server;
}

function expressServer(options: HttpGuardOptions, handler: Handler): Server {
  const app = express();
  const guarded = expressGuard(options, async (req: express.Request, res: express.Response) => {
    const { status, headers = {}, body } = await handler(req.body);
    res.status(status).set(headers);
    res.end(body);
  });
  app.all('/charges', express.json({ limit: '2mb' }), guarded);
  // Express's own one prints what it is given.
  app.use((error: { status?: number }, _req: unknown, res: express.Response, _next: unknown) => {
    res.status(error.status ?? 500).json({ failed: true });
  });
  return app.listen(0, '127.0.0.1');
}

async function fastifyServer(options: HttpGuardOptions, handler: Handler): Promise<Server> {
  const app = Fastify({ bodyLimit: 2 * 1024 * 1024 });
  app.route({
    ...{ method: ['GET', 'POST', 'PUT'], url: '/charges' },
    ...fastifyGuard(options),
    handler: async (request, reply) => {
      const { status, headers = {}, body } = await handler(request.body);
      return reply.code(status).headers(headers).send(body);
    },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
}

/** Starts a server with the one route `/charges`. */
export async function serveWith(
  framework: Framework,
  options: HttpGuardOptions,
  handler: Handler,
): Promise<Running> {
  const server =
    framework === 'hono'
      ? honoServer(options, handler)
      : framework === 'express'
        ? expressServer(options, handler)
        : await fastifyServer(options, handler);
  if (!server.listening) server.listen(0, '127.0.0.1');
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a client sees. */
export interface Seen {
  readonly status: number;
  readonly type: string | null;
  readonly replayed: boolean;
  readonly headers: Headers;
  readonly text: string;
}

/** Posts JSON to the route, under a key. */
export async function post(
  { url }: Pick<Running, 'url'>,
  key: string | undefined,
  body: unknown = { amount: 5 },
  init: RequestInit & { readonly path?: string } = {},
): Promise<Seen> {
  const response = await fetch(`${url}${init.path ?? '/charges'}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(init.headers as Record<string, string> | undefined),
    },
  });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    replayed: response.headers.get('idempotent-replayed') === 'true',
    headers: response.headers,
    text: await response.text(),
  };
}

/** The name of a problem; fails for an answer that is none. */
export function problemIn({ status, type, text }: Seen): string {
  expect(type).toBe('application/problem+json');
  const problem = JSON.parse(text) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  return String(problem['type']).replace('urn:activity-guard:problem:', '');
}
