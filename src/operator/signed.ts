/** Documents that are signed with an Ed25519 key, and verified with the public one alone. */
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

import { canonicalJson } from '../ids';
import { systemClock } from '../system-clock';
import { printable } from './printable';

/** What may be signed. */
export type DocumentType = 'activity-guard/receipt' | 'activity-guard/audit-checkpoint';

/** What somebody signs. */
export type Unsigned = Readonly<Record<string, unknown>> & { readonly type: DocumentType };

/** A document whose signature holds. */
type Verified = Unsigned & { readonly signedAt: string; readonly keyId: string };

/** A document that proves something, or why it does not. */
type Verification = { readonly document: Verified } | { readonly why: string };

const ed25519 = (key: KeyObject): KeyObject | undefined =>
  key.asymmetricKeyType === 'ed25519' ? key : undefined;

/** @returns `undefined` for what is no Ed25519 private key without a passphrase */
export function privateKeyIn(pem: string): KeyObject | undefined {
  try {
    return ed25519(createPrivateKey(pem));
  } catch {
    return undefined; // its message could quote the key
  }
}

/** @returns `undefined` for what is no Ed25519 public key; of a private one, Node would make one */
export function publicKeyIn(pem: string): KeyObject | undefined {
  try {
    return pem.includes('PRIVATE KEY') ? undefined : ed25519(createPublicKey(pem));
  } catch {
    return undefined;
  }
}

/** SHA-256 of the public key, in hexadecimal. */
const idOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** Over the canonical JSON (RFC 8785) of all but the signature. */
const signedBytes = (document: object): Buffer => Buffer.from(canonicalJson(document));

/** The text of a signed document. */
export function signed(document: Unsigned, privateKey: KeyObject): string {
  const whole = {
    ...document,
    signedAt: new Date(systemClock.wall()).toISOString(),
    keyId: idOf(createPublicKey(privateKey)),
  };
  const signature = sign(null, signedBytes(whole), privateKey).toString('base64');
  return textOf({ ...whole, signature });
}

/** As it is printed. */
const textOf = (document: unknown): string => printable(canonicalJson(document));

/** Reads a signed document. */
export function verified(text: string, publicKey: KeyObject): Verification {
  const parsed = objectIn(text);
  if (!parsed || typeof parsed['signature'] !== 'string') return { why: 'it is no signed document' };
  // Two fields of one name: one program could read the one that was signed, and another the other.
  if (textOf(parsed) !== text.trim())
    return { why: 'it is not written as it was signed; verify it as it was printed' };
  const { signature, ...document } = parsed as Record<string, unknown> & { signature: string };
  if (document['keyId'] !== idOf(publicKey))
    return { why: `it was signed with another key (${String(document['keyId'])})` };
  const isSigned = verify(null, signedBytes(document), publicKey, Buffer.from(signature, 'base64'));
  return isSigned
    ? { document: document as Verified }
    : { why: 'it was altered: the signature does not hold' };
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
