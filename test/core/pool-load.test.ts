import { describe, expect, it } from 'vitest';
import { firstExhausted, needOf, type PoolLoad } from '../../src/core/pool-load.ts';

const pool = (more: Partial<PoolLoad>): PoolLoad => ({
  ...{ country: 'US', subaccountId: null, numbers: 10, liveSessions: 0, load: 0, openNumbers: 0, peak: 0 },
  ...more,
});

describe('what a pool needs', () => {
  it('is 2N−1 numbers for a phone in N sessions, and none for no session', () => {
    expect(needOf(pool({}))).toMatchObject({ neededNow: 0, neededAtPeak: 0, headroom: 10, headroomAtPeak: 10 });
    expect(needOf(pool({ load: 1, peak: 1 }))).toMatchObject({ neededNow: 1, neededAtPeak: 1 });
    expect(needOf(pool({ load: 3, peak: 6 }))).toEqual({
      neededNow: 5,
      neededAtPeak: 11,
      headroom: 5,
      headroomAtPeak: -1,
    });
  });

  it('is at its peak never less than now', () => {
    expect(needOf(pool({ load: 4, peak: 2 }))).toMatchObject({ neededNow: 7, neededAtPeak: 7 });
  });

  it('is a number for each session that answers any caller', () => {
    expect(needOf(pool({ load: 1, openNumbers: 8 }))).toMatchObject({ neededNow: 8, headroom: 2 });
  });

  it('makes the pool run out first that has the least left over at its peak', () => {
    const [us, tr] = [pool({ numbers: 10, load: 1, peak: 5 }), pool({ country: 'TR', numbers: 3, load: 1, peak: 1 })];
    expect(firstExhausted([tr, us])).toBe(us);
    expect(firstExhausted([tr, { ...us, peak: 2 }])).toBe(tr);
    expect(firstExhausted([])).toBe(null);
  });
});
