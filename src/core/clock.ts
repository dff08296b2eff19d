/** The passing of time, handed in: the core itself reads no clock. */
export interface Clock {
  /** Milliseconds that only ever grow. */
  monotonic(): number;
  /** Milliseconds since the epoch; shows when the machine slept while the monotonic clock stood still. */
  wall(): number;
  /** Calls once `ms` have passed, or a little later, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void;
  /** Waits; resolves early when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
