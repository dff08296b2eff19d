/** The guard of requests as an Express middleware; any server with handlers of (request, response, next) will do. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import type { PlainResponse } from '../problem';
import type { HttpGuardOptions } from './options';
import { jsonOf, RequestGuard, type Handled } from './request-guard';
import type { Captured } from './response';

/** The part of Express's request that is used. */
export interface ExpressRequestLike extends IncomingMessage {
  readonly originalUrl?: string;
  readonly body?: unknown;
}

/** Express's `next`. */
export type ExpressNext = (error?: unknown) => void;

/** A handler, or a middleware, of Express. */
export type ExpressHandler<Q extends ExpressRequestLike, S extends ServerResponse, N extends ExpressNext> = (
  request: Q,
  response: S,
  next: N,
) => unknown;

/**
 * Guards requests by their key, behind the body parser: `app.post('/charges', express.json(), expressGuard({ guard },
 * handler))`. Given the handler, it sees what that throws; as a middleware before it (`expressGuard({ guard })`) only what
 * is answered: a thrown `NotCommittedError` is not known for one, and an error that carries a 4xx is taken for an answer.
 * The answer goes out when its receipt is written.
 */
export function expressGuard<Q extends ExpressRequestLike, S extends ServerResponse, N extends ExpressNext>(
  options: HttpGuardOptions,
  handler?: ExpressHandler<Q, S, N>,
): (request: Q, response: S, next: N) => void {
  const guard = new RequestGuard(options);
  return (request, response, next) => {
    const go = (): unknown => (handler ? handler(request, response, next) : next());
    if (!guard.isGuarded(request.method ?? '')) return void go();
    const { body } = request;
    const admission = guard.admit({
      ...{ method: request.method ?? '', path: request.originalUrl ?? request.url ?? '', body },
      header: (name) => headerOf(request, name),
      json: () => jsonOf(body),
    });
    if (admission === 'unguarded') return void go();
    if ('answer' in admission) return send(response, admission.answer);
    let held: Held | undefined;
    guard
      .run(admission.admitted, () => {
        held = holdBack(response);
        return handled(held, handler && ((next) => handler(request, response, next as N)), next);
      })
      .then((answer) => {
        held?.letGo();
        if (answer) send(response, answer);
        else held?.send();
      })
      .catch((error: unknown) => {
        held?.letGo();
        next(error);
      });
  };
}

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
};

async function handled(
  held: Held,
  handler: ((next: ExpressNext) => unknown) | undefined,
  next: ExpressNext,
): Promise<Handled> {
  let thrown: Handled['thrown'];
  const goOn = (error?: unknown): void => {
    if (error) thrown = { error };
    next(error);
  };
  if (!handler) next();
  else {
    try {
      await handler(goOn);
    } catch (error) {
      goOn(error ?? new Error('The handler threw nothing.'));
    }
  }
  const response = await held.answered;
  return { response, thrown };
}

/** An answer that has been given and not sent. */
interface Held {
  readonly answered: Promise<Captured>;
  /** Gives the response its own methods back, without the headers of the handler. */
  letGo(): void;
  /** Sends what the handler answered. */
  send(): void;
}

type Callback = () => void;

/** Keeps everything that is written to a response, until its receipt is. */
function holdBack(response: ServerResponse): Held {
  const own = ['writeHead', 'flushHeaders', 'write', 'end'] as const;
  const before = { ...response.getHeaders() };
  const chunks: Buffer[] = [];
  let given: { status: number; headers: OutgoingHttpHeaders } | undefined;
  let answer: (captured: Captured) => void;
  const answered = new Promise<Captured>((resolve) => (answer = resolve));
  const take = (...args: unknown[]): void => {
    const [chunk, encoding] = args;
    if (!given && typeof chunk === 'string') chunks.push(Buffer.from(chunk, encodingIn(encoding)));
    if (!given && chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
    const callback = args.find((arg): arg is Callback => typeof arg === 'function');
    if (callback) process.nextTick(callback);
  };
  const stand = {
    writeHead: (status: number, ...more: unknown[]) => {
      response.statusCode = status;
      for (const [name, value] of headersIn(more.at(-1))) response.setHeader(name, value);
      return response;
    },
    flushHeaders: () => undefined,
    write: (...args: unknown[]) => {
      take(...args);
      return true;
    },
    end: (...args: unknown[]) => {
      take(...args);
      if (given) return response; // an error after the answer changes nothing
      given = { status: response.statusCode, headers: { ...response.getHeaders() } };
      answer({ status: given.status, headers: textsOf(given.headers), body: Buffer.concat(chunks) });
      return response;
    },
  };
  Object.assign(response, stand);
  const restart = (headers: OutgoingHttpHeaders): void => {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of headersIn(headers)) response.setHeader(name, value);
  };
  return {
    answered,
    letGo: () => {
      for (const name of own) delete (response as Partial<ServerResponse>)[name]; // what is left is the class's
      restart(before);
    },
    send: () => {
      restart(given?.headers ?? {});
      response.statusCode = given?.status ?? response.statusCode;
      response.end(Buffer.concat(chunks));
    },
  };
}

const encodingIn = (value: unknown): BufferEncoding =>
  typeof value === 'string' && Buffer.isEncoding(value) ? value : 'utf8';

type Header = [name: string, value: string | number | readonly string[]];

/** As `writeHead` takes them: an object, or a list of names and values by turns. */
function headersIn(given: unknown): Header[] {
  if (Array.isArray(given))
    return given.flatMap((name, i) =>
      i % 2 === 0 ? [[String(name), given[i + 1] as string] as Header] : [],
    );
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).filter((header): header is Header => header[1] !== undefined);
}

const textsOf = (headers: OutgoingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    headersIn(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  );

function send(response: ServerResponse, { status, headers, body }: PlainResponse): void {
  response.writeHead(status, headers);
  response.end(body);
}
