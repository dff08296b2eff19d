import fc from 'fast-check';

import { InvalidRequestError, toMs } from '../../src/core';

describe('a duration', () => {
  it.each([
    [0, 0],
    [1.5, 1.5],
    ['250', 250],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5 m', 90_000],
    [' 2 hours ', 7_200_000],
    ['1 DAY', 86_400_000],
    ['2w', 1_209_600_000],
    ['3 mins', 180_000],
    ['10 secs', 10_000],
    ['7 msecs', 7],
    ['1 hr', 3_600_000],
  ])('%p is %p ms', (text, ms) => {
    expect(toMs('leaseFor', text)).toBe(ms);
  });

  it.each([
    ...['', ' ', 's', '-1s', '+1s', '1 fortnight', '1s 500ms', '1e3', '0x10', 'Infinity', '1,5s', '٣s'],
    ...[-1, Number.NaN, Infinity, -Infinity],
    ...[null, undefined, true, 10n, {}, []],
  ])('%p is refused, and the option is named', (value) => {
    expect(() => toMs('leaseFor', value as never)).toThrow(InvalidRequestError);
    expect(() => toMs('leaseFor', value as never)).toThrow(/^leaseFor is not a duration/);
  });

  // A NaN or an infinite lease would never end, or end at once.
  it.each([
    ['a unit that is none', '5 constructor'],
    ['more than a number can hold', `${'9'.repeat(400)}s`],
  ])('is refused when it is %s', (_name, text) => {
    expect(() => toMs('leaseFor', text)).toThrow(InvalidRequestError);
  });

  it('is a finite number that is not negative, whatever the text', () => {
    const unit = fc.oneof(
      fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w', 'minutes', 'constructor'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.oneof(fc.nat(), fc.double()), unit, (amount, of) => {
        let ms = 0;
        try {
          ms = toMs('x', `${amount}${of}`);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
        }
        expect(Number.isFinite(ms) && ms >= 0).toBe(true);
      }),
      { examples: [[5, 'constructor']] },
    );
  });
});
