/** One peer in a process of its own, with the driver beside it: they disturb neither each other nor the others. */
import { failStart, readConfig, serve } from '../child';
import { newId, payloadOf } from '../contenders';
import { drive, type Load, type Sample } from '../measure';
import { dbos } from './dbos';
import { graphile } from './graphile';
import { bare, guard } from './ours';
import type { PeerConfig, StartPeer } from './peer';
import { powertools } from './powertools';
import { restate } from './restate';
import { steadykey } from './steadykey';

/** What a turn gave, and whether every intent was carried out once. */
export interface Turn {
  readonly sample: Sample;
  readonly intents: number;
  readonly effects: number;
}

const peers: Record<string, StartPeer> = { bare, guard, steadykey, dbos, restate, powertools, graphile };

async function main(config: PeerConfig): Promise<void> {
  const start = peers[config.name];
  if (!start) throw new Error(`there is no peer ${config.name}`);
  const payload = payloadOf(200);
  let effects = 0;
  const peer = await start(config, () => {
    effects++;
    return payload;
  });
  const turn = async (load: Load): Promise<Turn> => {
    const before = effects;
    let intents = 0;
    const sample = await drive(() => {
      intents++;
      return peer.once(newId());
    }, load);
    return { sample, intents, effects: effects - before };
  };
  serve({ turn }, () => peer.stop());
}

main(readConfig<PeerConfig>()).catch(failStart);
