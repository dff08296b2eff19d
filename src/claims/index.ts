/** Claims for effects that run elsewhere, which MCP and HTTP serve. */
export { claimFor, settleFor, statusOf, unknownReceipts } from './claims';
export type { ClaimReply, ClaimTerms, ReceiptSummary, SettleReply, Settling } from './claims';
