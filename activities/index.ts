import { heartbeat } from '@temporalio/activity';
import { committed, notCommitted, RejectedError } from 'activity-guard';
import * as guard from 'activity-guard/activity';
import { confirmationMail } from './confirmation';
import type { Decision, Message, Model, ToolResult } from './conversation';
import { HttpError } from './http-client';
import { messageIdOf } from './mailer';
import type { Mailer, SentMail } from './mailer';
import type { Order } from './order';
import type { Charge, NewCharge, NewPayout, Payments, Payout } from './payments';
import type { NewTicket, Ticket, TicketDesk } from './ticket-desk';

export interface ActivityDependencies {
  model: Model;
  payments: Payments;
  tickets: TicketDesk;
  mailer: Mailer;
}

/** What `activity-guard/activity` exports. Only the demo's unguarded run replaces it. */
export interface Guarding {
  guarded: typeof guard.guarded;
  requestId: () => string | undefined;
}

export type Activities = ReturnType<typeof createActivities>;

/**
 * The agent's activities. The four irreversible ones are guarded, each with a probe that asks the
 * provider what became of a request; the model's turn is not, because it changes nothing.
 */
export function createActivities(
  { model, payments, tickets, mailer }: ActivityDependencies,
  { guarded, requestId }: Guarding = guard,
) {
  return {
    decide: (conversation: Message[]): Promise<Decision> => withHeartbeat(() => model.decide(conversation)),

    chargeCard: guarded(
      {
        onUnknown: async ({ requestId }) => {
          const charge = await payments.findCharge(requestId);
          return charge ? committed(chargeResult(charge)) : notCommitted();
        },
      },
      async (charge: NewCharge): Promise<ToolResult> => {
        try {
          return chargeResult(await payments.charge(charge, { reference: requestId() }));
        } catch (error) {
          throw isDecline(error) ? declined() : error;
        }
      },
    ),

    openTicket: guarded(
      {
        onUnknown: async ({ requestId }) => {
          const ticket = await tickets.find(requestId);
          return ticket ? committed(ticketResult(ticket)) : notCommitted();
        },
      },
      async (ticket: NewTicket): Promise<ToolResult> =>
        ticketResult(await tickets.open(ticket, { reference: requestId() })),
    ),

    bookPayout: guarded(
      {
        onUnknown: async ({ requestId }) => {
          const payout = await payments.findPayout(requestId);
          return payout ? committed(payoutResult(payout)) : notCommitted();
        },
      },
      async (payout: NewPayout): Promise<ToolResult> =>
        payoutResult(await payments.payOut(payout, { reference: requestId() })),
    ),

    sendConfirmation: guarded(
      {
        onUnknown: async ({ requestId }) => {
          const mail = await mailer.find(messageIdOf(requestId));
          return mail ? committed(mailResult(mail)) : notCommitted();
        },
      },
      async ({ order }: { orderId: string; order: Order }): Promise<ToolResult> => {
        const id = requestId();
        const messageId = id === undefined ? undefined : messageIdOf(id);
        return mailResult(await mailer.send(confirmationMail(order), { messageId }));
      },
    ),
  };
}

/** A model may think for minutes; heartbeats let Temporal notice within seconds that it died. */
async function withHeartbeat<T>(run: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => heartbeat(), 1_000);
  try {
    return await run();
  } finally {
    clearInterval(timer);
  }
}

/** The provider said no and charged nothing: final, unlike a time-out or a 500. */
function isDecline(error: unknown): boolean {
  return error instanceof HttpError && error.status === 402;
}

const declined = () => new RejectedError('the card was declined', { type: 'CardDeclined' });

const chargeResult = ({ id, amount, currency }: Charge): ToolResult => ({ id, amount, currency });
const payoutResult = ({ id, seller, amount }: Payout): ToolResult => ({ id, seller, amount });
const ticketResult = ({ id, reason }: Ticket): ToolResult => ({ id, reason });
const mailResult = ({ messageId }: SentMail): ToolResult => ({ id: messageId });
