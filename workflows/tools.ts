import { ActivityFailure, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ToolOutcome, ToolResult } from '../activities/conversation';
import type { Order, ToolCall } from '../activities/order';

const { chargeCard, openTicket, bookPayout, sendConfirmation } = proxyActivities<Activities>({
  // The providers answer within a second, so a call that takes four has lost its worker.
  startToCloseTimeout: '4s',
  retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumInterval: '3s' },
});

/** Carries out what the model asked for, with the facts of the order and not the model's. */
export async function runTool(order: Order, call: ToolCall): Promise<ToolOutcome> {
  if (call.tool === 'bookPayout' && payoutTo(order, call.sellerId) === undefined) {
    return { ok: false, error: `order ${order.id} owes nothing to seller ${call.sellerId}` };
  }
  try {
    return { ok: true, result: await execute(order, call) };
  } catch (error) {
    // A decline is an answer that the model can act on; anything else fails the workflow.
    if (isDecline(error)) return { ok: false, error: error.cause.message };
    throw error;
  }
}

async function execute(order: Order, call: ToolCall): Promise<ToolResult> {
  const { id: orderId, currency } = order;
  switch (call.tool) {
    case 'chargeCard':
      return chargeCard({ orderId, amount: order.total, currency, cardToken: order.card.token });
    case 'openTicket': {
      const subject = `${call.reason}: ${orderId}, ${order.customer.name}`;
      return openTicket({ orderId, reason: call.reason, subject });
    }
    case 'bookPayout': {
      const { sellerId } = call;
      const amount = payoutTo(order, sellerId)?.amount ?? 0;
      return bookPayout({ orderId, sellerId, amount, currency });
    }
    case 'sendConfirmation':
      return sendConfirmation({ orderId, order });
  }
}

function payoutTo(order: Order, sellerId: string) {
  return order.payouts?.find((payout) => payout.sellerId === sellerId);
}

function isDecline(error: unknown): error is ActivityFailure & { cause: ApplicationFailure } {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'CardDeclined'
  );
}
