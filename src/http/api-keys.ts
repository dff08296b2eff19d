/** API keys: each opens one namespace. Only their hashes are kept in memory, and none is ever printed. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Something is wrong with the keys; the message says where, never what stands there. */
export class ApiKeyError extends Error {}

const leastCharacters = 16;

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Knows which namespace a key opens. */
export class ApiKeys {
  // Really private: who prints the keys prints not even their hashes.
  readonly #keys: readonly { readonly hash: Buffer; readonly namespace: string }[];

  /**
   * @param text a line for each key, `<namespace> <key>`; empty lines and those that begin with `#` are left out
   * @throws ApiKeyError where a line is something else
   */
  constructor(text: string) {
    const lines = text.split(/\r?\n/).map((line, index) => ({ line: line.trim(), number: index + 1 }));
    const given = lines.filter(({ line }) => line !== '' && !line.startsWith('#'));
    this.#keys = given.map(({ line, number }) => {
      const [namespace, key, ...rest] = line.split(/\s+/);
      if (namespace === undefined || key === undefined || rest.length > 0)
        throw new ApiKeyError(`line ${number} of the API keys is not: <namespace> <key>`);
      if (key.length < leastCharacters)
        throw new ApiKeyError(
          `the key in line ${number} of the API keys has less than ${leastCharacters} characters`,
        );
      return { hash: hashOf(key), namespace };
    });
    if (this.#keys.length === 0) throw new ApiKeyError('there is no API key');
    if (new Set(this.#keys.map(({ hash }) => hash.toString('hex'))).size < this.#keys.length)
      throw new ApiKeyError('an API key is given twice: it can open one namespace only');
  }

  /** All of them, each once. */
  get namespaces(): readonly string[] {
    return [...new Set(this.#keys.map(({ namespace }) => namespace))];
  }

  /** The namespace of a key; takes the same time whichever it is, and whether it is one. */
  namespaceOf(presented: string): string | undefined {
    const hash = hashOf(presented);
    let found: string | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key.namespace;
    return found;
  }
}
