import { sharedServers } from './shared-servers';

/** Stops what global-setup has started; nothing if the user's servers were used. */
async function globalTeardown(): Promise<void> {
  const results = await Promise.allSettled(sharedServers().stops.map((stop) => stop()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

// Jest wants the function itself as the module.
export = globalTeardown;
