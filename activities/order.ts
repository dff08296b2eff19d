/** An order as the shop's checkout wrote it. Amounts are integers in the currency's minor unit. */
export interface Order {
  id: string;
  placedAt: string;
  customer: { name: string; email: string; country: string; locale: string };
  card: { token: string; country: string };
  currency: string;
  items: OrderItem[];
  shippingAmount: number;
  total: number;
  /** What the buyer wants written on a card in the parcel: somebody has to write it. */
  giftMessage?: string;
  /** 0 to 100, from the checkout's fraud scoring. */
  riskScore?: number;
  /** What the marketplace's sellers get of it. */
  payouts?: SellerPayout[];
}

export interface OrderItem {
  sku: string;
  name: string;
  quantity: number;
  unitAmount: number;
}

export interface SellerPayout {
  sellerId: string;
  sellerName: string;
  amount: number;
}

export const TICKET_REASONS = [
  'fraud-review',
  'address-mismatch',
  'gift-message',
  'payment-declined',
] as const;
export type TicketReason = (typeof TICKET_REASONS)[number];

/** What the agent can ask for. Facts (amounts, names) come from the order, never from the model. */
export type ToolCall =
  | { tool: 'chargeCard' }
  | { tool: 'openTicket'; reason: TicketReason }
  | { tool: 'bookPayout'; sellerId: string }
  | { tool: 'sendConfirmation' };
export type ToolName = ToolCall['tool'];

export const TOOL_NAMES = [
  'chargeCard',
  'openTicket',
  'bookPayout',
  'sendConfirmation',
] as const satisfies readonly ToolName[];

/** Names one intended effect of one order, the same for every repetition of the call. */
export function effectKey(orderId: string, call: ToolCall): string {
  switch (call.tool) {
    case 'openTicket':
      return `${call.tool}:${orderId}:${call.reason}`;
    case 'bookPayout':
      return `${call.tool}:${orderId}:${call.sellerId}`;
    case 'chargeCard':
    case 'sendConfirmation':
      return `${call.tool}:${orderId}`;
    default:
      return unreachable(call);
  }
}

/** The shop's policy for an order whose payment went through, in the order of execution. */
export function requiredCalls(order: Order): ToolCall[] {
  return [
    { tool: 'chargeCard' },
    ...ticketReasons(order).map((reason) => ({ tool: 'openTicket', reason }) as const),
    ...(order.payouts ?? []).map(({ sellerId }) => ({ tool: 'bookPayout', sellerId }) as const),
    { tool: 'sendConfirmation' },
  ];
}

/** The shop's policy for an order whose card was declined. */
export function callsAfterDecline(): ToolCall[] {
  return [{ tool: 'openTicket', reason: 'payment-declined' }];
}

function ticketReasons(order: Order): TicketReason[] {
  const reasons: TicketReason[] = [];
  if ((order.riskScore ?? 0) >= 80) reasons.push('fraud-review');
  if (order.card.country !== order.customer.country) reasons.push('address-mismatch');
  if (order.giftMessage !== undefined) reasons.push('gift-message');
  return reasons;
}

function unreachable(call: never): never {
  throw new TypeError(`not a tool call: ${JSON.stringify(call)}`);
}
