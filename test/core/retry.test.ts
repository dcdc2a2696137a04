import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nextAttemptDelaySeconds,
  nextAttemptSeconds,
  RETRY_DELAYS_SECONDS,
  readRetryAfter,
} from '../../src/core/retry.ts';

const attempts = RETRY_DELAYS_SECONDS.length;
const random = () => fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** Every wait of a callback that never succeeds, until it is given up. */
function waits(randoms: readonly number[]): number[] {
  const seen: number[] = [];
  for (let made = 0; ; made += 1) {
    const delay = nextAttemptDelaySeconds(made, randoms[made] ?? 0);
    if (delay === null) return seen;
    seen.push(delay);
  }
}

describe('the retry schedule of callbacks', () => {
  it('tries over at least 72 hours and under 96, whatever the jitter', () => {
    fc.assert(
      fc.property(fc.array(random(), { minLength: attempts, maxLength: attempts }), (randoms) => {
        const hours = waits(randoms).reduce((sum, delay) => sum + delay, 0) / 3600;
        expect(hours).toBeGreaterThanOrEqual(72);
        expect(hours).toBeLessThan(96);
      }),
    );
  });

  it('makes the first attempt at once, and eleven in all', () => {
    fc.assert(
      fc.property(fc.array(random(), { minLength: attempts, maxLength: attempts }), (randoms) => {
        const seen = waits(randoms);
        expect(seen).toHaveLength(11);
        expect(seen[0]).toBe(0);
      }),
    );
  });

  it('waits longer from attempt to attempt', () => {
    expect([...RETRY_DELAYS_SECONDS].sort((one, other) => one - other)).toEqual([...RETRY_DELAYS_SECONDS]);
    expect(new Set(RETRY_DELAYS_SECONDS).size).toBe(attempts);
  });

  it('spreads each wait over its own length and a fifth more', () => {
    fc.assert(
      fc.property(fc.nat({ max: attempts - 1 }), random(), (made, value) => {
        const base = RETRY_DELAYS_SECONDS[made] ?? Number.NaN;
        const delay = nextAttemptDelaySeconds(made, value);
        expect(delay).toBeGreaterThanOrEqual(base);
        expect(delay).toBeLessThanOrEqual(base * 1.2);
      }),
    );
    expect(nextAttemptDelaySeconds(1, 0)).toBe(5);
    expect(nextAttemptDelaySeconds(1, 0.5)).toBeCloseTo(5.5);
  });

  it('is in whole milliseconds, so that what is logged of it has no run of digits like those of a PIN', () => {
    fc.assert(
      fc.property(fc.nat({ max: attempts - 1 }), random(), (made, value) => {
        expect(String(nextAttemptDelaySeconds(made, value))).toMatch(/^\d+(\.\d{1,3})?$/);
      }),
    );
    // A wait of 5.836499999999 s holds 836499999999, a PIN.
    expect(nextAttemptDelaySeconds(1, 0.836499999999)).toBe(5.836);
  });

  it('gives up after the last attempt and stays so', () => {
    fc.assert(
      fc.property(fc.integer({ min: attempts, max: 1e6 }), random(), (made, value) => {
        expect(nextAttemptDelaySeconds(made, value)).toBeNull();
      }),
    );
  });

  it('refuses a count that cannot be one', () => {
    for (const made of [-1, 0.5, Number.NaN]) expect(() => nextAttemptDelaySeconds(made, 0)).toThrow(RangeError);
  });
});

describe('what a receiver says of the next attempt', () => {
  const now = new Date('1994-11-06T08:49:37.500Z');

  it.each([
    ['120', 120],
    [' 7 ', 7],
    ['0', 1],
    ['99999999999', 86_400],
    ['Sun, 06 Nov 1994 08:50:37 GMT', 60],
    ['Sunday, 06-Nov-94 08:50:37 GMT', 60],
    ['Sun Nov  6 08:50:37 1994', 60],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 1],
    ['Sun, 06 Nov 2044 08:00:00 GMT', 86_400],
  ])('is read from Retry-After: %j is %i s, never under 1 and never over a day', (text, seconds) => {
    expect(readRetryAfter(text, now)).toBe(seconds);
  });

  it.each(['', 'soon', '-5', '1.5', '1e3', '١٢', 'Sun, 99 Nov 1994 08:00:00 GMT', '2044-01-01'])(
    'is nothing where it has no meaning: %j',
    (text) => {
      expect(readRetryAfter(text, now)).toBeNull();
    },
  );

  it('puts the next attempt off, but never before its time by the schedule', () => {
    const waits = (retryAfterSeconds: number | null) => nextAttemptSeconds(2, 0, { isGone: false, retryAfterSeconds });
    expect([waits(null), waits(3), waits(600)]).toEqual([30, 30, 600]);
  });

  it('ends the callback with 410, and adds no attempt to the schedule', () => {
    expect(nextAttemptSeconds(1, 0, { isGone: true, retryAfterSeconds: 60 })).toBeNull();
    expect(nextAttemptSeconds(attempts, 0, { isGone: false, retryAfterSeconds: 60 })).toBeNull();
  });
});
