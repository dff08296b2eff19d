/** What global-setup has started; Jest runs its teardown in the same process. */
export interface SharedServers {
  stops: (() => Promise<void>)[];
}

const key = Symbol.for('activity-guard.test.shared-servers');

export function sharedServers(): SharedServers {
  const holder = globalThis as { [key]?: SharedServers };
  return (holder[key] ??= { stops: [] });
}
