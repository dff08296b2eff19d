/** What every peer looks like from outside, and where its package comes from. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The folder with the peers' own package.json, beside the sources: what is compiled lies in dist. */
export const peersFolder = join(__dirname, '..', '..', '..', 'bench', 'peers');

/** The same for all that have a pool. */
export const poolSize = 10;

/** What a peer's process is told. */
export interface PeerConfig {
  readonly name: string;
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly restate?: { readonly ingress: string; readonly admin: string };
  /** How long a call may take before another may be made of it; what is usual with the peer unless given. */
  readonly leaseMs?: number;
  /** Tells those apart that share its servers. */
  readonly site?: string;
  /** The port on which it is called, of those that are. */
  readonly port?: number;
}

/** One way to get one effect, once. */
export interface Peer {
  /** Ends when the result of the effect of this intent is there, and recorded. */
  once(id: string): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** What is to happen once for the intent of this id. */
export type Effect = (id: string) => object | Promise<object>;

/** Makes a peer whose effect is `effect`. */
export type StartPeer = (config: PeerConfig, effect: Effect) => Promise<Peer>;

const requireThere = createRequire(join(peersFolder, 'package.json'));

/** A package of a peer's. Their types are not installed where this is compiled: each adapter says what it uses. */
export const load = <T>(name: string): T => requireThere(name) as T;
