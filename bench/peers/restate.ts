/** Restate: a handler of one `ctx.run`, called through the ingress with the id as idempotency key. */
import { createServer, type Http2Server } from 'node:http2';

import { freePort } from '../../src/testing/ports';
import { load, type StartPeer } from './peer';

interface Context {
  run(name: string, action: () => Promise<object>): Promise<object>;
}
interface Restate {
  service(definition: {
    name: string;
    handlers: Record<string, (ctx: Context, id: string) => Promise<object>>;
    options?: object;
  }): object;
  createEndpointHandler(options: {
    services: object[];
    logger: () => void;
  }): Parameters<Http2Server['on']>[1];
}

/** Node has it from release 22 on, and the SDK needs it. */
function polyfill(): void {
  const promises = Promise as unknown as { withResolvers?: () => object };
  promises.withResolvers ??= () => {
    const functions: Record<string, unknown> = {};
    const promise = new Promise((resolve, reject) => Object.assign(functions, { resolve, reject }));
    return { promise, ...functions };
  };
}

async function post(url: string, body: unknown, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

export const restate: StartPeer = async (
  { restate: server, site = 'bench', leaseMs, port: given },
  effect,
) => {
  if (!server) throw new Error('there is no Restate server');
  polyfill();
  const { createEndpointHandler, service } = load<Restate>('@restatedev/restate-sdk');
  const run = (ctx: Context, id: string): Promise<object> => ctx.run('charge', async () => effect(id));
  // An attempt that says nothing for so long is given up.
  const options = leaseMs === undefined ? {} : { inactivityTimeout: leaseMs, abortTimeout: leaseMs };
  const services = [service({ name: site, handlers: { charge: run }, options })];
  const endpoint = createServer(createEndpointHandler({ services, logger: () => undefined }));
  const port = given ?? (await freePort());
  await new Promise<void>((resolve, reject) => {
    endpoint.once('error', reject);
    endpoint.listen(port, '127.0.0.1', resolve);
  });
  await post(`${server.admin}/deployments`, { uri: `http://127.0.0.1:${port}` }, {});
  return {
    once: (id) => post(`${server.ingress}/${site}/charge`, id, { 'idempotency-key': id }),
    stop: async () => void endpoint.close(),
  };
};
