/** Claims for effects that run elsewhere, which MCP and HTTP serve. */
export { claimFor, type ClaimReply, type ClaimTerms } from './claims';
export {
  outcomes,
  renewFor,
  settleFor,
  type RenewReply,
  type Renewing,
  type SettleReply,
  type Settling,
} from './holding';
export { statusOf, unknownReceipts, type ReceiptSummary } from './reading';
