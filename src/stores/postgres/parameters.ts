/** Parameters as the statements take them. */
import type { ClaimRequest, FinalityTerms, Settlement } from '../../core';
import { claimTypes } from './claim-statements';
import type { Parameter } from './driver';

/** An array of uuids or names as Postgres reads it; neither needs quotes. */
export const arrayOf = (items: readonly string[]): string => `{${items.join(',')}}`;

export const termsText = (finality: FinalityTerms | undefined): string | null =>
  finality === undefined ? null : JSON.stringify(finality);

const special = /["\\]/;

/** An array as Postgres reads it, built without a list in between: this is done for every call. */
function listOf<T>(items: readonly T[], valueOf: (item: T) => Parameter): string {
  let text = '';
  for (const item of items) {
    const value = valueOf(item);
    text += text === '' ? '{' : ',';
    if (typeof value !== 'string') text += String(value);
    else text += `"${special.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
  }
  return `${text}}`;
}

type ClaimName = keyof typeof claimTypes;

/** The value of a claim that a statement asks for by name. */
function claimValue(request: ClaimRequest, name: ClaimName): Parameter {
  if (name === 'origin') return JSON.stringify(request.origin);
  if (name === 'finality') return termsText(request.finality);
  return request[name] ?? null;
}

const claimNames = Object.keys(claimTypes) as readonly ClaimName[];

/** The parameters of one claim. */
export const claimParameters = (namespace: string, request: ClaimRequest): Parameter[] => [
  namespace,
  ...claimNames.map((name) => claimValue(request, name)),
];

/** The parameters of many claims. */
export const claimLists = (namespace: string, requests: readonly ClaimRequest[]): Parameter[] => [
  namespace,
  ...claimNames.map((name) => listOf(requests, (request) => claimValue(request, name))),
];

/** A settlement with its claim. */
export type WholeSettlement = Settlement & { readonly claim: NonNullable<Settlement['claim']> };

/** The parameters of many settlements. Their outcomes are one text of bytes, and where each of them is in it. */
export function settlementLists(namespace: string, settlements: readonly WholeSettlement[]): Parameter[] {
  const list = (valueOf: (settlement: WholeSettlement) => Parameter): string => listOf(settlements, valueOf);
  let start = 1; // as SQL counts
  return [
    namespace,
    Buffer.concat(settlements.map(({ outcome }) => outcome.bytes)),
    ...claimNames.map((name) => list(({ claim }) => claimValue(claim, name))),
    list(({ state }) => state),
    list(({ epoch }) => epoch),
    list(({ claim }) => claim.claimedAt),
    list(({ outcome }) => outcome.format),
    list(({ outcome }) => (start += outcome.bytes.length) - outcome.bytes.length),
    list(({ outcome }) => outcome.bytes.length),
  ];
}
