/** Agents in workflows whose worker is killed between the effect of a tool and its receipt. */
import { readFile } from 'node:fs/promises';

import { Worker } from '@temporalio/worker';

import { aiAgent, plainAgent, type Task } from '../fixtures/agent-workflows';
import { quietRuntime } from '../support/quiet';
import { Harness } from '../support/worker-harness';

let harness: Harness;
beforeAll(async () => {
  quietRuntime();
  harness = await Harness.start(require.resolve('../fixtures/agent-workflows'));
});
afterAll(() => harness.stop());

it.each([
  ['the loop of the AI SDK', aiAgent],
  ['a loop by hand', plainAgent],
])('%s goes on with the receipt that the probe found: one effect for each intent', async (name, agent) => {
  const [a, b] = [`${name}: a`, `${name}: b`];
  const asking = (invoice: string, note: string) => ({ invoice, amount: 100, note });
  const task: Task = {
    plan: { id: name, invoices: [a, b] },
    turns: [[asking(a, 'Please pay')], [asking(a, 'Once more'), asking(b, 'And this')]],
  };
  const { client } = harness.stack.env;
  const first = await harness.startWorker(name, { agents: true, crashPoint: 'after-effect' });
  const handle = await client.workflow.start(agent, { args: [task], taskQueue: name, workflowId: name });
  expect(await first.ended).toBe('SIGKILL');
  expect(harness.provider.count(name)).toBe(1);
  const second = await harness.startWorker(name, { agents: true });

  const read = await handle.result();
  const [chargeA, chargeB] = harness.provider.booked
    .filter(({ order }) => order.startsWith(name))
    .map(({ id, amount }) => ({ id, amount }));
  expect(read).toEqual([chargeA, chargeA, chargeB]);
  expect(harness.provider.count(name)).toBe(2);
  await second.kill();
  const code = await readFile(harness.bundlePath, 'utf8');
  await Worker.runReplayHistory({ workflowBundle: { code } }, await handle.fetchHistory());
});
