/** The guard, and the two bare commits, in the same kind of process as their peers. */
import { BareCommits } from '../bare-commits';
import { Guarded, payloadOf } from '../contenders';
import { poolSize, type StartPeer } from './peer';

export const bare: StartPeer = async ({ databaseUrl }, effect) => {
  const commits = await BareCommits.on(databaseUrl, poolSize);
  return { once: async (id) => commits.fresh(id, await effect(id)), stop: () => commits.stop() };
};

export const guard: StartPeer = async ({ databaseUrl }, effect) => {
  const guarded = await Guarded.on(databaseUrl, 'pg', 'guard_peer');
  const payload = payloadOf(200);
  return { once: (id) => guarded.run(id, payload, () => effect(id)), stop: () => guarded.stop() };
};
