/** The guard of requests as hooks of a Fastify route. */
import type { PlainResponse } from '../problem';
import type { HttpGuardOptions } from './options';
import { jsonOf, RequestGuard, type Handled } from './request-guard';
import type { Captured } from './response';

/** The part of Fastify's request that is used. */
export interface FastifyRequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** The part of Fastify's reply that is used. */
export interface FastifyReplyLike {
  readonly statusCode: number;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  getHeaders(): Readonly<Record<string, unknown>>;
  removeHeader(name: string): unknown;
  send(payload?: unknown): unknown;
}

/** The hooks of a guarded route. */
export interface FastifyGuardHooks {
  preHandler(request: FastifyRequestLike, reply: FastifyReplyLike, done: () => void): void;
  onError(request: FastifyRequestLike, reply: FastifyReplyLike, error: Error, done: () => void): void;
  onSend(request: FastifyRequestLike, reply: FastifyReplyLike, payload: unknown): Promise<unknown>;
}

/** A request whose handler runs. */
interface Running {
  thrown: Handled['thrown'];
  answer(handled: Handled): void;
  /** What the guard answers in the handler's place, once the receipt is written. */
  ending: Promise<PlainResponse | undefined>;
}

/**
 * Guards the requests of a route by their key: `app.post('/charges', fastifyGuard({ guard }), handler)`, or spread into
 * its other options. The answer goes out when its receipt is written.
 */
export function fastifyGuard(options: HttpGuardOptions): FastifyGuardHooks {
  const guard = new RequestGuard(options);
  const running = new WeakMap<object, Running>();
  return {
    preHandler: (request, reply, done) => {
      if (!guard.isGuarded(request.method)) return done();
      const { method, url: path, body } = request;
      const admission = guard.admit({
        ...{ method, path, body: body ?? undefined },
        header: (name) => headerOf(request, name),
        json: () => jsonOf(body),
      });
      if (admission === 'unguarded') return done();
      if ('answer' in admission) return send(reply, admission.answer);
      const ending: Running['ending'] = guard.run(
        admission.admitted,
        () =>
          new Promise<Handled>((answer) => {
            // Deferred, for `ending` is not there yet where a claim is made at once; the context stays.
            queueMicrotask(() => {
              running.set(request, { thrown: undefined, answer, ending });
              done();
            });
          }),
      );
      ending.then(
        (answer) => !running.has(request) && answer && send(reply, answer),
        (error: unknown) => !running.has(request) && reply.send(error),
      );
    },
    onError: (request, _reply, error, done) => {
      const run = running.get(request);
      if (run) run.thrown = { error };
      done();
    },
    onSend: async (request, reply, payload) => {
      const run = running.get(request);
      if (!run) return payload;
      run.answer({ response: captured(reply, payload), thrown: run.thrown });
      const answer = await run.ending;
      if (!answer) return payload;
      for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
      return apply(reply, answer);
    },
  };
}

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : String(value));

const headerOf = ({ headers }: FastifyRequestLike, name: string): string | undefined => {
  const value = headers[name.toLowerCase()];
  return value === undefined ? undefined : textOf(value);
};

function captured(reply: FastifyReplyLike, payload: unknown): Captured {
  const headers = Object.entries(reply.getHeaders()).map(([name, value]) => [name, textOf(value)]);
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: bytesOf(payload),
  };
}

/** Of a stream nothing is kept: it is not read before it is sent. */
function bytesOf(payload: unknown): Uint8Array | undefined {
  if (payload === undefined || payload === null) return new Uint8Array();
  if (typeof payload === 'string') return Buffer.from(payload);
  return payload instanceof Uint8Array ? payload : undefined;
}

function apply(reply: FastifyReplyLike, { status, headers, body }: PlainResponse): Uint8Array {
  reply.code(status);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  return Buffer.from(body);
}

const send = (reply: FastifyReplyLike, answer: PlainResponse): void => void reply.send(apply(reply, answer));
