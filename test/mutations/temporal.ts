/** Mutations of what links the guard to Temporal: interceptors, marks, headers, failures. */
import { inFile } from './mutation';

const [activity, workflow, types] = ['unit/activity-interceptor', 'unit/workflow-identity', 'types/guarded'];

export const temporal = [
  ...inFile(
    'src/core/current.ts',
    [types],
    [
      [
        5,
        'requestId() has nothing to give outside a guard',
        'if (effect) return effect;',
        'return effect as HeldEffect;',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/activity/guarded.ts',
    [types, activity],
    [
      [
        5,
        'a guarded function runs only inside its own guard',
        'if (context?.guards !== wrapper) throw',
        'if (!context) throw',
      ],
      [
        5,
        'a guarded function that runs outside a guard throws',
        'if (context?.guards !== wrapper) throw notInstalled(fn.name, context);\n    currentEffect().begin();',
        'if (context) currentEffect().begin();',
      ],
      [1, 'a guarded function says that its effect begins', 'currentEffect().begin();', 'currentEffect();'],
      [
        5,
        'a step runs only in an activity that is not guarded as a whole',
        'if (!context.step) {',
        'if (!context.step) return (await fn(currentEffect())) as Awaited<R>;\n  if (!context.step) {',
      ],
      [
        5,
        'a step outside a worker with the guard does not run',
        'if (!context) throw notInstalled(`effect(',
        'if (!context) return (await fn({} as never)) as Awaited<R>;\n  if (!context) throw notInstalled(`effect(',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/interceptor.ts',
    [activity],
    [
      [
        8,
        'interceptors that are registered twice guard once',
        'if (guardContext.getStore()) return next(input);',
        '',
      ],
      [
        1,
        'an activity that is guarded by name says that its effect begins',
        'if (!marked) effect.begin();',
        '',
      ],
      [5, 'a guard is for the marked function alone', 'guards: marked ? fn : undefined', 'guards: undefined'],
      [
        1,
        'a pattern with the g flag names an activity every time',
        'name.search(entry) >= 0',
        'entry.test(name)',
      ],
      [
        1,
        'the same step name twice in one attempt is refused',
        'if (this.names.has(name)) {',
        'if (this.names.has(`${name} `)) {',
      ],
      [1, 'a step has one id in every Unicode normal form', "given.normalize('NFC')", 'given'],
      [
        1,
        'a step says that its effect begins',
        'effect.begin();\n        return guardContext',
        'return guardContext',
      ],
      [
        1,
        'a completion from elsewhere is no unknown outcome',
        'thrown instanceof CompleteAsyncError;',
        'thrown === CompleteAsyncError;',
      ],
      [
        4,
        'a rejection is marked with its intent',
        'throw rejectionFailure(outcome.error, call.requestId);',
        'throw outcome.error;',
      ],
      [
        3,
        "the guard's errors reach Temporal as failures with their code",
        'throw await sendable(context, toFailure(error, context.cancellationSignal.aborted));',
        'throw error;',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/guarded-call.ts',
    [activity],
    [
      [
        1,
        'a call without an identity is refused before the claim',
        'if (own === undefined && header?.problem !== undefined) {',
        "if (own === undefined && header?.problem === 'arguments') {",
      ],
      [
        1,
        'an explicit id in the header wins',
        'if (header?.idHash !== undefined)',
        'if (!own && header?.idHash !== undefined)',
      ],
      [
        1,
        'an id that cannot be one is refused before the claim',
        'if (problem !== undefined) throw new InvalidRequestError(`${whose}',
        'if (problem === null) throw new InvalidRequestError(`${whose}',
      ],
      [
        2,
        'the fingerprint is made before the claim',
        'throw new InvalidRequestError(\n      `The arguments of ${action} cannot be guarded: ${(cause as Error).message}. Nothing was run.`,\n      { requestId, cause },\n    );',
        "return '';",
      ],
      [
        2,
        'the fingerprint covers the arguments',
        'fingerprint: fingerprint(action, content, identity.requestId)',
        "fingerprint: fingerprint(action, '', identity.requestId)",
      ],
      [
        4,
        'steps have ids of their own',
        'composeId([identityOf(attempt, undefined).requestId, name])',
        'identityOf(attempt, undefined).requestId',
      ],
      [
        1,
        'a second attempt may be older than a failover',
        'mayBeOlderMs: mayBeOlderMs(info)',
        'mayBeOlderMs: undefined',
      ],
      [
        1,
        'an attempt whose number was reset may be older than a failover',
        'if (attempt === 1 && between < 1)',
        'if (attempt === 1)',
      ],
      [1, 'hold is the default', "options.onUnknown ?? 'hold'", "options.onUnknown ?? 'retry'"],
    ],
  ),
  ...inFile(
    'src/temporal/outcomes/failures.ts',
    [activity, workflow],
    [
      [
        4,
        'an unknown outcome stays pending: its failure is retryable',
        'nonRetryable: !error.retryable || isFinalForUser(error)',
        'nonRetryable: true',
      ],
      [
        3,
        'what must not be retried is not',
        'nonRetryable: !error.retryable || isFinalForUser(error)',
        'nonRetryable: false',
      ],
      [4, 'the mark of a rejection names the intent', 'details: [requestId],', 'details: [],'],
      [
        3,
        'a cancelled attempt that knows nothing is a cancellation',
        'if (cancelled && (error.retryable || error instanceof OutcomeUnknownError)) {',
        'if (cancelled && !error) {',
      ],
      [1, 'an outcome unknown has the original as its cause', '...causeOf(error.cause),\n', ''],
    ],
  ),
  ...inFile(
    'src/temporal/workflow/failures.ts',
    [workflow],
    [
      [
        1,
        'only the rejection of that very intent closes its slot',
        '?.details?.[0] === id',
        ' !== undefined',
      ],
      [
        1,
        "only the guard's mark is a rejection",
        'failureOf(error, rejectedMark)?.details?.[0] === id',
        "(failureOf(error, 'Rejected') ?? failureOf(error, rejectedMark)?.details?.[0] === id) !== false",
      ],
    ],
  ),
  ...inFile(
    'src/temporal/workflow/interceptors.ts',
    [workflow],
    [
      [
        1,
        'a slot is settled only by a result or a rejection',
        'if (isRejectionOf(error, call.id)) this.run().settle(call);\n        else this.run().reopen(call);',
        'this.run().settle(call);',
      ],
      [
        4,
        'a rejection settles its slot',
        'if (isRejectionOf(error, call.id)) this.run().settle(call);\n        else this.run().reopen(call);',
        'this.run().reopen(call);',
      ],
      [1, 'a local back-off ends no call', 'if (isLocalBackoff(error)) return;', ''],
      [1, 'a local activity that is rescheduled keeps its id', 'this.local.get(input.args) ?? ', ''],
      [
        4,
        'a local activity that is over keeps no id',
        '() => this.local.delete(input.args)',
        '() => undefined',
      ],
      [
        1,
        'a child slot is settled only by a result',
        'resultOf(output).then(() => this.run().settle(call), reopen);',
        'resultOf(output).then(() => this.run().settle(call), () => this.run().settle(call));',
      ],
      [1, 'a continue-as-new hands on its scope', 'scope ? withHeader(input, scope) : input', 'input'],
      [
        1,
        'a continue-as-new hands on the calls that are open',
        'open: this.calls.openCalls() }',
        'open: [] }',
      ],
      [2, 'a continue-as-new names the run that sent it', 'from: workflowInfo().runId', "from: ''"],
      [
        2,
        'a second, different call under one explicit id throws',
        'if (explicit.call.action !== action || explicit.call.hash !== hash) {',
        'if (explicit.call.action !== action) {',
      ],
      [
        2,
        'a second action under one explicit id throws',
        'if (explicit.call.action !== action || explicit.call.hash !== hash) {',
        'if (explicit.call.hash !== hash) {',
      ],
      [
        1,
        'arguments that cannot be compared have no id',
        "if (hash === undefined) return problem('arguments');",
        '',
      ],
      [
        4,
        'interceptors that are registered twice count a call once',
        'if (headerName in input.headers) return next(input); // registered twice',
        '',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/workflow/explicit-id.ts',
    [workflow],
    [
      [
        5,
        'an explicit id needs the interceptors',
        'if (!installed && !workflowInfo().unsafe.isReplaying) {',
        'if (!fn) {',
      ],
      [
        8,
        'what history holds replays without the interceptors',
        'if (!installed && !workflowInfo().unsafe.isReplaying) {',
        'if (!installed) {',
      ],
      [
        1,
        'an explicit id that cannot be one is refused',
        'if (problem !== undefined)',
        'if (problem === null)',
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/interceptor.ts',
    ['unit/late-steps'],
    [
      [1, 'a step after the end of its activity does not run', 'this.isOver = true;', ''],
      [1, 'the end of an activity ends its steps', '.finally(() => steps.end())', ''],
    ],
  ),
  ...inFile(
    'src/temporal/client/completion.ts',
    ['unit/completion-claims'],
    [
      [
        6,
        'a completion settles only the claim it names',
        'token: epoch === claim.epoch ? token : randomUUID()',
        'token',
      ],
      [
        6,
        'a completion gives up only the claim it names',
        'if (epoch !== claim.epoch) {',
        'if (epoch === 0) {',
      ],
      [
        6,
        'what a late completion says is kept beside',
        "receipts.addEvidence({ key, epoch: claim.epoch, source: 'completion', verdict }),",
        'Promise.resolve(),',
      ],
      [
        1,
        'a completion gives nothing up that has not yet been handed over',
        "if (state === 'claimed') {",
        "if (state === 'pruned') {",
      ],
      [
        3,
        'a failed completion reports what stands in the receipt',
        'this.report(claim, activity, found, error)',
        "this.report(claim, activity, { ...found, state: 'unknown', outcome: undefined }, error)",
      ],
      [
        3,
        'a cancelled completion reports what stands in the receipt',
        'if (found.outcome) return this.report(claim, activity, found);',
        '',
      ],
      [
        2,
        'a completion after another settlement reports that one',
        "if (answer === 'late' && !now.outcome) return late;",
        "if (answer === 'late') return late;",
      ],
      [
        1,
        'a completion that failed is unknown unless it says that nothing happened',
        'isKnown ? receipts.release(found) : receipts.markUnknown(found)',
        'receipts.release(found)',
      ],
      [4, 'the mark of a rejected completion names the intent', 'withoutGeneration(requestId)', 'requestId'],
      [
        3,
        'a completion that cannot be encoded is not settled',
        'if (problem === undefined) return outcome;',
        'if (outcome) return outcome;',
      ],
      [
        3,
        'a completion that nobody waits for is not an error',
        'if (error instanceof ActivityNotFoundError) return false;',
        '',
      ],
      [3, 'a rejected completion is final', "if (meaning === 'rejected') {", 'if (meaning === undefined) {'],
    ],
  ),
];
