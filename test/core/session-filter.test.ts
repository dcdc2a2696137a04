import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundInTime, type Range, type SessionFilter } from '../../src/core/session-filter.ts';

const NOW = new Date('2026-03-15T12:00:00Z');
const day = (n: number, more = 0) => new Date(NOW.getTime() + n * 86_400_000 + more);
const all = { createdAt: {}, expiresAt: {}, durationSeconds: {} };
const bound = (filter: Partial<SessionFilter>) => boundInTime({ ...all, ...filter }, NOW);

describe('the window of a list', () => {
  it('is the last 7 days where no time is given', () => {
    expect(bound({})).toEqual({ ...all, createdAt: { gte: day(-7) } });
    expect(bound({ status: 'active' })).toMatchObject({ status: 'active', createdAt: { gte: day(-7) } });
  });

  it('is the last 7 days also where only a duration is given', () => {
    const durationSeconds = { gte: 60 };
    expect(bound({ durationSeconds })).toEqual({ ...all, durationSeconds, createdAt: { gte: day(-7) } });
  });

  it.each<[string, Range<Date>, Range<Date>]>([
    ['from gte', { gte: day(-60) }, { gte: day(-60), lte: day(-30) }],
    ['from gt', { gt: day(-60) }, { gt: day(-60), lte: day(-30) }],
    ['up to lte', { lte: day(-10) }, { lte: day(-10), gte: day(-40) }],
    ['up to lt', { lt: day(-10) }, { lt: day(-10), gte: day(-40) }],
    ['between both', { gte: day(-30), lte: day(0) }, { gte: day(-30), lte: day(0) }],
    ['backwards, which finds nothing', { gte: day(0), lte: day(-3) }, { gte: day(0), lte: day(-3) }],
    [
      'from the later of two starts',
      { gt: day(-80), gte: day(-30), lt: day(0) },
      { gt: day(-80), gte: day(-30), lt: day(0) },
    ],
    [
      'up to the earlier of two ends',
      { gte: day(-30), lt: day(0), lte: day(9) },
      { gte: day(-30), lt: day(0), lte: day(9) },
    ],
  ])('reaches 30 days %s', (_, range, window) => {
    expect(bound({ createdAt: range })).toEqual({ ...all, createdAt: window });
    expect(bound({ expiresAt: range })).toEqual({ ...all, expiresAt: window });
  });

  it('of more than 30 days is refused by its name', () => {
    const wide = { gte: day(-30, -1), lte: day(0) };
    expect(bound({ createdAt: wide })).toBe('createdAt');
    expect(bound({ expiresAt: wide })).toBe('expiresAt');
    expect(bound({ createdAt: wide, expiresAt: wide })).toBe('createdAt');
    expect(bound({ createdAt: { gte: day(-1) }, expiresAt: wide })).toBe('expiresAt');
  });

  it('is never wider than 30 days, and never moves an end that was given', () => {
    const instant = fc.option(fc.integer({ min: -90, max: 90 }), { nil: undefined });
    const range = fc.record({ gt: instant, gte: instant, lt: instant, lte: instant }).map((ends) => {
      const given = Object.entries(ends).filter((end): end is [string, number] => end[1] !== undefined);
      return Object.fromEntries(given.map(([name, n]) => [name, day(n)])) as Range<Date>;
    });
    fc.assert(
      fc.property(range, range, (createdAt, expiresAt) => {
        const bounded = bound({ createdAt, expiresAt });
        if (typeof bounded === 'string') return;
        expect(bounded.createdAt).toMatchObject(createdAt);
        expect(bounded.expiresAt).toMatchObject(expiresAt);
        for (const { gt, gte, lt, lte } of [bounded.createdAt, bounded.expiresAt]) {
          const from = [gt, gte].flatMap((end) => (end ? [end.getTime()] : []));
          const upTo = [lt, lte].flatMap((end) => (end ? [end.getTime()] : []));
          if (upTo.length > 0) expect(Math.min(...upTo) - Math.max(...from)).toBeLessThanOrEqual(30 * 86_400_000);
        }
      }),
    );
  });
});
