import type { ToolName } from '../../activities/order';
import type { EffectKind } from '../moments';

/** What the providers call what the agent's tools do. */
export const KIND_OF_TOOL: Readonly<Record<ToolName, EffectKind>> = {
  chargeCard: 'charge',
  openTicket: 'ticket',
  bookPayout: 'payout',
  sendConfirmation: 'mail',
};

/** An effect as its provider's ledger has it, named as `effectKey` names the intent. */
export interface Effect {
  tool: ToolName;
  orderId: string;
  key: string;
}
