/** A process's side of the channel to whoever started it. */

export interface ReadyMessage<T> {
  type: 'ready';
  address: T;
}

export const STOP_MESSAGE = { type: 'stop' };

/** Whether the parent asked for the end, or has itself ended without a word. */
export type EndReason = 'asked' | 'orphaned';

/**
 * Ends this process when its parent asks for it or is gone, after `cleanup`. A process without a
 * channel was started from a terminal and is left alone.
 */
export function endWithParent(cleanup: (reason: EndReason) => unknown = () => undefined): void {
  if (process.send === undefined) return;
  let ending = false;
  const end = (reason: EndReason): void => {
    if (ending) return;
    ending = true;
    void Promise.resolve(cleanup(reason)).finally(() => process.exit());
  };
  process.on('message', (message: { type?: string }) => {
    if (message.type === STOP_MESSAGE.type) end('asked');
  });
  process.on('disconnect', () => end('orphaned'));
  // Ctrl-C reaches the whole process group; the parent decides in which order things stop.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

/** Sends the parent a message; one that is gone needs none. */
export function tellParent(message: object): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

/** Tells the parent, or the terminal, that this process is up and where it listens. */
export function announce<T extends object>(address: T): void {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(address)}\n`);
  else tellParent({ type: 'ready', address } satisfies ReadyMessage<T>);
}
