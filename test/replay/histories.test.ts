import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type ReplayWorkerOptions,
  type WorkflowBundle,
} from '@temporalio/worker';

import { ActivityGuardPlugin } from 'activity-guard/worker';
import { historyOf, scenarios } from '../ids/scenarios';
import { recorded } from '../support/histories';
import { quiet } from '../support/quiet';

const workflowsPath = require.resolve('./workflows');
const receipts = {} as never; // a replay runs no activity

let withGuard: WorkflowBundle;
let without: WorkflowBundle;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  withGuard = await bundleWorkflowCode({
    workflowsPath,
    plugins: [new ActivityGuardPlugin({ receipts })],
    logger: quiet,
  });
  without = await bundleWorkflowCode({ workflowsPath, logger: quiet });
});

const replay = async (workflowBundle: WorkflowBundle): Promise<string[]> => {
  const options: ReplayWorkerOptions = { workflowBundle };
  const failed: string[] = [];
  for (const { name, history } of await recorded()) {
    await Worker.runReplayHistory(options, history).catch((error: Error) =>
      failed.push(`${name}: ${error.message}`),
    );
  }
  return failed;
};

describe('recorded histories', () => {
  it('there are some for every workflow of the tests that uses the guard', async () => {
    const names = (await recorded()).map(({ name }) => name.replace(/^.*\//, ''));
    expect(names).toEqual(
      expect.arrayContaining([
        'chargeOnce',
        'carriesOpenCall',
        'chargeOrTimeOut',
        'chargePerRun',
        'declinedTwice',
        'failsAfterCharge',
        'failsAfterNexus',
        'handedOn',
        'manyCalls',
        'payInvoice',
        'payOverNexus',
        'payShakilyOverNexus',
        'payTwiceOverNexus',
        'retriesItself',
      ]),
    );
  });

  it('there are some for every event of the matrix', async () => {
    const names = (await recorded()).map(({ name }) => name.replace(/^.*?\/(.*)-\d+$/, '$1'));
    expect(scenarios.filter(({ row }) => !names.includes(historyOf(row)))).toEqual([]);
  });

  it('are as they were recorded', async () => {
    expect((await recorded()).filter(({ isFrozen }) => !isFrozen).map(({ name }) => name)).toEqual([]);
  });

  it('replay with the interceptors', async () => {
    expect(await replay(withGuard)).toEqual([]);
  });

  it('replay without the interceptors', async () => {
    expect(await replay(without)).toEqual([]);
  });

  it('a changed workflow does not replay (so the tests above can fail)', async () => {
    const [first] = await recorded();
    const events = first?.history.events?.map((event) =>
      event.activityTaskScheduledEventAttributes
        ? {
            ...event,
            activityTaskScheduledEventAttributes: {
              ...event.activityTaskScheduledEventAttributes,
              activityType: { name: 'other' },
            },
          }
        : event,
    );
    await expect(
      Worker.runReplayHistory({ workflowBundle: withGuard }, { events: events ?? [] }),
    ).rejects.toThrow();
  });
});
