/** All commands, in the order of the help. */
import * as care from './care';
import { completionOf } from './completion';
import { resolve, supersede } from './decide';
import type { Definition } from './definition';
import { demo } from './demo';
import { doctor } from './doctor/doctor';
import { list } from './list';
import { mcp } from './mcp';
import { reconcile } from './reconcile';
import { report } from './report/report';
import { serve } from './serve';
import { show } from './show';

export const commands: readonly Definition[] = [
  list,
  show,
  resolve,
  supersede,
  doctor,
  care.stats,
  reconcile,
  report,
  care.exported,
  care.prune,
  care.migrate,
  serve,
  mcp,
  demo,
  completionOf(() => commands),
];
