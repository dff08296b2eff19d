/** A streaming standby of a server of a test's own, which can take its place. */
import { chownSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from '../../src/testing/bounded';
import { FlakyProxy } from './flaky-proxy';
import { OwnPostgres } from './own-postgres';

const limitMs = 15_000;

export interface Standby {
  readonly postgres: OwnPostgres;
  /** What it receives from its primary goes through here: `blackHole()` makes it fall behind. */
  readonly link: FlakyProxy;
  /**
   * Makes it the primary of a new timeline, with what it has received. Resolves when it takes writes. The old primary
   * is left as it is: stop it before, unless a split brain is wanted.
   */
  promote(): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes a standby from a base backup of `primary` (which runs on) and waits until it streams. */
export async function makeStandby(primary: OwnPostgres, settings: readonly string[] = []): Promise<Standby> {
  const link = await FlakyProxy.before(primary.url);
  const postgres = await OwnPostgres.prepare(settings, {
    password: primary.password,
    fill: (server) => backUp(primary, server, link.port),
  });
  await postgres.start();
  const streams = () =>
    primary
      .asSuperuser(async (client) => (await client.query('select 1 from pg_stat_replication')).rowCount === 1)
      .catch(() => false); // a connection can take long on a busy machine
  if (!(await until(limitMs, 50, streams))) throw new Error('the standby does not stream');
  return {
    postgres,
    link,
    promote: () =>
      postgres.asSuperuser(async (client) => {
        const { rows } = await client.query<{ done: boolean }>('select pg_promote(true, 10) as done');
        if (!rows[0]?.done) throw new Error('the standby was not promoted in time');
      }),
    dispose: async () => {
      await postgres.dispose();
      await link.close();
    },
  };
}

/** `pg_basebackup` by hand: the packaged binaries do not have it. */
async function backUp(primary: OwnPostgres, server: OwnPostgres['server'], linkPort: number): Promise<void> {
  const [from, to] = [join(primary.server.folder, 'data'), join(server.folder, 'data')];
  mkdirSync(to, { mode: 0o700 });
  await primary.asSuperuser(async (client) => {
    await client.query(`select pg_backup_start('standby', fast => true)`);
    for (const name of readdirSync(from).filter((n) => !n.startsWith('postmaster.')))
      cpSync(join(from, name), join(to, name), { recursive: true, preserveTimestamps: true });
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(wait_for_archive => false)',
    );
    writeFileSync(join(to, 'backup_label'), rows[0]?.labelfile ?? '');
  });
  // No questions before the first message: the proxy could not read what follows them.
  const plain = 'sslmode=disable gssencmode=disable';
  const conninfo = `host=127.0.0.1 port=${linkPort} user=postgres password=${primary.password} application_name=standby ${plain}`;
  writeFileSync(join(to, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  writeFileSync(join(to, 'standby.signal'), '');
  rmSync(join(to, 'postmaster.pid'), { force: true });
  const { owner } = server;
  if (!owner) return;
  chownSync(to, owner.uid, owner.gid);
  for (const name of readdirSync(to, { recursive: true, encoding: 'utf8' }))
    chownSync(join(to, name), owner.uid, owner.gid);
}
