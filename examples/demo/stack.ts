import { rm } from 'node:fs/promises';
import { startTestStack } from 'activity-guard/testing';
import { announce, endWithParent } from '../parent';
import { readConfig } from './child';

export interface StackConfig {
  folder: string;
  ui: boolean;
}

export interface StackAddress {
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalUiUrl?: string | undefined;
}

/**
 * Postgres and Temporal, held by a process of its own: however the demo ends, even by SIGKILL, this
 * process sees the channel to it close and stops both.
 */
async function main({ folder, ui }: StackConfig): Promise<void> {
  const starting = startTestStack({ ui, log: (line: string) => console.log(line) });
  endWithParent(async (reason) => {
    await starting.then((stack) => stack.stop()).catch(console.error);
    // The parent removes it itself, or leaves it for the logs in it.
    if (reason === 'orphaned') await rm(folder, { recursive: true, force: true });
  });
  const { databaseUrl, temporalAddress, temporalNamespace, temporalUiUrl } = await starting;
  const address: StackAddress = { databaseUrl, temporalAddress, temporalNamespace, temporalUiUrl };
  announce(address);
}

main(readConfig<StackConfig>()).catch((error: unknown) => {
  console.error(error);
  // Without a parent, the clean-up above is under way and ends the process.
  if (process.connected) process.exit(1);
});
