import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefused } from '../../src/core/problem.ts';
import { boundHours, cover, type Grain, moneyText } from '../../src/core/totals.ts';

const HOUR = 3_600_000;
const NOW = new Date('2026-03-01T13:25:10Z');
const at = (text: string) => new Date(`${text}Z`);

describe('the hours of totals', () => {
  it('are the last 24 with the running one, unless told otherwise', () => {
    expect(boundHours(undefined, undefined, NOW)).toEqual({ from: at('2026-02-28T14:00'), to: at('2026-03-01T14:00') });
  });

  it('end with the running one where only the first is given, and are 24 where only the end is', () => {
    expect(boundHours(at('2026-02-01T00:00'), undefined, NOW)).toEqual({
      from: at('2026-02-01T00:00'),
      to: at('2026-03-01T14:00'),
    });
    expect(boundHours(undefined, at('2026-02-01T00:00'), NOW)).toMatchObject({ from: at('2026-01-31T00:00') });
  });

  it('are refused where they are none, or more than 366 days', () => {
    const [from, to] = [at('2025-03-01T00:00'), at('2026-03-02T00:00')];
    expect(isRefused(boundHours(from, to, NOW))).toBe(false);
    const aboveAll = { problem: { kind: 'invalid', field: 'to', rule: 'is more than 366 days after from' } };
    expect(boundHours(from, at('2026-03-02T01:00'), NOW)).toEqual(aboveAll);
    const none = { problem: { kind: 'invalid', field: 'from', rule: 'should be before to' } };
    expect(boundHours(to, to, NOW)).toEqual(none);
    expect(boundHours(at('2027-01-01T00:00'), undefined, NOW)).toEqual(none);
  });
});

describe('the stored periods of a range', () => {
  const lengths: Readonly<Record<Grain, (from: Date) => number>> = {
    hour: () => HOUR,
    day: () => 24 * HOUR,
    month: (from) => Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1, 1) - from.getTime(),
  };

  it('cover each of its hours once, without gap, and begin where such a period begins', () => {
    const start = at('2025-11-01T00:00').getTime();
    fc.assert(
      fc.property(
        fc.nat(3000),
        fc.integer({ min: 1, max: 9000 }),
        fc.constantFrom('hour', 'day', 'month'),
        (a, n, longest) => {
          const range = { from: new Date(start + a * HOUR), to: new Date(start + (a + n) * HOUR) };
          let next = range.from.getTime();
          for (const { grain, period } of cover(range, longest as Grain)) {
            expect(period.getTime()).toBe(next);
            if (grain !== 'hour') expect(period.getUTCHours()).toBe(0);
            if (grain === 'month') expect(period.getUTCDate()).toBe(1);
            next += lengths[grain](period);
          }
          expect(next).toBe(range.to.getTime());
        },
      ),
    );
  });

  it('are few, however long the range', () => {
    const cells = cover({ from: at('2025-01-01T01:00'), to: at('2025-12-31T23:00') }, 'month');
    expect(cells.length).toBeLessThanOrEqual(23 + 30 + 10 + 30 + 23);
    expect(new Set(cells.map(({ grain }) => grain))).toEqual(new Set(['hour', 'day', 'month']));
    expect(cover({ from: at('2025-01-01T00:00'), to: at('2025-02-01T00:00') }, 'day')).toHaveLength(31);
    expect(cover({ from: at('2025-01-01T00:00'), to: at('2025-02-01T00:00') }, 'month')).toHaveLength(1);
  });
});

describe('money', () => {
  it.each([
    ['0', '0.00000'],
    ['12.345', '12.34500'],
    ['-0.0228000000', '-0.02280'],
    ['9007199254740993.123456789', '9007199254740993.123456789'],
  ])('%s is shown as %s: five places, and no digit lost', (decimal, text) => {
    expect(moneyText(decimal)).toBe(text);
  });
});
