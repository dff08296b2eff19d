/** Mutations of what Temporal's history proves, and of whom a resolution wakes. */
import { inFile } from './mutation';

const tests = ['unit/history-evidence'];

export const history = [
  ...inFile('src/temporal/client/history-evidence.ts', tests, [
    [
      3,
      'history proves only what has completed',
      "if (end.how !== 'completed')",
      "if (end.how === 'timed out')",
    ],
    [3, 'a pending activity proves nothing', 'if (pending) {', 'if (!pending) {'],
    [3, 'history says nothing of a step', 'step === undefined &&', ''],
    [3, 'history says nothing where an interceptor may stand outside', "outermost === 'yes' &&", ''],
    [3, 'a failover takes a transaction back, its history not', '!receipt.transactional &&', ''],
    [3, 'a local activity has no event', ' || local !== undefined', ''],
    [
      2,
      'a history of another namespace is of other workflows',
      'temporalNamespace !== this.client.options.namespace ||',
      '',
    ],
    [
      3,
      'another attempt than the claimer says nothing of the claim',
      "if (String(attempt) !== receipt.origin['attempt'])",
      'if (attempt === undefined)',
    ],
    [
      3,
      'who completes an activity by hand knows nothing of its effect',
      "if (receipt.state !== 'delegated' && end.identity !== identity)",
      "if (receipt.state === 'delegated' && end.identity !== identity)",
    ],
    [3, 'an id that was used twice names no activity', 'if (isRepeated)\n', 'if (isRepeated === null)\n'],
    [2, 'arguments are those of one activity', 'if (!found || found.isRepeated)', 'if (!found)'],
    [
      2,
      'a result that is stored elsewhere is not a reference to it',
      'if (result.some(isReference))',
      'if (result.length > 1)',
    ],
    [
      4,
      'a workflow that is gone is no error',
      'if (!isGone(error)) throw error;\n      return undetermined',
      'if (isGone(error)) throw error;\n      return undetermined',
    ],
    [2, 'an id that may be used again is read anew', 'isCounted(claimed.activityId)', 'true'],
  ]),
  ...inFile(
    'src/temporal/worker/guarded-call.ts',
    ['unit/activity-interceptor'],
    [
      [
        3,
        'only the outermost guard says so',
        "if (isOutermost) origin['outermost'] = 'yes';",
        "origin['outermost'] = 'yes';",
      ],
      [3, 'a local activity says so', "if (info.isLocal) origin['local'] = 'yes';", ''],
    ],
  ),
  ...inFile('src/temporal/client/activity-history.ts', tests, [
    [
      3,
      'an id that is scheduled again is noticed',
      'isRepeated: this.byId.has(activityId)',
      'isRepeated: false',
    ],
    [8, 'those who ask at once share a read', 'if (known) return known;', ''],
  ]),
  ...inFile('src/temporal/client/shared-read.ts', tests, [
    [8, 'who gives up does not wait', "signal.addEventListener('abort', leave);", ''],
    [8, 'a read that nobody waits for ends', 'this.nobody.abort();', ''],
    [8, 'a read that others wait for goes on', '--this.waiting === 0', '--this.waiting >= 0'],
  ]),
  ...inFile('src/temporal/outcomes/payload.ts', tests, [
    [
      2,
      'no result is what the converter makes of undefined',
      "encode('binary/null')",
      "encode('json/plain')",
    ],
  ]),
  ...inFile(
    'src/temporal/client/wake.ts',
    ['unit/wake'],
    [
      [1, 'an attempt that runs is not reset', 'Number(state) === scheduled &&', ''],
      [1, 'an activity that is paused stays so', 'keepPaused: true', 'keepPaused: false'],
      [4, 'an activity that is paused is left alone', '!paused &&', ''],
      [
        4,
        'an activity id of another run names another call',
        "run?.runId === runId && activity.activityId === receipt.origin['activityId']",
        "activity.activityId === receipt.origin['activityId']",
      ],
      [
        4,
        'after a reset the later run waits',
        "claimer?.isOpen ? claimer : await describe(client, workflowId, '')",
        'claimer',
      ],
      [
        4,
        'only a failure of the guard names whom an activity waits for',
        "if (info?.type !== 'OutcomeUnknown' && info?.type !== 'InFlight') return false;",
        '',
      ],
      [
        4,
        'a workflow without the update may wait as an activity',
        'error instanceof WorkflowUpdateFailedError ||',
        '',
      ],
      [
        4,
        'clocks that differ keep nobody waiting',
        'Math.abs(Number(at.seconds) * 1000 - Date.now())',
        '(Number(at.seconds) * 1000 - Date.now())',
      ],
    ],
  ),
];
