/** How the end of an activity is told to a model, without a sandbox; `test/e2e/agents.test.ts` has the loops. */
import { AsyncLocalStorage } from 'node:async_hooks';

let isInWorkflow = false;
jest.mock('@temporalio/workflow', () => ({
  ...jest.requireActual<object>('@temporalio/workflow'),
  AsyncLocalStorage,
  inWorkflowContext: () => isInWorkflow,
  workflowInfo: () => ({ unsafe: { isReplaying: false } }),
}));

// After the mock: this is compiled to `require` where it stands.
import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import { ContinueAsNew } from '@temporalio/workflow';

import { hashedRequestId, hashRequestId } from '../../src/ids';
import { rejectionFailure } from '../../src/temporal/outcomes/failures';
import { markInstalled } from '../../src/temporal/workflow/call-context';
import { guardTool, isToolFailure, type WorkflowToolGuard } from '../../src/temporal/workflow/tools';

const ended = (cause: Error): ActivityFailure =>
  new ActivityFailure('Activity task failed', 'pay', '1', 'MAXIMUM_ATTEMPTS_REACHED', 'worker', cause);
const failed = (type: string): ActivityFailure => ended(ApplicationFailure.create({ message: 'no', type }));
const refused = (id: string): ActivityFailure =>
  ended(rejectionFailure(new Error('the card was declined'), hashedRequestId(hashRequestId(id))));

/** The output of a tool whose activity fails so. */
const outputOf = (error: Error): Promise<unknown> =>
  guardTool({ intentId: () => 'plan:1' }, (): Promise<string> => Promise.reject(error))({});

it('refuses to be made in a bundle without the interceptors, before a framework could tell its model', () => {
  isInWorkflow = true;
  expect(() => guardTool({ intentId: () => 'plan:1' }, async () => 'paid')).toThrow(
    /^GuardNotInstalled: guardTool/,
  );
  isInWorkflow = false;
});

describe('guardTool() of workflows', () => {
  beforeAll(() => markInstalled());

  it.each([
    ['a refusal of this intent', refused('plan:1'), 'refused'],
    ['a refusal of another intent', refused('plan:2'), 'unknown'],
    ['an unknown outcome', failed('OutcomeUnknown'), 'unknown'],
    ['a result that cannot be read', failed('ResultUnavailable'), 'no-result'],
    ['another call at it', failed('InFlight'), 'in-flight'],
    ['another intent under the id', failed('RequestIdReused'), 'conflict'],
    ['a pruned receipt', failed('ReceiptPruned'), 'conflict'],
    ['what surely did not happen', failed('NotCommitted'), 'not-done'],
    ['arguments that cannot be guarded', failed('InvalidRequest'), 'invalid'],
    [
      'receipts that are away, for an earlier attempt may have acted',
      failed('ReceiptStoreUnavailable'),
      'unknown',
    ],
    ['a refusal of one step of several', failed('Rejected'), 'unknown'],
    ['a failure that is none of the guard', failed('constructor'), 'unknown'],
    ['a time-out', ended(new TimeoutFailure('too late', undefined, 'START_TO_CLOSE')), 'unknown'],
  ])('tells of %s', async (_what, error, status) => {
    const output = await outputOf(error);
    expect(isToolFailure(output)).toBe(true);
    expect(output).toMatchObject({ activityGuard: status, requestId: 'plan:1' });
  });

  it.each([
    ['a cancelled activity', ended(new CancelledFailure('cancelled'))],
    ['a cancellation', new CancelledFailure('cancelled')],
    ['continue-as-new', new ContinueAsNew({ workflowType: 'agent' })],
    ['a failure from beside the activity', failedBeside()],
    ['a mistake in the code', new TypeError('of undefined')],
  ])('throws %s on as it is', async (_what, error) => {
    await expect(outputOf(error)).rejects.toBe(error);
  });

  it.each<[string, WorkflowToolGuard<object>]>([
    ['the plan has no such intent', { intentId: () => undefined }],
    ['the id is none', { intentId: () => '' }],
    ['the fingerprint is none', { intentId: () => 'plan:1', fingerprint: () => undefined }],
  ])('does nothing where %s', async (_what, options) => {
    const activity = jest.fn(async (input: object) => input);
    expect(await guardTool(options, activity)({})).toMatchObject({
      activityGuard: 'invalid',
      message: expect.stringContaining('nothing was done'),
    });
    expect(activity).not.toHaveBeenCalled();
  });

  it('refuses options that guard nothing', () => {
    expect(() => guardTool({} as never, async () => 'paid')).toThrow(ApplicationFailure);
    expect(() => guardTool({ intentId: () => 'plan:1' }, undefined as never)).toThrow(ApplicationFailure);
  });
});

/** Such as the guard's own, for two different calls under one id. */
function failedBeside(): Error {
  return ApplicationFailure.nonRetryable('one id names one call', 'InvalidRequest');
}
