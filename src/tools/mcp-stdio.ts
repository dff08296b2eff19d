/** Serving on the standard streams of this process, until the client is gone. */
import type { Server } from '@modelcontextprotocol/sdk/server/index.js' with { 'resolution-mode': 'import' };
import type * as StdioModule from '@modelcontextprotocol/sdk/server/stdio.js' with {
  'resolution-mode': 'import',
};

/** Answers that are due when the client has no more to say are waited for so long. */
const lingerMs = 10_000;

/**
 * Serves until standard input ends: the SDK's transport itself does not notice. What was asked before that is answered.
 * Standard output carries the protocol and nothing else.
 */
export async function serveStdio(server: Server): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when it is served, as the SDK itself
  const { StdioServerTransport } = require('@modelcontextprotocol/sdk/server/stdio.js') as typeof StdioModule;
  const transport = new StdioServerTransport();
  const due = new Set<unknown>();
  transport.onmessage = (message) => {
    if ('method' in message && 'id' in message) due.add(message.id);
  };
  const send = transport.send.bind(transport);
  const ended = new Promise<void>((resolve) => {
    let isOver = false;
    transport.send = async (message) => {
      await send(message);
      if (!('method' in message) && 'id' in message) due.delete(message.id);
      if (isOver && due.size === 0) resolve();
    };
    process.stdin.once('end', () => {
      isOver = true;
      if (due.size === 0) resolve();
      else setTimeout(resolve, lingerMs).unref();
    });
    process.stdout.once('error', () => resolve()); // nobody reads the answers
  });
  await server.connect(transport);
  await ended;
  await server.close();
}
