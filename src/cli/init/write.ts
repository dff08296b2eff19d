/** Writes all files or none. */
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { Refusal } from './compiler';
import { after, type Change } from './diff';

const byteOrderMark = '\ufeff';

/** Without the mark that may stand first, as the compiler counts. */
const plain = (text: string): string => (text.startsWith(byteOrderMark) ? text.slice(1) : text);

/** @throws Refusal where the file must not be written, or is not as it was read */
function checkWritable({ path, before }: Change): { readonly bytes: Buffer; readonly mode: number } {
  const stat = lstatSync(path);
  const { mode } = stat;
  if (!stat.isFile()) throw new Refusal(`${path} is a link, which would be replaced by a file.`);
  // A file is replaced, for which the permission of its folder would be enough.
  if ((mode & 0o222) === 0) throw new Refusal(`${path} is read-only.`);
  const bytes = readFileSync(path);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new Refusal(`${path} is not UTF-8.`);
  if (plain(text) !== before) throw new Refusal(`${path} has been changed meanwhile.`);
  return { bytes, mode };
}

/**
 * Each file is written beside its place and put there by a rename; what fails takes all back.
 * @throws Refusal before anything is written
 */
export function writeAll(changes: readonly Change[]): void {
  const files = changes.map((change) => {
    const { bytes, mode } = checkWritable(change);
    const mark = bytes.toString('utf8').startsWith(byteOrderMark) ? byteOrderMark : '';
    const { path } = change;
    const beside = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    return { path, beside, bytes, mode, text: mark + after(change) };
  });
  const renamed: typeof files = [];
  try {
    for (const { beside, text, mode } of files) writeFileSync(beside, text, { mode, flag: 'wx' });
    for (const file of files) {
      renameSync(file.beside, file.path);
      renamed.push(file);
    }
  } catch (error) {
    for (const { path, bytes } of renamed) writeFileSync(path, bytes);
    throw error;
  } finally {
    for (const { beside } of files) rmSync(beside, { force: true });
  }
}
