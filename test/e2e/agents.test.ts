/** Agents in workflows: what a guarded tool does for the AI SDK's loop, and for one written by hand. */
import { randomUUID } from 'node:crypto';

import type { WorkflowFailedError } from '@temporalio/client';
import { type Workflow, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { jsonSchema } from 'ai';

import { RejectedError } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import type { Payment } from '../fixtures/activities';
import {
  aiAgent,
  aiAgentWithBareActivity,
  aiAgentWithoutIntents,
  mcpAgent,
  plainAgent,
  plainAgentWithoutIntents,
  type Task,
} from '../fixtures/agent-workflows';
import { aiSdkPlugin, decide } from '../support/scripted-agent';
import { deferred, until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => (here = await WorkerHere.start(require.resolve('../fixtures/agent-workflows'))));
afterAll(() => here.stop());

/** What the activity was called with, each time it acted. */
const paid: unknown[][] = [];
let gate = deferred();
beforeEach(() => {
  paid.length = 0;
  gate = deferred();
});
const effects = (invoice: string): number => paid.filter(([p]) => (p as Payment).invoice === invoice).length;

const book = async (payment: Payment, ...more: unknown[]) => {
  if (payment.invoice === 'declined') throw new RejectedError('the card was declined');
  paid.push([payment, ...more]);
  if (payment.invoice === 'cut-off') throw new Error('socket hang up');
  if (payment.invoice === 'slow') await gate.promise;
  return { id: `ch_${randomUUID()}`, reference: requestId() };
};
const activities = { decide, pay: guarded({ onUnknown: 'fail' }, book) };

const asking = (invoice: string, note: string, amount = 100): Payment => ({ invoice, amount, note });
const taskOf = (...turns: Task['turns']): Task => ({
  plan: { id: randomUUID(), invoices: ['a', 'b', 'declined', 'cut-off', 'slow'] },
  turns,
});

const plugins = () => [aiSdkPlugin(), new ActivityGuardPlugin({ receipts: here.receipts })];

/** Starts a workflow, and in the end replays its history. */
function starting<T>(
  workflow: Workflow,
  task: Task,
  work: (handle: WorkflowHandle) => Promise<T>,
  more: Partial<WorkerOptions> = {},
): Promise<T> {
  return here.starting({ activities, plugins: plugins(), ...more }, async (start) => {
    const handle = await start(workflow, task);
    const result = await work(handle);
    await Worker.runReplayHistory({ workflowBundle: here.workflowBundle }, await handle.fetchHistory());
    return result;
  });
}

/** What its model read of its calls. */
const run = (workflow: Workflow, task: Task, more?: Partial<WorkerOptions>): Promise<unknown> =>
  starting(workflow, task, (handle) => handle.result(), more);

/** What it read when the workflow ran, and again after a reset to its start. */
const runTwice = (workflow: Workflow, task: Task): Promise<unknown[]> =>
  starting(workflow, task, async (handle) => {
    const first: unknown = await handle.result();
    const { workflowId } = handle;
    await here.stack.env.client.workflowService.resetWorkflowExecution({
      namespace: here.stack.temporalNamespace,
      workflowExecution: { workflowId },
      workflowTaskFinishEventId: 3 as never, // protobufjs takes a number for a Long
      requestId: randomUUID(),
    });
    return [first, await here.stack.env.client.workflow.getHandle(workflowId).result()];
  });

describe.each([
  ['the loop of the AI SDK', aiAgent, aiAgentWithoutIntents],
  ['a loop by hand', plainAgent, plainAgentWithoutIntents],
])('%s', (_name, agent, withoutIntents) => {
  it('acts once for each intent of its plan, and gives its receipt to every later wording', async () => {
    const task = taskOf(
      [asking('a', 'Please pay')],
      [asking('a', 'Once more, to be sure')],
      [asking('b', 'And this'), asking('b', 'This as well'), asking('a', 'Again')],
    );
    const read = await run(agent, task);
    const [a, , b] = read as unknown[];
    expect(read).toEqual([a, a, b, b, a]);
    expect(a).not.toEqual(b);
    expect(await run(agent, task)).toEqual(read); // another workflow with the same plan
    expect([effects('a'), effects('b')]).toEqual([1, 1]);
    expect(paid.map((args) => args.length)).toEqual([1, 1]); // nothing of what the AI SDK tells a tool
  });

  it('tells its model of a conflict, and of what is not in the plan', async () => {
    const task = taskOf([asking('a', 'Pay')], [asking('a', 'Pay', 900), asking('c', 'This, too')]);
    const read = await run(agent, task);
    expect(read).toEqual([
      { id: expect.any(String), reference: expect.any(String) },
      {
        activityGuard: 'conflict',
        requestId: `plan:${task.plan.id}:pay:a`,
        message: expect.stringContaining('belongs to something else that was asked for before'),
      },
      { activityGuard: 'invalid', message: expect.stringContaining('nothing was done') },
    ]);
    expect(paid).toHaveLength(1);
  });

  it('tells its model of a refusal and of an unknown outcome, and does nothing when it tries again', async () => {
    const read = await run(
      agent,
      taskOf(
        [asking('declined', 'Pay'), asking('cut-off', 'Pay')],
        [asking('declined', 'Try again'), asking('cut-off', 'Try again')],
      ),
    );
    const refused = expect.stringMatching(
      /^Refused for good \(request id plan:.*:pay:declined\): the card was/,
    );
    const unknown = expect.stringMatching(/^It is unknown whether this happened/);
    const answers = [
      expect.objectContaining({ activityGuard: 'refused', message: refused }),
      expect.objectContaining({ activityGuard: 'unknown', message: unknown }),
    ];
    expect(read).toEqual([...answers, ...answers]);
    expect(effects('cut-off')).toBe(1);
  });

  it('asks its model again after a reset, and gets the same receipts', async () => {
    const [first, again] = await runTwice(
      agent,
      taskOf([asking('a', 'Please pay')], [asking('b', 'And this')]),
    );
    expect(again).toEqual(first);
    expect(paid).toHaveLength(2);
  });

  it('is cancelled while its tool is called', async () => {
    const error: unknown = await starting(agent, taskOf([asking('slow', 'Pay')]), async (handle) => {
      await until(() => effects('slow') === 1);
      await handle.cancel();
      const ended: unknown = await handle.result().catch((thrown: unknown) => thrown);
      gate.resolve();
      return ended;
    });
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
  });

  it.each([
    ['in other words', 'Once more'],
    ['in the same words', ''],
  ])('acts again without intents when its model asks again, %s', async (_how, note) => {
    await run(withoutIntents, taskOf([asking('a', note)], [asking('a', note)]));
    expect(effects('a')).toBe(2);
  });

  it('acts again without intents when it is reset, for its model words it anew', async () => {
    await runTwice(withoutIntents, taskOf([asking('a', 'Please pay')]));
    expect(effects('a')).toBe(2);
  });
});

describe('the AI SDK', () => {
  it('goes on when it is cancelled in its last step, and only the scope tells', async () => {
    const task = { ...taskOf([asking('slow', 'Pay')]), steps: 1 };
    const read = await starting(aiAgent, task, async (handle) => {
      await until(() => effects('slow') === 1);
      await handle.cancel();
      const ended: unknown = await handle.result();
      gate.resolve();
      return ended;
    });
    expect(read).toEqual({ isCancelled: true });
  });

  it('gives a bare activity the id of the tool call, too', async () => {
    await run(aiAgentWithBareActivity, taskOf([asking('a', 'Pay')]));
    expect(paid[0]?.[1]).toMatchObject({ toolCallId: expect.any(String), messages: expect.any(Array) });
  });

  it('calls the tool of an MCP server once for each intent, whichever plugin comes first', async () => {
    const bank = {
      tools: async () => ({
        pay: { inputSchema: jsonSchema({ type: 'object' }), execute: (input: Payment) => book(input) },
      }),
      close: async () => undefined,
    };
    const guard = new ActivityGuardPlugin({ receipts: here.receipts, guard: [/-callTool$/] });
    const ai = aiSdkPlugin({ bank: async () => bank as never });
    for (const inOrder of [
      [ai, guard],
      [guard, ai],
    ]) {
      paid.length = 0;
      const task = taskOf([asking('a', 'Pay')], [asking('a', 'Once more'), asking('a', 'Pay', 900)]);
      const read = await run(mcpAgent, task, { plugins: inOrder });
      const [a] = read as unknown[];
      expect(read).toEqual([a, a, expect.objectContaining({ activityGuard: 'conflict' })]);
      expect(paid).toHaveLength(1);
    }
  });
});
