/** How request ids are found again in receipts: generations, keys, fingerprints. Frozen by a golden test, too. */
import { canonicalJson } from './canonical';
import { composeId, generationSuffix, hashRequestId, requestIdProblem, shortHash } from './request-id';
import { sha256Hex } from './sha256';

/** How an explicit id that came from a workflow is written: only its hash is known (headers stand in clear). */
export const hashedRequestId = (hash: string): string => `sha256:${hash}`;

/** An id as it is known, and what identifies it. */
export interface IdentifiedRequest {
  readonly requestId: string;
  readonly requestIdHash: string;
}

/**
 * The id of a later generation of an intent: an id of its own. Its hash comes from the first one's hash, so that who
 * knows only that finds it, too.
 */
export const generationId = (
  { requestId, requestIdHash }: IdentifiedRequest,
  generation: number,
): IdentifiedRequest => ({
  requestId: `${requestId}~g${generation}`,
  requestIdHash: sha256Hex(composeId([requestIdHash, `\0g${generation}`])), // no id holds a NUL
});

/** The id of what undoes an intent: one for each, whoever asks for it. */
export const compensationId = (undoneHash: string): string =>
  composeId(['compensate', hashedRequestId(undoneHash)]);

/** The id of the intent, whatever its generation. */
export const withoutGeneration = (text: string): string => text.replace(generationSuffix, '');

/** The hash of a request id as people write it: the id itself or its `sha256:…` form, with its generation. */
export function hashOfWrittenId(text: string): string {
  const generation = generationSuffix.exec(text)?.[1];
  if (generation !== undefined) {
    const requestId = withoutGeneration(text);
    const requestIdHash = hashOfWrittenId(requestId);
    if (generation === '1') return requestIdHash;
    return generationId({ requestId, requestIdHash }, Number(generation)).requestIdHash;
  }
  return /^sha256:([0-9a-f]{64})$/.exec(text)?.[1] ?? hashRequestId(text);
}

/** The primary key of a receipt, as a uuid: 128 bits of a hash over the guard's namespace and the id's hash. */
export function receiptKey(namespace: string, requestIdHash: string): string {
  const hash = shortHash(composeId([namespace, requestIdHash]));
  // Joined, not concatenated: that would keep all the pieces.
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20)].join(
    '-',
  );
}

/** Tells apart two payloads, or two actions, that claim one request id: SHA-256 in hexadecimal. */
export const fingerprintOf = (action: string, payload: unknown): string =>
  sha256Hex(canonicalJson([action, payload]));

/** The id of an activity that came without a header: the best there is, and it does not survive a workflow reset. */
export const fallbackRequestId = (parts: readonly string[]): string => {
  const id = composeId(['no-header', ...parts]);
  return requestIdProblem(id) === undefined ? id : composeId(['no-header', sha256Hex(id)]);
};

/** Where a derived id's call stands (its scope and action) and what it was called with; `undefined` for other ids. */
export function callSiteOf(
  derivedId: string,
): { readonly site: string; readonly argsHash: string } | undefined {
  const [, site, argsHash] = /^(.*)\/32:([0-9a-f]{32})\/\d:\d+$/s.exec(derivedId) ?? [];
  return site === undefined || argsHash === undefined ? undefined : { site, argsHash };
}
