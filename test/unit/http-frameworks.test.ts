/** What only one framework does with a guarded request. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

import { createAdaptorServer } from '@hono/node-server';
import express, { type NextFunction, type Request, type Response } from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { validator } from 'hono/validator';

import { Guard, memoryReceipts, NotCommittedError, RejectedError } from '../../src';
import { expressGuard, fastifyGuard, honoGuard } from '../../src/http';
import { post, problemIn } from '../support/http-servers';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listening(server: Server): Promise<{ url: string }> {
  servers.push(server);
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const newGuard = (): Guard => new Guard({ receipts: memoryReceipts() });

describe('Express', () => {
  const serve = (...handlers: express.RequestHandler[]): Promise<{ url: string }> => {
    const app = express();
    app.post('/charges', express.json(), ...handlers);
    app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
      res.status(503).end(error.message);
    });
    return listening(createServer(app));
  };

  it('is guarded by a middleware before the handler, too, which then sees answers only', async () => {
    let calls = 0;
    const handler = (_req: Request, res: Response): void => {
      if (++calls === 2) throw new NotCommittedError('nothing happened');
      res.status(201).json({ calls });
    };
    const server = await serve(expressGuard({ guard: newGuard() }), handler);
    expect(await post(server, 'a')).toMatchObject({ status: 201, replayed: false, text: '{"calls":1}' });
    expect(await post(server, 'a')).toMatchObject({ status: 201, replayed: true, text: '{"calls":1}' });
    expect(await post(server, 'b')).toMatchObject({ status: 503, text: 'nothing happened' });
    expect(problemIn(await post(server, 'b'))).toBe('outcome-unknown');
    expect(calls).toBe(2);
  });

  it('knows what was given to next()', async () => {
    let calls = 0;
    const server = await serve(
      expressGuard({ guard: newGuard() }, (_req: Request, res: Response, next: NextFunction) => {
        if (++calls === 1) return next(new NotCommittedError('nothing happened'));
        res.end('done');
      }),
    );
    expect(await post(server, 'k')).toMatchObject({ status: 503, text: 'nothing happened' });
    expect(await post(server, 'k')).toMatchObject({ status: 200, text: 'done', replayed: false });
  });

  it('keeps what is written in pieces, whichever way', async () => {
    const ends: string[] = [];
    const server = await serve(
      expressGuard({ guard: newGuard(), keepHeaders: ['X-Kept'] }, (_req: Request, res: Response) => {
        res.writeHead(202, 'Accepted', { 'Content-Type': 'text/plain', 'X-Kept': 'yes' });
        res.flushHeaders();
        res.write('YQ==', 'base64', () => void ends.push('written'));
        res.write(Buffer.from('b'));
        Readable.from(['c', 'd']).pipe(res);
        res.once('finish', () => void ends.push('finished'));
      }),
    );
    const first = await post(server, 'k');
    expect(first).toMatchObject({ status: 202, text: 'abcd', replayed: false });
    expect(first.headers.get('x-kept')).toBe('yes');
    const second = await post(server, 'k');
    expect(second).toMatchObject({ status: 202, text: 'abcd', replayed: true, type: 'text/plain' });
    expect(second.headers.get('x-kept')).toBe('yes');
    expect(ends).toEqual(['written', 'finished']);
  });

  it('sends the answer that was given first, whatever is thrown after it', async () => {
    const server = await serve(
      expressGuard({ guard: newGuard() }, async (_req: Request, res: Response) => {
        res.status(200).set('x-first', 'yes').end('done');
        throw new Error('too late');
      }),
    );
    const first = await post(server, 'k');
    expect(first).toMatchObject({ status: 200, text: 'done' });
    expect(first.headers.get('x-first')).toBe('yes');
  });

  it('compares what a parser left as bytes or text, up to the limit', async () => {
    const app = express();
    const options = { guard: newGuard(), maxBodyBytes: 10 };
    const handler = (req: Request, res: Response): void => void res.end(String(req.body));
    app.post('/bytes', express.raw({ type: '*/*' }), expressGuard(options, handler));
    app.post('/text', express.text({ type: '*/*' }), expressGuard(options, handler));
    const server = await listening(createServer(app));
    for (const path of ['/bytes', '/text']) {
      const key = path.slice(1);
      expect(await post(server, key, '{"a":1}', { path })).toMatchObject({ text: '{"a":1}' });
      expect(await post(server, key, '{"a":1}', { path })).toMatchObject({ replayed: true });
      expect(problemIn(await post(server, key, '{"a":2}', { path }))).toBe('key-reused');
      expect(problemIn(await post(server, 'other', '{"a":"10 and more"}', { path }))).toBe('body-too-large');
    }
  });

  it('has errors of its options handled by the server, and does nothing', async () => {
    const handler = jest.fn();
    const scope = (): string => {
      throw new Error('who is this?');
    };
    const server = await serve(expressGuard({ guard: newGuard(), scope }, handler));
    expect(await post(server, 'k')).toMatchObject({ status: 503, text: 'who is this?' });
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('Hono', () => {
  const serve = (app: Hono): Promise<{ url: string }> =>
    listening(createAdaptorServer({ fetch: app.fetch }) as Server);

  it('leaves a body to the handler that a validator has read before', async () => {
    const app = new Hono();
    const valid = validator('json', (value: { amount?: number }, c) =>
      value.amount === undefined ? c.text('no amount', 400) : { amount: value.amount },
    );
    let calls = 0;
    app.post('/charges', valid, honoGuard({ guard: newGuard() }), (c) =>
      c.json({ ...c.req.valid('json'), calls: ++calls }),
    );
    const server = await serve(app);
    expect((await post(server, 'k', {})).status).toBe(400);
    expect(await post(server, 'k')).toMatchObject({ text: '{"amount":5,"calls":1}', replayed: false });
    expect(await post(server, 'k')).toMatchObject({ text: '{"amount":5,"calls":1}', replayed: true });
    expect((await post(server, 'k', { amount: 6 })).status).toBe(422);
  });

  it('refuses a body that something else has used up', async () => {
    const app = new Hono();
    app.use('*', async (c, next) => {
      await c.req.raw.text();
      await next();
    });
    app.post('/charges', honoGuard({ guard: newGuard() }), (c) => c.text('done'));
    const refused = await post(await serve(app), 'k');
    expect([refused.status, problemIn(refused)]).toEqual([415, 'unreadable-body']);
  });

  it('takes a thrown HTTPException for a throw, unless it is classified', async () => {
    const handler = (): never => {
      throw new HTTPException(402, { message: 'declined' });
    };
    const app = new Hono();
    app.post('/charges', honoGuard({ guard: newGuard() }), handler);
    const classify = (error: unknown) => (error instanceof HTTPException ? 'rejected' : undefined);
    app.post('/classified', honoGuard({ guard: newGuard(), classify }), handler);
    const server = await serve(app);
    expect(await post(server, 'k')).toMatchObject({ status: 402, text: 'declined' });
    expect(problemIn(await post(server, 'k'))).toBe('outcome-unknown');
    const path = { path: '/classified' };
    expect(await post(server, 'k', {}, path)).toMatchObject({ status: 402, replayed: false });
    expect(await post(server, 'k', {}, path)).toMatchObject({
      status: 402,
      replayed: true,
      text: 'declined',
    });
  });
});

describe('Fastify', () => {
  it('knows what was thrown under an error handler of the user', async () => {
    let calls = 0;
    const app = Fastify();
    app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send(error.message));
    app.post('/charges', fastifyGuard({ guard: newGuard() }), async () => {
      calls++;
      if (calls === 1) throw new NotCommittedError('nothing happened');
      throw new RejectedError('declined');
    });
    await app.ready();
    const server = await listening(app.server);
    expect(await post(server, 'k')).toMatchObject({ status: 418, text: 'nothing happened', replayed: false });
    expect(await post(server, 'k')).toMatchObject({ status: 418, text: 'declined', replayed: false });
    expect(await post(server, 'k')).toMatchObject({ status: 418, text: 'declined', replayed: true });
    expect(calls).toBe(2);
  });

  it('refuses a body that is a stream: it cannot be compared', async () => {
    const app = Fastify();
    const handler = jest.fn(async () => 'done');
    app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
    app.post('/charges', fastifyGuard({ guard: newGuard() }), handler);
    await app.ready();
    const headers = { 'content-type': 'application/octet-stream' };
    const refused = await post(await listening(app.server), 'k', 'bytes', { headers });
    expect([refused.status, problemIn(refused)]).toEqual([415, 'unreadable-body']);
    expect(handler).not.toHaveBeenCalled();
  });

  it('sends a stream on, and keeps of it only that it happened', async () => {
    const app = Fastify();
    app.post('/charges', fastifyGuard({ guard: newGuard() }), (_request, reply) =>
      reply.send(Readable.from(['a', 'b'])),
    );
    app.post('/objects', fastifyGuard({ guard: newGuard() }), async () => ({ id: 1 }));
    await app.ready();
    const server = await listening(app.server);
    expect(await post(server, 'k')).toMatchObject({ status: 200, text: 'ab' });
    expect(problemIn(await post(server, 'k'))).toBe('answer-not-kept');
    const path = { path: '/objects' };
    expect(await post(server, 'o', {}, path)).toMatchObject({ text: '{"id":1}', replayed: false });
    expect(await post(server, 'o', {}, path)).toMatchObject({
      ...{ text: '{"id":1}', replayed: true, type: 'application/json; charset=utf-8' },
    });
  });

  it('has errors of its options handled by the server, and does nothing', async () => {
    const app = Fastify();
    const handler = jest.fn(async () => 'done');
    const scope = (): string => {
      throw new Error('who is this?');
    };
    app.post('/charges', fastifyGuard({ guard: newGuard(), scope }), handler);
    await app.ready();
    const refused = await post(await listening(app.server), 'k');
    expect(refused.status).toBe(500);
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('the guard of requests', () => {
  it('refuses options that would only fail at the first request', () => {
    expect(() => honoGuard({} as never)).toThrow('needs a guard');
    expect(() => honoGuard({ guard: newGuard(), maxBodyBytes: -1 })).toThrow('maxBodyBytes');
    expect(() => fastifyGuard({ guard: newGuard(), maxResponseBytes: 1.5 })).toThrow('maxResponseBytes');
  });
});
