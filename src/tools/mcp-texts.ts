/** What a model reads of its claims: what it may do now, and what it must not. */
import { textOf } from './answers';
import type { ClaimReply, ReceiptSummary, RenewReply, SettleReply } from '../claims';

/** The answer to a claim in words. */
export function textOfClaim(reply: ClaimReply): string {
  const { status, requestId } = reply;
  switch (status) {
    case 'PROCEED':
      return (
        `PROCEED: the claim is yours, request id ${requestId}, token ${reply.token}. Do it now, exactly once, and hand the request id to the provider as its idempotency key, if it takes one. ` +
        `Then call settle with this request id and token, within ${Math.floor(reply.leaseMs / 1000)} seconds: committed with the result; rejected if the provider finally said no; not-committed only if it surely did not happen. ` +
        'If you are not sure what became of it, settle it as unknown, and do not do it again: tell the user that somebody has to find out.'
      );
    case 'SKIP':
      return `SKIP: ${skipped(reply)}`;
    case 'IN_FLIGHT':
      return `IN_FLIGHT: ${textOf({ status: 'in-flight', requestId, code: 'InFlight' })}`;
    case 'UNKNOWN':
      return `UNKNOWN: ${textOf({ status: 'unknown', requestId, code: 'OutcomeUnknown' })}`;
    case 'CONFLICT':
      return `CONFLICT: ${textOf({ status: 'conflict', requestId, code: reply.code })}`;
    default:
      return status satisfies never;
  }
}

function skipped(reply: ClaimReply & { readonly status: 'SKIP' }): string {
  const { requestId } = reply;
  if (reply.state === 'rejected')
    return textOf({ status: 'refused', requestId, replayed: true, error: reply.error });
  const result = reply.resultUnavailable
    ? 'Its result is not kept here: look it up at the provider.'
    : reply.result;
  return textOf({ status: 'done', requestId, replayed: true, result });
}

/** The answer to a settlement in words. */
export function textOfSettled(reply: SettleReply): string {
  const { status, requestId } = reply;
  switch (status) {
    case 'SETTLED':
      if (reply.state === 'unknown')
        return `SETTLED: unknown (request id ${requestId}). Nobody does it again; tell the user that somebody has to find out first.`;
      return reply.state === 'released'
        ? `SETTLED: it did not happen (request id ${requestId}). It may be claimed again.`
        : `SETTLED: ${reply.state} (request id ${requestId}). Every later claim is told so; do not do it again.`;
    case 'UNKNOWN':
      return `UNKNOWN: that came too late to count, or an earlier attempt may have done it (request id ${requestId}). Do not do it again: tell the user that somebody has to find out first.`;
    case 'LATE':
      return `LATE: meanwhile request id ${requestId} is ${reply.state} by somebody else's word, or an earlier one of yours. That stays; do not do it again, and tell the user.`;
    case 'NOT_HELD':
      return notHeld(requestId);
    default:
      return status satisfies never;
  }
}

/** The answer to a renewal in words. */
export function textOfRenewed(reply: RenewReply): string {
  const { status, requestId } = reply;
  switch (status) {
    case 'RENEWED':
      return `RENEWED: the claim stands for ${Math.floor(reply.leaseMs / 1000)} seconds from now (request id ${requestId}). Settle it within that time.`;
    case 'UNKNOWN':
      return `UNKNOWN: the lease was over (request id ${requestId}). Stop what can still be stopped, and do not do it again. If it surely happened, settle it as committed; if not, tell the user that somebody has to find out.`;
    case 'LATE':
      return `LATE: meanwhile request id ${requestId} is ${reply.state}, by somebody else's word or an earlier one of yours. Stop what can still be stopped, and tell the user.`;
    case 'NOT_HELD':
      return notHeld(requestId);
    default:
      return status satisfies never;
  }
}

const notHeld = (requestId: string): string =>
  `NOT_HELD: this token holds no claim on request id ${requestId}. Nothing was written. Use the request id and the token that claim answered.`;

/** What is known of a request id, in words. */
export const textOfStatus = ({ requestId, action, state, contested }: ReceiptSummary): string =>
  `${action} is ${contested ? 'contested: sources contradict each other, and a person has to decide' : state} (request id ${requestId}).`;

/** A list of what nobody knows, in words. */
export const textOfUnknown = (receipts: readonly ReceiptSummary[]): string =>
  receipts.length === 0
    ? 'No outcome is unknown.'
    : `Nobody knows whether these happened. Do not do them again; tell the user that somebody has to find out:\n${receipts
        .map(
          ({ claimedAt, action, requestId }) =>
            `- ${action}, request id ${requestId}, claimed at ${claimedAt}`,
        )
        .join('\n')}`;
