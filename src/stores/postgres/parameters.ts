/** Parameters as the statements take them. */
import type { ClaimRequest, FinalityTerms, Origin, Settlement, TakeOverRequest } from '../../core';
import { claimTypes } from './claim-statements';
import type { Parameter } from './driver';

/** An array of uuids or names as Postgres reads it; neither needs quotes. */
export const arrayOf = (items: readonly string[]): string => `{${items.join(',')}}`;

const termsText = (finality: FinalityTerms | undefined): string | null =>
  finality === undefined ? null : JSON.stringify(finality);

/** What `jsonb` refuses. Names of workflows, workers and clients come from elsewhere, and must not keep a claim from being made. */
const [unkept, mayBeUnkept] = [/\0|\p{Surrogate}/gu, /\\u(0000|d[89a-f])/];

/** Where a claim came from, as it is kept. */
function originText(origin: Origin): string {
  const text = JSON.stringify(origin);
  if (!mayBeUnkept.test(text)) return text;
  const clean = (value: string): string => value.replace(unkept, '\ufffd');
  return JSON.stringify(
    Object.fromEntries(Object.entries(origin).map(([name, value]) => [clean(name), clean(value)])),
  );
}

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
  if (name === 'origin') return originText(request.origin);
  if (name === 'finality') return termsText(request.finality);
  return request[name] ?? null;
}

const claimNames = Object.keys(claimTypes) as readonly ClaimName[];

/** The parameters of one claim. */
export const claimParameters = (namespace: string, request: ClaimRequest): Parameter[] => [
  namespace,
  ...claimNames.map((name) => claimValue(request, name)),
];

const retaken: readonly ClaimName[] = [
  'token',
  'policy',
  'leaseMs',
  'origin',
  'transactional',
  'graceMs',
  'retainMs',
  'finality',
];

/** The parameters of a claim in the place of another one. */
export const takeOverParameters = (request: TakeOverRequest): Parameter[] => [
  request.key,
  request.epoch,
  request.fromUnknown,
  ...retaken.map((name) => claimValue(request, name)),
];

/** The parameters of many claims. */
export const claimLists = (namespace: string, requests: readonly ClaimRequest[]): Parameter[] => [
  namespace,
  ...claimNames.map((name) => listOf(requests, (request) => claimValue(request, name))),
];

/** A settlement with its claim. */
export type WholeSettlement = Settlement & { readonly claim: NonNullable<Settlement['claim']> };

/** The parameters of many settlements. Their outcomes are one text of bytes, and where each of them is in it. */
export function settlementLists(settlements: readonly WholeSettlement[]): Parameter[] {
  let start = 1; // as SQL counts
  return [
    Buffer.concat(settlements.map(({ outcome }) => outcome.bytes)),
    arrayOf(settlements.map(({ key }) => key)),
    arrayOf(settlements.map(({ token }) => token)),
    arrayOf(settlements.map(({ state }) => state)),
    listOf(settlements, ({ outcome }) => outcome.format),
    listOf(settlements, ({ outcome }) => (start += outcome.bytes.length) - outcome.bytes.length),
    listOf(settlements, ({ outcome }) => outcome.bytes.length),
  ];
}

/** The parameters of a settlement with all that its claim said. */
export const wholeSettlementParameters = (
  namespace: string,
  { claim, state, epoch, outcome }: WholeSettlement,
): Parameter[] => [
  ...claimParameters(namespace, claim.request),
  claim.claimedAt,
  epoch,
  state,
  outcome.format,
  outcome.bytes,
];
