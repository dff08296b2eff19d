/** `verify`: a signed receipt or checkpoint, without a database. */
import { verified } from '../operator';
import { command } from './definition';
import { fileText, publicKeyFrom, verifyingKey } from './files';
import { complain } from './terminal';
import { UsageError } from './usage-error';

export const verify = command({
  name: 'verify',
  summary: 'whether a signed receipt or checkpoint is as it was signed; without a database',
  more: 'Of the documents that show --key and audit sign --key print. With --json it prints what was signed: read that, not the file.',
  argument: { name: 'file', says: 'the document', isFile: true },
  options: verifyingKey,
  isAlone: true,
  examples: ['verify receipt.json --public-key public.pem'],
  check: ({ 'public-key': publicKey }) => {
    if (publicKey === undefined) throw new UsageError('verify takes --public-key');
  },
  run: async ({ print, given: { json } }, { 'public-key': publicKey = '' }, file) => {
    const found = verified(fileText(file, 'verify'), publicKeyFrom(publicKey));
    if ('why' in found) {
      if (json) await print(JSON.stringify({ verified: false, why: found.why }));
      else complain(`${file} proves nothing: ${found.why}`);
      return false;
    }
    const { document } = found;
    if (json) await print(JSON.stringify({ verified: true, document }));
    else
      await print(
        `${file} is as it was signed at ${document.signedAt} with key ${document.keyId}: ${document.type}`,
      );
    return true;
  },
});
