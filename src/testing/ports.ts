import { createServer } from 'node:net';

/** How often a server is started anew because another process took its port in between. */
export const portAttempts = 5;

/**
 * A TCP port of the loopback interface that nothing listens on now. Another process may take it
 * before its use: the caller tries again, `portAttempts` times at most.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port was assigned'));
        else resolve(address.port);
      });
    });
  });
}
