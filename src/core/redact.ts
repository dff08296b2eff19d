/** What of a payload is kept with its claim, for people: what `redact` gives of it, and nothing else. */
import type { EffectOptions } from './effect-options';
import { InvalidRequestError, nameOf } from './errors';
import { isWholeText } from './identify';
import type { Origin } from './receipt';

const [mostFields, mostCharacters] = [20, 200];
const fieldName = /^[\w.-]{1,50}$/;

/**
 * The fields as they are kept.
 * @throws InvalidRequestError saying what is wrong, never quoting what was given
 */
export function shownPayload<P>(
  action: string,
  redact: EffectOptions<P>['redact'],
  payload: P,
): Origin | undefined {
  if (redact === undefined) return undefined;
  const refuse = (why: string): InvalidRequestError =>
    new InvalidRequestError(`redact of ${action} ${why}. Nothing was run.`);
  if (typeof redact !== 'function') throw refuse('is not a function');
  let entries: [string, unknown][] | undefined;
  try {
    const given: unknown = redact(payload);
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
    // A promise has no fields yet.
    if (isObject && typeof (given as { then?: unknown }).then !== 'function') entries = Object.entries(given);
  } catch (error) {
    throw refuse(`threw ${nameOf(error)}`); // its message may quote the payload
  }
  if (!entries) throw refuse('gave no object');
  const fields = entries.filter(([, value]) => value !== undefined);
  if (fields.length > mostFields) throw refuse(`gave more than ${mostFields} fields`);
  return Object.fromEntries(
    fields.map(([name, value]) => {
      if (!fieldName.test(name))
        throw refuse('gave a field whose name is not 1 to 50 letters, digits, . _ -');
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
        throw refuse('gave a field that is no text, number or boolean');
      const text = String(value);
      if (text.length > mostCharacters || !isWholeText(text))
        throw refuse(`gave a field that is no text of up to ${mostCharacters} characters`);
      return [`payload.${name}`, text];
    }),
  );
}
