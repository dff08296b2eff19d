/** What the cells of the matrix need of a system: processes to kill, and calls that somebody makes again. */

/** A result of a system that keeps none: the caller is told that it is done. */
export const okOnly = 'ok';

/** How a call ended for its caller. */
export type Answer =
  /** With a result: the id of an effect, or whatever came instead of one. */
  | { readonly kind: 'value'; readonly id: unknown }
  /** Told that it failed, for good. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Neither, within the bound. */
  | { readonly kind: 'open'; readonly reason: string };

/** A process that carries out calls. */
export interface Victim {
  readonly pid: number;
  readonly ended: Promise<unknown>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** Another address of the store, such as that of a proxy before it. */
  readonly storeUrl?: string;
  readonly requestMs?: number;
}

/** Where the calls of one batch are made: nothing else of the system is on it. */
export interface Site {
  /** Starts a process that takes the calls. */
  start(options?: StartOptions): Promise<Victim>;
  /** Starts what comes after it, and lives on. */
  succeed(): Promise<void>;
  /** Makes a call, and again as often as is usual with this system, until it has ended or the bound is over. */
  call(intent: string, caller?: number): Promise<Answer>;
  /** Waits until the call is being made a second time although the first one still runs; may be what makes them. */
  callAgain(intent: string): Promise<{ readonly answer: Promise<Answer> } | undefined>;
  /** A request that is under way for longer is outside of what the system says that it can bear. */
  readonly longestHeldMs: number;
  /** The same while two callers race: within a lease that nobody renews. */
  readonly longestRaceMs: number;
  /** Runs what is done for an intent once more from the start, as an operator can. */
  reset(intent: string): Promise<Answer>;
  /** The store of the system, with all of its processes, as by a crash. */
  killStore(): Promise<void>;
  startStore(): Promise<void>;
  /** Its other servers. */
  killServers(): Promise<void>;
  startServers(): Promise<void>;
  /** The ids of the effects of each intent, where not the provider but the store's own rows are the effects. */
  effects?(intents: readonly string[]): Promise<readonly (readonly string[])[]>;
  /** What is left open of an intent once it has its answer; nothing, for a system that keeps no books. */
  leftOpen(intent: string): Promise<string | undefined>;
  /** How many outcomes a person had to decide. */
  readonly decided: ReadonlySet<string>;
  stop(): Promise<void>;
}
