/** All commands, in the order of the help. */
import { audit } from './audit';
import * as care from './care';
import { completionOf } from './completion';
import { resolve, supersede } from './decide';
import type { Definition } from './definition';
import { dashboard } from './dashboard';
import { demo } from './demo';
import { doctor } from './doctor/doctor';
import { init } from './init/init';
import { list } from './list';
import { mcp } from './mcp';
import { reconcile } from './reconcile';
import { report } from './report/report';
import { serve } from './serve';
import { show } from './show';
import { verify } from './verify';

export const commands: readonly Definition[] = [
  init,
  list,
  show,
  resolve,
  supersede,
  doctor,
  care.stats,
  reconcile,
  report,
  care.exported,
  audit,
  verify,
  care.prune,
  care.migrate,
  serve,
  dashboard,
  mcp,
  demo,
  completionOf(() => commands),
];
