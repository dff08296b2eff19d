import { ask } from './ask';
import { audit } from './audit';
import { calls } from './calls';
import { claims } from './claims';
import { cli } from './cli';
import { decisions } from './decisions';
import { evidence } from './evidence';
import { guard } from './guard';
import { history } from './history';
import { http } from './http';
import { ids } from './ids';
import { memory } from './memory';
import type { Mutation } from './mutation';
import { nexus } from './nexus';
import { otel } from './otel';
import { outstanding } from './outstanding';
import { postgres } from './postgres';
import { postgresClaims } from './postgres-claims';
import { postgresOutcomes } from './postgres-outcomes';
import { postgresSchema } from './postgres-schema';
import { pruning } from './pruning';
import { resets } from './resets';
import { temporal } from './temporal';
import { together } from './together';
import { workflowTools } from './workflow-tools';

/** All of them; `scripts/mutations.mjs` makes them, one at a time. */
export const mutations: readonly Mutation[] = [
  ...decisions,
  ...calls,
  ...memory,
  ...postgresClaims,
  ...postgresOutcomes,
  ...postgres,
  ...postgresSchema,
  ...together,
  ...ids,
  ...temporal,
  ...nexus,
  ...resets,
  ...ask,
  ...evidence,
  ...guard,
  ...claims,
  ...history,
  ...http,
  ...otel,
  ...outstanding,
  ...workflowTools,
  ...cli,
  ...audit,
  ...pruning,
];
