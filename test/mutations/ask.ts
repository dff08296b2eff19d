/** Mutations of what waits for decisions, and of undos: nobody waits for ever, nothing is decided twice. */
import { inFile } from './mutation';

const [asking, worker] = ['unit/asking', 'unit/resolve-outcome'];

export const ask = [
  ...inFile(
    'src/temporal/workflow/outcomes-interceptors.ts',
    [asking],
    [
      [
        4,
        'a failure of something else asks nothing of this call',
        'const cause = error instanceof ActivityFailure ? error.cause : error;',
        'let cause = error; while (cause instanceof Error && cause.cause) cause = cause.cause;',
      ],
      [
        1,
        'the call is made again as the same intent',
        'callOwn(call.activityType, () =>',
        "callOwn('', () =>",
      ],
      [
        1,
        'the call is made again as it was, whatever interceptors make of it',
        'again ? asBefore(given, again) : identified(given)',
        'again ? { ...given, headers: again.headers } : identified(given)',
      ],
      [
        1,
        'a failover may have lost the claim of a call that is made again',
        'since: header.since ?? at',
        'since: header.since',
      ],
      [
        4,
        'a decision is written down where the activity ran',
        '...(taskQueue === undefined ? {} : { taskQueue })',
        '',
      ],
      [
        4,
        'a decision is no call of the workflow',
        'await callOwn(resolveActivity, () =>',
        'await callOwn("", () =>',
      ],
      [3, 'a result that was not given is not undefined', "('result' in decision ?", '(decision ?'],
      [3, 'why a decision did not count is told', 'again: { ...call, refused }', 'again: call'],
      [1, 'a receipt is that of one call', 'if (first && first.requestId !== requestId) {', 'if (!noted) {'],
      [
        2,
        'only the undo itself names what it undoes',
        'header.idHash !== undo?.idHash',
        '!undo || header.idHash === undefined || header.idHash === undo.idHash',
      ],
      [7, 'a decision is checked before it is accepted', 'unresolved.validate(decision)', 'void decision'],
      [4, 'a call that waits no more is not shown', 'this.unresolved.show();', ''],
    ],
  ),
  ...inFile(
    'src/temporal/workflow/unresolved.ts',
    [asking],
    [
      [7, 'the first decision counts', 'if (entry.decision) throw', 'if (!entry) throw'],
      [
        7,
        'a decision is for the attempt that was looked at',
        'epoch !== undefined && epoch !== entry.epoch',
        'epoch === null',
      ],
      [
        3,
        'a verdict is one of those that are known',
        'verdict !== undefined && !verdicts.includes(verdict as DecidedVerdict)',
        'verdict === null',
      ],
      [
        8,
        'equal calls wait for one decision',
        'if (there?.epoch === question.epoch) {',
        'if (!question.epoch && there) {',
      ],
      [
        8,
        'a call that waits for an earlier attempt looks again',
        'if (there) there.decision ??= { requestId: there.requestId };',
        '',
      ],
      [
        8,
        'a call that waits no more is gone',
        'if (this.entries.get(id) === entry) this.entries.delete(id);',
        '',
      ],
      [4, 'the search attribute is cleared', 'types.length > 0 ? value : null', 'value'],
      [4, 'a Keyword holds one text', "type === 'KEYWORD' ? types[0] : types", 'types'],
    ],
  ),
  ...inFile(
    'src/temporal/workflow/compensation.ts',
    [asking],
    [
      [1, 'an undo has one id for each receipt', 'compensationId(undoes)', 'compensationId(requestId)'],
      [1, 'a receipt without an id is refused', " || requestId === ''", ''],
      [3, 'a receipt of nothing is refused', 'if (!receipt) {', "if (receipt?.requestId === '') {"],
    ],
  ),
  ...inFile(
    'src/temporal/worker/resolve-outcome.ts',
    [worker],
    [
      [
        1,
        'a "no" that came too early does not count',
        'if (early !== undefined) return',
        "if (early === '') return",
      ],
      [1, 'a "no" does not grow older by waiting', ' + sinceDecisionMs();', ';'],
      [
        2,
        'a result that cannot be kept settles nothing',
        'if (problem !== undefined) return',
        "if (problem === '') return",
      ],
      [
        3,
        'only that it happened is kept without a result',
        'if (!hasResult)',
        'if (hasResult === undefined)',
      ],
      [4, 'who decided, and why, is kept', 'by, note, outcome });', 'note, outcome });'],
    ],
  ),
  ...inFile(
    'src/temporal/worker/plugin.ts',
    [worker],
    [
      [
        8,
        'a worker of workflows alone polls for no activities',
        'Object.keys(activities).length > 0 ? { ...guardActivities({ receipts }), ...activities } : activities',
        '({ ...guardActivities({ receipts }), ...activities })',
      ],
      [
        4,
        'every worker with activities can write decisions down',
        '{ ...guardActivities({ receipts }), ...activities }',
        'activities',
      ],
      [
        1,
        'the identity comes first, and once',
        'modules.filter((module) => !workflowModules.includes(module))',
        'modules',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/search-attribute.ts',
    [worker],
    [
      [
        8,
        'an attribute that the namespace has not got is left alone',
        '        else\n          return type === undefined',
        "        else found = { name, type: 'KEYWORD' };\n          return type === undefined",
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/interceptor.ts',
    [worker],
    [
      [
        8,
        'the activity that writes decisions down is not guarded',
        'if (isOwnActivity(context.info.activityType))',
        "if (context.info.activityType === '')",
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/guarded-call.ts',
    ['unit/activity-interceptor'],
    [
      [
        4,
        'an undo says what it undoes',
        "  if (header.undoes !== undefined) origin['undoes'] = header.undoes;\n",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/outcomes/failures.ts',
    ['unit/activity-interceptor'],
    [
      [
        4,
        'a workflow that is to wait is told so',
        'ask: { epoch: error.ask.epoch, ...(attribute && { attribute }) }',
        '',
      ],
    ],
  ),
];
