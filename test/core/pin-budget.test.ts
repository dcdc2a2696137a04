import { describe, expect, it } from 'vitest';
import {
  CALLER_BUDGET,
  costSeconds,
  guessChance,
  mostPins,
  NUMBER_BUDGET,
  type PinBudget,
  safeLength,
  spendableUntil,
} from '../../src/core/pin-budget.ts';

const DAY = 24 * 3600;
const SEEDS = 1000;

/** The budget as the database keeps it: one moment, in seconds. */
class Budget {
  private fullAt = 0;
  private readonly rule: PinBudget;
  constructor(rule: PinBudget) {
    this.rule = rule;
  }
  allows = (now: number) => this.fullAt <= now + spendableUntil(this.rule);
  spend(now: number): void {
    this.fullAt = Math.max(this.fullAt, now) + costSeconds(this.rule);
  }
  clear(now: number): void {
    this.fullAt = now;
  }
}

/** Mulberry32: a small generator with a seed, so that a failure can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whether guessing for a day, as often as the budgets allow and 10 000 times at most, names one of the PINs. */
function attack(seed: number, { callers, pins, length }: { callers: number; pins: number; length: number }) {
  const random = randomOf(seed);
  const space = 10 ** length;
  const living = new Set<number>();
  while (living.size < pins) living.add(Math.floor(random() * space));
  const guessed = new Set<number>();
  const own = Array.from({ length: callers }, () => new Budget(CALLER_BUDGET));
  const shared = new Budget(NUMBER_BUDGET);
  let allowed = 0;
  for (let i = 0; i < 10_000; i++) {
    const now = (i * DAY) / 10_000;
    const caller = own[i % callers];
    if (!caller?.allows(now) || !shared.allows(now)) continue;
    allowed += 1;
    let guess = Math.floor(random() * space);
    while (guessed.has(guess)) guess = Math.floor(random() * space);
    guessed.add(guess);
    if (living.has(guess)) return { allowed, isIn: true };
    caller.spend(now);
    shared.spend(now);
  }
  return { allowed, isIn: false };
}

describe('somebody who guesses PINs for a whole day, 50 of six digits living on the number,', () => {
  it.each([
    { callers: 1, guesses: 13 },
    { callers: 1000, guesses: 140 },
  ])('from $callers numbers gets in less than once in a hundred', ({ callers, guesses }) => {
    const runs = Array.from({ length: SEEDS }, (_, seed) => attack(seed, { callers, pins: 50, length: 6 }));
    expect(Math.max(...runs.map(({ allowed }) => allowed))).toBeLessThanOrEqual(guesses);
    expect(runs.filter(({ isIn }) => isIn).length / SEEDS).toBeLessThan(0.01);
  });

  it('gains nothing by a right PIN of their own: it clears their budget, not that of the number', () => {
    const shared = new Budget(NUMBER_BUDGET);
    const own = new Budget(CALLER_BUDGET);
    let wrong = 0;
    for (let second = 0; second < 3600; second++) {
      if (own.allows(second) && shared.allows(second)) {
        wrong += 1;
        own.spend(second);
        shared.spend(second);
      }
      own.clear(second);
    }
    expect(wrong).toBe(20 + 4);
  });
});

describe('a budget', () => {
  it('allows its burst at once and one more for each refill, however the tries are spread', () => {
    for (const rule of [CALLER_BUDGET, NUMBER_BUDGET]) {
      const budget = new Budget(rule);
      for (let i = 0; i < rule.burst; i++) {
        expect(budget.allows(0)).toBe(true);
        budget.spend(0);
      }
      expect(budget.allows(rule.refillSeconds - 1)).toBe(false);
      expect(budget.allows(rule.refillSeconds)).toBe(true);
    }
  });
});

describe('PINs on a number', () => {
  it('are so few that all guesses allowed at once name one with a chance of 0.1 % at most', () => {
    expect([4, 5, 6, 7, 8].map((length) => mostPins(length, 0.001))).toEqual([0, 5, 50, 500, 5000]);
    for (let length = 4; length <= 10; length++) {
      expect(guessChance(mostPins(length, 0.001), length)).toBeLessThanOrEqual(0.001);
    }
  });

  it('get the shortest length that has room for two more', () => {
    expect(safeLength({}, 0.001)).toBe(5);
    expect(safeLength({ 5: 3 }, 0.001)).toBe(5);
    expect(safeLength({ 5: 4 }, 0.001)).toBe(6);
    expect(safeLength({ 5: 4, 6: 49 }, 0.001)).toBe(7);
    expect(safeLength({}, 0.1)).toBe(4);
  });
});
