/** What commands have in common that serve HTTP. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { parsed, text } from './definition';
import { UsageError } from './usage-error';

/** Requests that have begun are answered; who takes longer is cut off. */
const longestEndMs = 10_000;
const pauseMs = 50;

export function portIn(value: string, name: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65_535)
    throw new UsageError(`${name} takes a number from 0 (a free one) to 65535`);
  return port;
}

/** Where they listen. */
export const listening = {
  host: text('HOST', '127.0.0.1 unless given'),
  port: parsed('PORT', 'a free one unless given', portIn),
};

export async function listen(server: Server, port: number, host: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
}

export async function close(server: Server): Promise<void> {
  // Connections that were busy, and are idle now, would keep it open.
  const idle = setInterval(() => server.closeIdleConnections(), pauseMs);
  const late = setTimeout(() => server.closeAllConnections(), longestEndMs);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(idle);
  clearTimeout(late);
}
