import { ApplicationFailure } from '@temporalio/activity';
import type { LanguageModel, ModelMessage, ToolSet } from 'ai';
import { APICallError, generateText } from 'ai';
import { z } from 'zod';
import type { Decision, Message, Model, ToolOutcome } from './conversation';
import type { ToolName } from './order';
import { TICKET_REASONS } from './order';

const INSTRUCTIONS = `You fulfil orders for an online shop. Use the tools, one call at a time.
1. chargeCard, always first.
2. If the card was declined: openTicket with reason payment-declined, then stop; nothing else.
3. openTicket once for each of these that holds: fraud-review if riskScore is 80 or more;
   address-mismatch if card.country differs from customer.country; gift-message if the order
   has a giftMessage.
4. bookPayout once for each entry of payouts.
5. sendConfirmation, last.
Never repeat a call that succeeded. When nothing is left to do, answer with one short sentence.`;

// The arguments are ids and enums only, so a differently worded turn is still the same call.
const toolArguments = {
  chargeCard: z.object({}),
  openTicket: z.object({ reason: z.enum(TICKET_REASONS) }),
  bookPayout: z.object({ sellerId: z.string() }),
  sendConfirmation: z.object({}),
} satisfies Record<ToolName, z.ZodType>;

const toolCall = z.discriminatedUnion('tool', [
  toolArguments.chargeCard.extend({ tool: z.literal('chargeCard') }),
  toolArguments.openTicket.extend({ tool: z.literal('openTicket') }),
  toolArguments.bookPayout.extend({ tool: z.literal('bookPayout') }),
  toolArguments.sendConfirmation.extend({ tool: z.literal('sendConfirmation') }),
]);

// No tool has an `execute`: the workflow carries the calls out, through guarded activities.
const tools: ToolSet = {
  chargeCard: { description: 'Charge the order total.', inputSchema: toolArguments.chargeCard },
  openTicket: {
    description: 'Ask a human to look at the order.',
    inputSchema: toolArguments.openTicket,
  },
  bookPayout: {
    description: 'Pay a marketplace seller of this order its share.',
    inputSchema: toolArguments.bookPayout,
  },
  sendConfirmation: {
    description: 'Send the customer the confirmation e-mail.',
    inputSchema: toolArguments.sendConfirmation,
  },
} satisfies Record<ToolName, unknown>;

/** The agent's turn by a real model, through the AI SDK. */
export function aiModel(model: LanguageModel): Model {
  return {
    async decide(conversation) {
      try {
        return await askModel(model, conversation);
      } catch (error) {
        // A wrong key or an unknown model does not get better by asking again.
        if (APICallError.isInstance(error) && !error.isRetryable) {
          throw ApplicationFailure.nonRetryable(`the model refused: ${error.message}`, error.name);
        }
        throw error;
      }
    },
  };
}

async function askModel(model: LanguageModel, conversation: readonly Message[]): Promise<Decision> {
  const answer = await generateText({
    model,
    tools,
    system: INSTRUCTIONS,
    messages: conversation.flatMap(toModelMessage),
  });
  // Models like to call several tools at once; the workflow takes one at a time, and the rest
  // comes again on the next turn.
  const [first] = answer.toolCalls;
  if (first === undefined) return { type: 'done', text: answer.text };
  // A call that does not fit its tool throws, and Temporal asks the model again.
  const call = toolCall.parse({ ...(first.input as object), tool: first.toolName });
  return { type: 'call', text: answer.text, call };
}

/** Call ids are positions, so that the same conversation always gives the same prompt. */
function toModelMessage(message: Message, position: number): ModelMessage[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: JSON.stringify(message.order) }];
    case 'assistant': {
      const { tool: toolName, ...input } = message.call;
      const call = { type: 'tool-call', toolCallId: `call-${position}`, toolName, input } as const;
      const text = message.text === '' ? [] : [{ type: 'text', text: message.text } as const];
      return [{ role: 'assistant', content: [...text, call] }];
    }
    case 'tool': {
      const { tool: toolName } = message.call;
      const toolCallId = `call-${position - 1}`;
      const output = toOutput(message.outcome);
      return [{ role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output }] }];
    }
  }
}

function toOutput(outcome: ToolOutcome) {
  return outcome.ok
    ? ({ type: 'json', value: outcome.result } as const)
    : ({ type: 'error-text', value: outcome.error } as const);
}
