import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { singleRequest } from '../../src/core';

const classify = singleRequest();
const withCode = (code: string, more: object = {}): Error => Object.assign(new Error('no'), { code }, more);

describe('singleRequest', () => {
  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
  ])('%s: the connection never opened, so nothing was committed', (code) => {
    expect(classify(withCode(code))).toBe('not-committed');
    expect(classify(new TypeError('fetch failed', { cause: withCode(code) }))).toBe('not-committed');
  });

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'ABORT_ERR'])(
    '%s: the request may have arrived',
    (code) => {
      expect(classify(withCode(code))).toBeUndefined();
    },
  );

  it.each([400, 401, 402, 403, 404, 422, 429, 499])('%i is a no', (status) => {
    expect([classify({ status }), classify({ statusCode: status })]).toEqual([
      'not-committed',
      'not-committed',
    ]);
  });

  it.each([200, 302, 399, 408, 409, 425, 500, 502, 503, 504])('%i proves nothing', (status) => {
    expect([classify({ status }), classify({ statusCode: status })]).toEqual([undefined, undefined]);
  });

  it('a status outweighs what led to it', () => {
    expect(classify(withCode('ECONNREFUSED', { status: 503 }))).toBeUndefined();
  });

  it('an aggregate proves it only if each of its errors does', () => {
    const refused = withCode('ECONNREFUSED');
    expect(classify(new AggregateError([refused, withCode('ENETUNREACH')]))).toBe('not-committed');
    expect(classify(new AggregateError([refused, withCode('ECONNRESET')]))).toBeUndefined();
  });

  it.each([undefined, null, 'ECONNREFUSED', 42, new Error('plain'), { code: 404 }])(
    '%p proves nothing',
    (error) => {
      expect(classify(error)).toBeUndefined();
    },
  );

  it('ends on an error that causes itself', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(classify(error)).toBeUndefined();
  });

  it("reads what Node's own fetch throws", async () => {
    const server = createServer((request) => request.socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reset: unknown = await fetch(url).catch((error: unknown) => error);
    await new Promise((resolve) => server.close(resolve));
    const refused: unknown = await fetch(url).catch((error: unknown) => error);
    expect([classify(reset), classify(refused)]).toEqual([undefined, 'not-committed']);
  });
});
