/** The intent that a message in JSON names. */
import { build, type Spec } from './arbitraries';
import { jsonForm } from './checks';

/** What is no text becomes one on its way, such as a date: two of them name one intent. */
export function sentIntent(id: Spec): string | undefined {
  const sent = (jsonForm(build(id)) as { json: unknown } | undefined)?.json;
  return typeof sent === 'string' ? sent.normalize('NFC') : undefined;
}
