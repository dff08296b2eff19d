import type { Decision, Message, Model } from './conversation';
import type { Order, ToolCall } from './order';
import { callsAfterDecline, requiredCalls } from './order';

/**
 * A model for machines without an API key. Which tool it calls follows from the conversation
 * alone; how it words its turn differs from call to call, as a real model's text does.
 */
export function scriptedModel(thinkMs = 20): Model {
  return {
    async decide(conversation) {
      await new Promise((resolve) => setTimeout(resolve, thinkMs));
      return nextTurn(conversation);
    },
  };
}

function nextTurn(conversation: readonly Message[]): Decision {
  const [first] = conversation;
  if (first?.role !== 'user') throw new TypeError('a conversation starts with the order');
  const done = conversation.filter((message) => message.role === 'tool');
  const declined = done.some(({ call, outcome }) => call.tool === 'chargeCard' && !outcome.ok);
  const plan: ToolCall[] = declined
    ? [{ tool: 'chargeCard' }, ...callsAfterDecline()]
    : requiredCalls(first.order);
  const call = plan[done.length];
  return call === undefined
    ? { type: 'done', text: `Order ${first.order.id} is ${declined ? 'with support' : 'fulfilled'}.` }
    : { type: 'call', text: thought(first.order, call), call };
}

function thought(order: Order, call: ToolCall): string {
  const openings = ['Next:', 'Now I should do this:', 'Going on with', `For ${order.customer.name}:`];
  const opening = openings[Math.floor(Math.random() * openings.length)] ?? '';
  return `${opening} ${call.tool} for ${order.id}.`;
}
