import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import type { Ledger } from './ledger';
import { passMoment } from '../moments';
import type { EffectKind } from '../moments';

/** What every provider stores of a request, besides its own fields. */
export interface Entry {
  id: string;
  order: string;
  created: string;
  reference?: string;
  [field: string]: unknown;
}

/** The provider's no: nothing is stored. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type Body = Record<string, unknown>;

/** One kind of thing that a provider keeps: POST makes one, GET finds them by any field. */
export interface Resource {
  path: string;
  ledger: Ledger<Entry>;
  /** Left out where things come in another way than by POST. */
  create?: {
    kind: EffectKind;
    idPrefix: string;
    /** Returns the fields to store, or throws a {@link Refusal}. */
    accept(body: Body): Body & { order: string };
  };
}

const LATENCY_MS = { base: 20, spread: 40 };
const MAX_BODY_BYTES = 64 * 1024;

/** Serves the resources on a free port of this machine. */
export async function serve(resources: readonly Resource[]): Promise<string> {
  const server: Server = createServer((request, response) => {
    handle(resources, request, response).catch((error: unknown) => {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'internal', String(error));
      reply(response, refusal.status, { error: { code: refusal.code, message: refusal.message } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function handle(
  resources: readonly Resource[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const resource = resources.find(({ path }) => path === url.pathname);
  if (resource === undefined) throw new Refusal(404, 'not_found', `no ${url.pathname} here`);
  if (request.method === 'GET') {
    reply(response, 200, { data: find(resource.ledger, url.searchParams) });
    return;
  }
  if (request.method !== 'POST' || resource.create === undefined) {
    throw new Refusal(405, 'method_not_allowed', `no ${request.method} here`);
  }
  const accepted = resource.create.accept(await readJson(request));
  const { kind, idPrefix } = resource.create;
  const moment = { kind, order: accepted.order, client: clientOf(request) };
  if ((await passMoment({ stage: 'received', ...moment })) === 'drop') {
    request.socket.destroy();
    return;
  }
  await sleep(LATENCY_MS.base + Math.random() * LATENCY_MS.spread);
  // A caller that is gone by now changes nothing: its request has arrived.
  const entry = {
    id: `${idPrefix}_${randomUUID().slice(0, 13)}`,
    created: new Date().toISOString(),
    ...accepted,
  };
  await resource.ledger.append(entry);
  await passMoment({ stage: 'committed', ...moment });
  reply(response, 201, entry);
}

function find(ledger: Ledger<Entry>, query: URLSearchParams): Entry[] {
  const wanted = [...query];
  return ledger.entries.filter((entry) => wanted.every(([field, value]) => entry[field] === value));
}

function clientOf(request: IncomingMessage): string {
  return request.headers['user-agent'] ?? 'unknown';
}

async function readJson(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'too_large', 'the body is too large');
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body;
  } catch {
    // Not JSON: refused below, as everything that is not an object.
  }
  throw new Refusal(400, 'bad_request', 'the body is not a JSON object');
}

function reply(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed || response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(text);
}
