/** Files that options name, and the keys in them. */
import { readFileSync } from 'node:fs';

import { privateKeyIn, publicKeyIn } from '../operator';
import { text } from './definition';
import { UsageError } from './usage-error';

/** @throws UsageError without what is in the file */
export function fileText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${option}: the file cannot be read (${(error as { code?: string }).code})`);
  }
}

/** The key that signs. */
export const signingKey = {
  key: text('FILE', 'the Ed25519 private key that signs it (PKCS#8 PEM)', { isFile: true }),
};

/** The key that verifies. */
export const verifyingKey = {
  'public-key': text('FILE', 'the Ed25519 public key of who signed it (SPKI PEM)', { isFile: true }),
};

const keyIn =
  <T>(option: string, read: (pem: string) => T | undefined, kind: string, made: string) =>
  (file: string): T => {
    const key = read(fileText(file, option));
    if (!key) throw new UsageError(`${option}: the file holds no Ed25519 ${kind}, as \`${made}\` writes it`);
    return key;
  };

/** @throws UsageError for another kind of key */
export const privateKeyFrom = keyIn(
  '--key',
  privateKeyIn,
  'private key without a passphrase (PKCS#8 PEM)',
  'openssl genpkey -algorithm ed25519',
);

/** @throws UsageError for another kind of key, and for a private one */
export const publicKeyFrom = keyIn(
  '--public-key',
  publicKeyIn,
  'public key (SPKI PEM)',
  'openssl pkey -in key.pem -pubout',
);
