// Postgres and Temporal for the projects, by the library's own helpers.
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { root } from './kit.mjs';

const require = createRequire(import.meta.url);
const built = (path) => require(join(root, 'dist/src', path));

/** @returns { url, stop } of a server of these binaries; of those in this repository unless given. */
export async function startPostgresOf(binaries) {
  const { startPostgres } = built('testing/index.js');
  if (binaries === undefined) {
    const { connectionString, stop } = await startPostgres();
    return { url: connectionString, stop };
  }
  const { initialise, prepareServer, startOn } = built('testing/postgres.js');
  const reaper = built('testing/reaper.js').startReaper();
  try {
    const server = await prepareServer(binaries, reaper, undefined);
    await initialise(server, 'postgres');
    const port = await built('testing/ports.js').freePort();
    await startOn(port, server);
    return { url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`, stop: reaper.finish };
  } catch (error) {
    await reaper.finish();
    throw error;
  }
}

export const startTemporal = () => built('testing/index.js').startTemporalServer();
