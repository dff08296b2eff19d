/** The wall clock of a process, which is set from outside while it runs. */

/** What the process is sent. */
export interface ClockStep {
  readonly clockMs: number;
}

/** Moves what this process takes for the time, and ends it when its parent is gone. */
export function followClockSteps(): void {
  process.on('disconnect', () => process.exit(1));
  const real = Date.now;
  let offset = 0;
  Date.now = () => real() + offset;
  process.on('message', (message) => {
    if (typeof message === 'object' && message !== null && 'clockMs' in message)
      offset = Number(message.clockMs);
  });
}
