import { ApplicationFailure, log, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { Message, ToolOutcome } from '../activities/conversation';
import type { Order } from '../activities/order';
import { effectKey } from '../activities/order';
import { runTool } from './tools';

const { decide } = proxyActivities<Activities>({
  startToCloseTimeout: '2m',
  // The model may take its time; that its worker died shows within seconds.
  heartbeatTimeout: '3s',
  retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumInterval: '3s' },
});

/** An order takes four or five turns: a model that needs more is going in circles. */
const MAX_TURNS = 12;

export interface AgentOutcome {
  orderId: string;
  summary: string;
  /** Names of the effects that the agent asked for and got. */
  effects: string[];
}

/** Works through one order: the model decides what comes next, the workflow carries it out. */
export async function orderAgent(order: Order): Promise<AgentOutcome> {
  const conversation: Message[] = [{ role: 'user', order }];
  const outcomes = new Map<string, ToolOutcome>();
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const decision = await decide(conversation);
    if (decision.type === 'done') {
      const effects = [...outcomes].filter(([, outcome]) => outcome.ok).map(([key]) => key);
      return { orderId: order.id, summary: decision.text, effects };
    }
    const { text, call } = decision;
    const key = effectKey(order.id, call);
    // A model that repeats itself is told what came of it the first time.
    const outcome = outcomes.get(key) ?? (await runTool(order, call));
    outcomes.set(key, outcome);
    log.debug('tool called', { tool: call.tool, ok: outcome.ok });
    conversation.push({ role: 'assistant', text, call }, { role: 'tool', call, outcome });
  }
  throw ApplicationFailure.nonRetryable(
    `the agent did not finish order ${order.id} in ${MAX_TURNS} turns`,
    'TooManyTurns',
  );
}
