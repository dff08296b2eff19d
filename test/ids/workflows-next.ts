/** A later version of a workflow: calls inserted, one of them equal to an old one, and the old ones turned round. */
import { patched } from '@temporalio/workflow';

import { intend, remote, type Case } from './intents';
import type { Charge } from './matrix';

export async function changing(c: Case): Promise<Charge[]> {
  const alpha = (): Promise<Charge> => intend(c, 'alpha', () => remote.act(c.cell, 'alpha'));
  const beta = (): Promise<Charge> => intend(c, 'beta', () => remote.act(c.cell, 'beta'));
  if (!patched('more-calls')) return [await alpha(), await beta()];
  return [
    await intend(c, 'gamma', () => remote.act(c.cell, 'gamma')),
    await beta(),
    await intend(c, 'another alpha', () => remote.act(c.cell, 'alpha')),
    await alpha(),
  ];
}
