/** One peer as a process of its own, that is killed. It is asked on its standard input, one JSON line a call. */
import { createInterface } from 'node:readline';

import { dbos } from '../../../bench/peers/dbos';
import type { Peer, PeerConfig, StartPeer } from '../../../bench/peers/peer';
import { powertools } from '../../../bench/peers/powertools';
import { restate } from '../../../bench/peers/restate';
import { steadykey } from '../../../bench/peers/steadykey';
import { ProviderClient } from '../provider-client';

/** What the process is told. */
export interface PeerProcessConfig extends PeerConfig {
  readonly providerUrl: string;
  readonly requestMs: number;
}

/** An answer, or a line that says that it is up. */
export interface PeerAnswer {
  readonly to: number;
  readonly value?: unknown;
  readonly error?: string;
}

const starts: Record<string, StartPeer> = { dbos, powertools, restate, steadykey };
const send = (answer: PeerAnswer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

async function callOnce(peer: Peer, provider: ProviderClient, intent: string): Promise<unknown> {
  await provider.at('before-claim', intent);
  const value = await peer.once(intent);
  await provider.at('settled', intent);
  return value;
}

async function main(config: PeerProcessConfig): Promise<void> {
  const start = starts[config.name];
  if (!start) throw new Error(`there is no peer ${config.name}`);
  const provider = new ProviderClient(config.providerUrl, config.requestMs);
  const peer = await start(config, async (intent) => {
    await provider.at('after-claim', intent);
    return provider.charge(intent, intent);
  });
  const lines = createInterface({ input: process.stdin });
  lines.on('close', () => process.exit(1)); // whoever asks is gone
  lines.on('line', (line) => {
    const { to, intent } = JSON.parse(line) as { to: number; intent: string };
    callOnce(peer, provider, intent).then(
      (value) => send({ to, value }),
      (error: unknown) => send({ to, error: String(error) }),
    );
  });
  send({ to: 0 });
}

// What a peer's driver reports of a lost connection must not end the process: the call fails, and is made again.
process.on('uncaughtException', () => undefined);
process.on('unhandledRejection', () => undefined);
main(JSON.parse(process.argv[2] ?? '') as PeerProcessConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
