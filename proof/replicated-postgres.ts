/** A primary and its streaming standby on this machine; the standby takes over, and gets a standby of its own. */
import type { Client } from 'pg';

import { until } from '../src/testing/bounded';
import { OwnPostgres } from '../test/support/own-postgres';
import { makeStandby, type Standby } from '../test/support/standby';

const limitMs = 20_000;

export class ReplicatedPostgres {
  private standby: Standby | undefined;

  private constructor(
    private primary: OwnPostgres,
    private readonly settings: readonly string[],
    private readonly isSynchronous: boolean,
  ) {}

  /**
   * @param synchronous on both servers and from their start: after a promotion no commit is acknowledged before the new
   *   standby has it, either
   */
  static async start(settings: readonly string[], { synchronous = true } = {}): Promise<ReplicatedPostgres> {
    const all = synchronous ? [...settings, 'synchronous_standby_names=standby'] : settings;
    const replicated = new ReplicatedPostgres(await OwnPostgres.start(all), all, synchronous);
    await replicated.addStandby().catch(async (error: unknown) => {
      await replicated.dispose();
      throw error;
    });
    return replicated;
  }

  /** Of the primary, as superuser. */
  get url(): string {
    return this.primary.url;
  }

  get servers(): readonly OwnPostgres[] {
    return this.standby ? [this.primary, this.standby.postgres] : [this.primary];
  }

  asSuperuser<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return this.primary.asSuperuser(work);
  }

  /** Whether the standby has all that was acknowledged; asynchronous, whether it receives at all. */
  async isFollowing(): Promise<boolean> {
    const text = `select from pg_stat_replication where state = 'streaming' and sync_state = $1`;
    const state = this.isSynchronous ? 'sync' : 'async';
    return this.asSuperuser(async (client) => (await client.query(text, [state])).rowCount === 1).catch(
      () => false,
    );
  }

  async untilFollowing(): Promise<void> {
    if (!(await until(limitMs, 100, () => this.isFollowing())))
      throw new Error('the standby does not follow');
  }

  /** The standby gets nothing any more, and nobody is told. */
  stall(): void {
    this.standby?.link.blackHole();
  }

  /** `SIGQUIT` is an immediate shutdown; `SIGKILL` takes only the postmaster, and its children follow. */
  kill(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    return this.primary.stop(signal);
  }

  /** The standby of a primary that was killed takes over with what it has. */
  async promote(): Promise<void> {
    const { standby, primary } = this;
    if (!standby) throw new Error('there is no standby');
    await standby.promote();
    this.primary = standby.postgres;
    this.standby = undefined;
    await standby.link.close();
    await primary.dispose();
  }

  async addStandby(): Promise<void> {
    this.standby = await makeStandby(this.primary, this.settings);
    await this.untilFollowing();
  }

  async dispose(): Promise<void> {
    await this.standby?.dispose();
    await this.primary.dispose();
  }
}
