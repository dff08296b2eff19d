import { startPostgres, startTemporalServer } from 'activity-guard/testing';
import { findDatabaseUrl } from '../../src/testing/database';
import { sharedServers } from './shared-servers';

/** Starts what the environment does not name. Jest's workers inherit the variables. */
async function globalSetup(): Promise<void> {
  const results = await Promise.allSettled([providePostgres(), provideTemporal()]);
  for (const result of results) {
    // No teardown runs after a failed set-up: what has started ends with this process.
    if (result.status === 'rejected') throw result.reason;
  }
}

async function providePostgres(): Promise<void> {
  if (findDatabaseUrl() !== undefined) return;
  const postgres = await startPostgres();
  sharedServers().stops.push(() => postgres.stop());
  process.env['DATABASE_URL'] = postgres.connectionString;
}

async function provideTemporal(): Promise<void> {
  if (process.env['TEMPORAL_ADDRESS']) return;
  // The first time, the program is downloaded: say so, for it takes a while.
  const temporal = await startTemporalServer({
    log: (line) => {
      if (line.startsWith('Temporal CLI:')) process.stderr.write(`${line}\n`);
    },
  });
  sharedServers().stops.push(() => temporal.stop());
  process.env['TEMPORAL_ADDRESS'] = temporal.address;
  process.env['TEMPORAL_NAMESPACE'] = temporal.namespace;
}

// Jest wants the function itself as the module.
export = globalSetup;
