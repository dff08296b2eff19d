import { InvalidRequestError } from './errors';

/** A time span: a number of milliseconds, or a text such as `'500ms'`, `'30s'`, `'5m'`, `'2h'`, `'1 day'`. */
export type Duration = number | string;

const second = 1000;
const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: second,
  m: 60 * second,
  h: 3600 * second,
  d: 86400 * second,
  w: 604800 * second,
};
const longNames: Readonly<Record<string, string>> = {
  millisecond: 'ms',
  msec: 'ms',
  second: 's',
  sec: 's',
  minute: 'm',
  min: 'm',
  hour: 'h',
  hr: 'h',
  day: 'd',
  week: 'w',
};

/**
 * Milliseconds of a duration.
 * @throws InvalidRequestError naming the option when it is not a positive, finite duration.
 */
export function toMs(option: string, value: Duration): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value;
  } else if (typeof value === 'string') {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value);
    const unit = (match?.[2] ?? '').toLowerCase();
    const factor = unit === '' ? 1 : (units[unit] ?? units[longNames[unit.replace(/s$/, '')] ?? '']);
    if (match && factor !== undefined) return Number(match[1]) * factor;
  }
  throw new InvalidRequestError(
    `${option} is not a duration: give milliseconds as a number, or a text such as '30s' or '5m'`,
  );
}
