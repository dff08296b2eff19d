import { InvalidRequestError } from './errors';

/** A time span: a number of milliseconds, or a text such as `'500ms'`, `'30s'`, `'5m'`, `'2h'`, `'1 day'`. */
export type Duration = number | string;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const units: readonly (readonly [RegExp, number])[] = [
  [/^(|ms|msecs?|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, second],
  [/^(m|mins?|minutes?)$/, minute],
  [/^(h|hrs?|hours?)$/, hour],
  [/^(d|days?)$/, day],
  [/^(w|weeks?)$/, 7 * day],
];

/** A thousand years. Beyond that databases have no times, and none was meant. */
const longestMs = 1000 * 365 * day;

/** Longer texts are none; what looks through them takes ever longer. */
const mostCharacters = 50;

/**
 * Milliseconds of a duration.
 * @throws InvalidRequestError naming the option when it is no duration, or longer than a thousand years
 */
export function toMs(option: string, value: Duration): number {
  const ms = typeof value === 'string' ? parse(value) : value;
  if (typeof ms === 'number' && ms >= 0 && ms <= longestMs) return ms;
  throw new InvalidRequestError(
    `${option} is not a duration: give milliseconds as a number, or a text such as '30s' or '5m'`,
  );
}

function parse(text: string): number | undefined {
  if (text.length > mostCharacters) return undefined;
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units.find(([names]) => names.test(unit.toLowerCase()))?.[1];
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}

/** A time span for people, rounded. */
export function spoken(ms: number): string {
  if (ms < 2 * minute) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 2 * hour) return `${Math.round(ms / minute)} min`;
  return ms < 3 * day ? `${Math.round(ms / hour)} h` : `${Math.round(ms / day)} d`;
}
