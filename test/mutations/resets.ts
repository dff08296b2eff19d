/** Mutations of what is said before a reset: nothing may look safe that would run again. */
import { inFile } from './mutation';

const tests = ['unit/reset-impact'];

export const resets = [
  ...inFile('src/temporal/client/family.ts', tests, [
    [
      3,
      'only what had ended before the point is kept',
      'closedBy !== undefined && closedBy < resetTo;',
      'closedBy !== undefined;',
    ],
    [
      3,
      'a child that was started after the point is started again',
      "child.eventId < resetTo ? 'started before the point: not started again' : ''",
      "'started before the point: not started again'",
    ],
    [
      3,
      'the runs that continued a run are looked at',
      "await this.readNext(root, '', { depth: 0, walk: 0 });",
      '',
    ],
    [
      3,
      'a scope that names the run is lost with it',
      'scope === originalExecutionRunId || (depth > 0 && scope === firstExecutionRunId)',
      'scope === null',
    ],
    [
      3,
      'a scope that names the chain of a child is lost with it',
      ' || (depth > 0 && scope === firstExecutionRunId)',
      '',
    ],
    [3, 'what came of an earlier reset is missed', 'if (resetRunId)', 'if (resetRunId === null)'],
    [
      3,
      'a retry of the workflow walks through all calls again',
      'next.info.attempt > 1 ? this.walks++ : walk',
      'walk',
    ],
    [3, 'what is done past the guard is said', 'this.listOutside(root, resetTo);', ''],
    [3, 'a run that is not read to its end is said', 'if (root.isCut)', 'if (!root)'],
  ]),
  ...inFile('src/temporal/client/reset-impact.ts', tests, [
    [3, 'the retry of a call that is made again may run', 'return earlier ?', 'return !row ?'],
    [
      3,
      'every call of an explicit id gets its receipt',
      'if (scopePartOf({ requestId }) === undefined) return row;',
      '',
    ],
    [3, 'receipts of no call are missed', 'if (matched.loose.length > 0 &&', 'if (!matched &&'],
  ]),
  ...inFile('src/temporal/client/fate.ts', tests, [
    [
      3,
      'a released call runs again',
      "return { fate: 'runs', reason: 'released: it had not happened' };",
      "return { fate: 'replayed', reason: 'released: it had not happened' };",
    ],
    [3, 'a lapsed claim is unknown', "if (isUnresolved(receipt)) return 'unknown';", ''],
  ]),
  ...inFile('src/temporal/client/reset-point.ts', tests, [
    [3, 'a reset goes only where the server takes it', 'if (isWithin) return false;', 'return false;'],
  ]),
  ...inFile('src/temporal/client/call-receipts.ts', tests, [
    [3, 'which receipt is whose is not guessed', 'if (own.length === whole.length) whole', 'whole'],
    [
      3,
      'a receipt of another Temporal namespace is not of this workflow',
      '=== temporalNamespace,\n',
      '!== null,\n',
    ],
  ]),
];
