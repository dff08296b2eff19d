import { ask } from './ask';
import { calls } from './calls';
import { decisions } from './decisions';
import { evidence } from './evidence';
import { history } from './history';
import { ids } from './ids';
import { memory } from './memory';
import type { Mutation } from './mutation';
import { nexus } from './nexus';
import { postgres } from './postgres';
import { resets } from './resets';
import { temporal } from './temporal';

/** All of them; `scripts/mutations.mjs` makes them, one at a time. */
export const mutations: readonly Mutation[] = [
  ...decisions,
  ...calls,
  ...memory,
  ...postgres,
  ...ids,
  ...temporal,
  ...nexus,
  ...resets,
  ...ask,
  ...evidence,
  ...history,
];
