import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startTestStack, type TestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { createActivities, ProviderClient } from '../fixtures/activities';
import { chargeHeldOnce, chargeOnce, retriesItself } from '../fixtures/workflows';
import { Provider } from '../support/provider';
import { quiet } from '../support/quiet';

let stack: TestStack;
let provider: Provider;
let receipts: PostgresReceipts;
let plugin: ActivityGuardPlugin;
let workflowBundle: WorkflowBundle;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  stack = await startTestStack({ temporal: 'time-skipping' });
  provider = await Provider.start();
  receipts = pgReceipts({ connectionString: stack.databaseUrl });
  await receipts.migrate();
  plugin = new ActivityGuardPlugin({ receipts });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('../fixtures/workflows'),
    plugins: [plugin],
    logger: quiet,
  });
});
afterAll(async () => {
  await receipts.close();
  await provider.stop();
  await stack.stop();
});

const worker = (): Promise<Worker> =>
  Worker.create({
    connection: stack.env.nativeConnection,
    taskQueue: 'skipping',
    workflowBundle,
    activities: createActivities(new ProviderClient(provider.url)),
    plugins: [plugin],
  });

describe('in the time-skipping environment', () => {
  it('a workflow test runs guarded activities as they are', async () => {
    const { client } = stack.env;
    const result = await (await worker()).runUntil(
      client.workflow.execute(chargeOnce, { args: ['skip'], taskQueue: 'skipping', workflowId: 'skip' }),
    );
    expect(result).toEqual({ id: 'ch_1', amount: 100 });
    expect((await receipts.stats()).states).toMatchObject({ committed: 1, unknown: 0 });
  });

  it('an ambiguous failure is found out by the probe while the clock skips', async () => {
    const { client } = stack.env;
    const { seen, charge } = await (await worker()).runUntil(
      client.workflow.execute(retriesItself, { args: ['doubt'], taskQueue: 'skipping', workflowId: 'doubt' }),
    );
    expect(seen[0]).toMatchObject({ type: 'OutcomeUnknown' });
    expect(provider.booked.filter((b) => b.order === 'doubt').map((b) => b.id)).toEqual([charge.id]);
  });

  it('a worker without the tables refuses to start, and says what to do', async () => {
    const missing = pgReceipts({ connectionString: stack.databaseUrl }, { schema: 'missing' });
    const poll = jest.fn();
    await expect(
      new ActivityGuardPlugin({ receipts: missing }).runWorker({} as Worker, poll),
    ).rejects.toThrow(/activity-guard migrate/);
    expect(poll).not.toHaveBeenCalled();
    await missing.close();
  });

  it('guarded functions registered without the plugin refuse to run', async () => {
    const bare = await Worker.create({
      connection: stack.env.nativeConnection,
      taskQueue: 'bare',
      workflowBundle,
      activities: createActivities(new ProviderClient(provider.url)),
    });
    const run = bare.runUntil(
      stack.env.client.workflow.execute(chargeHeldOnce, {
        args: ['bare'],
        taskQueue: 'bare',
        workflowId: 'bare',
        workflowExecutionTimeout: '20s',
      }),
    );
    await expect(run).rejects.toThrow();
    expect(provider.count('bare')).toBe(0);
  });
});
