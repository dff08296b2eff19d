/** The guard of requests as a Hono middleware. */
import { problemResponse, problems, type PlainResponse } from '../problem';
import type { HttpGuardOptions } from './options';
import { jsonOf, RequestGuard, tooLarge, type Handled } from './request-guard';
import type { Captured } from './response';

/** The part of Hono's context that is used. */
export interface HonoContextLike {
  readonly req: {
    raw: Request;
    readonly method: string;
    readonly url: string;
    header(name: string): string | undefined;
    arrayBuffer(): Promise<ArrayBuffer>;
  };
  res: Response;
  error: Error | undefined;
}

/** A middleware of Hono. */
export type HonoMiddleware = (
  context: HonoContextLike,
  next: () => Promise<void>,
) => Promise<Response | undefined>;

/**
 * Guards requests by their key: `app.post('/charges', honoGuard({ guard }), handler)`. The answer goes out when its
 * receipt is written.
 */
export function honoGuard(options: HttpGuardOptions): HonoMiddleware {
  const guard = new RequestGuard(options);
  const { maxBodyBytes, maxResponseBytes } = guard.settings;
  return async (context, next) => {
    const { req } = context;
    if (!guard.isGuarded(req.method)) return void (await next());
    const read = await readBody(req, maxBodyBytes);
    if ('refusal' in read) return responseOf(read.refusal);
    const { body } = read;
    const { pathname, search } = new URL(req.url);
    const admission = guard.admit({
      ...{ method: req.method, path: pathname + search, body },
      header: (name) => req.header(name),
      json: () => jsonOf(body),
    });
    if (admission === 'unguarded') return void (await next());
    if ('answer' in admission) return responseOf(admission.answer);
    const answer = await guard.run(admission.admitted, async (): Promise<Handled> => {
      await next();
      const response = await captured(context, maxResponseBytes);
      return { response, thrown: context.error && { error: context.error } };
    });
    if (!answer) return undefined;
    // What the handler answered says less than what is known: all of it is taken back, headers, too.
    (context as { res: Response | undefined }).res = undefined;
    return (context.res = responseOf(answer));
  };
}

type Read = { readonly body: Uint8Array } | { readonly refusal: PlainResponse };

/** Reads the body and leaves it there for the handler. */
async function readBody(req: HonoContextLike['req'], mostBytes: number): Promise<Read> {
  const refusal = problemResponse(tooLarge(mostBytes));
  if (Number(req.header('content-length') ?? 0) > mostBytes) return { refusal };
  if (!req.raw.body && !req.raw.bodyUsed) return { body: new Uint8Array() };
  if (req.raw.bodyUsed) return readAgain(req);
  const body = await upTo(mostBytes, req.raw.body);
  if (!body) return { refusal };
  req.raw = new Request(req.raw, { body });
  return { body };
}

/** A validator has read it before: Hono still has it then. */
async function readAgain(req: HonoContextLike['req']): Promise<Read> {
  try {
    return { body: new Uint8Array(await req.arrayBuffer()) };
  } catch {
    const detail = 'Something before the guard has used up the body. Nothing was done.';
    return { refusal: problemResponse({ ...problems.unread, detail }) };
  }
}

/** All bytes of a stream; `undefined` once there are more. */
async function upTo(
  mostBytes: number,
  stream: ReadableStream<Uint8Array> | null,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream?.getReader();
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {};
    if (done || value === undefined) return new Uint8Array(Buffer.concat(chunks));
    size += value.length;
    if (size > mostBytes) {
      void reader?.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
}

/** The answer of the handler; its body is read from one branch, and goes out by the other. */
async function captured(context: HonoContextLike, mostBytes: number): Promise<Captured> {
  const { res } = context;
  const { status } = res;
  const headers = Object.fromEntries(res.headers);
  if (!res.body) return { status, headers, body: new Uint8Array() };
  const [kept, sent] = res.body.tee();
  context.res = new Response(sent, res);
  return { status, headers, body: await upTo(mostBytes, kept) };
}

const bodiless = [204, 205, 304];

const responseOf = ({ status, headers, body }: PlainResponse): Response =>
  new Response(bodiless.includes(status) ? null : new Uint8Array(body), { status, headers });
