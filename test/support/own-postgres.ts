/** A PostgreSQL server of a test's own, which may be stopped, killed and started again. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

import { Client } from 'pg';

import { within } from '../../src/testing/bounded';
import { freePort } from '../../src/testing/ports';
import { findBinaries, initialise, prepareServer, startOn, type Server } from '../../src/testing/postgres';
import { startReaper } from '../../src/testing/reaper';

const stopLimitMs = 10_000;

export class OwnPostgres {
  private child: ChildProcess | undefined;

  private constructor(
    readonly server: Server,
    readonly port: number,
    readonly password: string,
    private readonly settings: readonly string[],
  ) {}

  /** A new server that is not started yet. `fill` puts data in its folder; by default a fresh cluster. */
  static async prepare(
    settings: readonly string[] = [],
    from?: { readonly password: string; fill(server: Server): Promise<void> },
  ): Promise<OwnPostgres> {
    const reaper = startReaper();
    try {
      const server = await prepareServer(findBinaries(), reaper, undefined);
      const password = from?.password ?? randomBytes(18).toString('hex');
      await (from ? from.fill(server) : initialise(server, password));
      return new OwnPostgres(server, await freePort(), password, settings);
    } catch (error) {
      await reaper.finish();
      throw error;
    }
  }

  static async start(settings: readonly string[] = []): Promise<OwnPostgres> {
    const postgres = await OwnPostgres.prepare(settings);
    await postgres.start();
    return postgres;
  }

  get url(): string {
    return `postgresql://postgres:${this.password}@127.0.0.1:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    this.child = await startOn(this.port, this.server, this.settings);
  }

  /** Starts it where it has ended by itself or was killed. Whether it runs then. */
  async startIfDown(): Promise<boolean> {
    if (!this.hasEnded) return true;
    return this.start().then(
      () => true,
      () => false,
    );
  }

  private get hasEnded(): boolean {
    return !this.child || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /**
   * `SIGINT` is the fast shutdown of an administrator, `SIGQUIT` a crash: nothing is written any more. `SIGKILL` takes the
   * postmaster alone: its children notice a moment later, and until then it cannot be started again.
   */
  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const { child } = this;
    if (!child || this.hasEnded) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await within(stopLimitMs, 'the stop of PostgreSQL', exited);
  }

  /** Stops the server and deletes its data. */
  async dispose(): Promise<void> {
    await this.server.reaper.finish();
  }

  /** Runs `work` on a connection of its own, as superuser. */
  async asSuperuser<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 5000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}
