/** Parameters as the statements take them. */
import type { ClaimRequest, FinalityTerms, Settlement } from '../../core';
import { claimTypes } from './claim-statements';
import type { Parameter } from './driver';
import { settledNames } from './outcome-statements';

/** An array of uuids or names as Postgres reads it; neither needs quotes. */
export const arrayOf = (items: readonly string[]): string => `{${items.join(',')}}`;

export const termsText = (finality: FinalityTerms | undefined): string | null =>
  finality === undefined ? null : JSON.stringify(finality);

/** An array of any texts as Postgres reads it. */
const textsOf = (items: readonly (string | number | boolean | null)[]): string =>
  `{${items.map((item) => (item === null ? 'null' : `"${String(item).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

/** What a claim stores, by the names that its statements have for it. */
function claimValues(request: ClaimRequest) {
  const { key, requestId, action, fingerprint, policy, token, transactional, graceMs, leaseMs } = request;
  return {
    ...{ key, requestId, action, fingerprint, policy, token, transactional, graceMs, leaseMs },
    origin: JSON.stringify(request.origin),
    retainMs: request.retainMs ?? null,
    finality: termsText(request.finality),
  };
}

const claimNames = Object.keys(claimTypes) as readonly (keyof typeof claimTypes)[];

/** The parameters of one claim. */
export function claimParameters(namespace: string, request: ClaimRequest): Parameter[] {
  const values = claimValues(request);
  return [namespace, ...claimNames.map((name) => values[name])];
}

/** The parameters of many claims. */
export function claimLists(namespace: string, requests: readonly ClaimRequest[]): Parameter[] {
  const all = requests.map(claimValues);
  return [namespace, ...claimNames.map((name) => textsOf(all.map((values) => values[name])))];
}

/** A settlement with its claim. */
export type WholeSettlement = Settlement & { readonly claim: NonNullable<Settlement['claim']> };

/** The parameters of many settlements. */
export function settlementLists(namespace: string, settlements: readonly WholeSettlement[]): Parameter[] {
  let start = 1; // as SQL counts
  const all = settlements.map(({ claim, state, epoch, outcome: { format, bytes } }) => {
    const values = {
      ...claimValues(claim),
      state,
      epoch,
      claimedAt: claim.claimedAt,
      format,
      start,
      length: bytes.length,
    };
    start += bytes.length;
    return values;
  });
  const outcomes = Buffer.concat(settlements.map(({ outcome }) => outcome.bytes));
  return [namespace, outcomes, ...settledNames.map((name) => textsOf(all.map((values) => values[name])))];
}
