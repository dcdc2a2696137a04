/**
 * How many wrong PINs somebody may key: so many at once, and one more whenever so many seconds have passed. What is
 * left is one moment, the one at which the budget is full again; so it needs no clean-up and cannot be reset by
 * waiting at a window's edge.
 */
export interface PinBudget {
  readonly burst: number;
  readonly refillSeconds: number;
}

/** Of one caller on one virtual number: 5 at once, 13 in the first day. */
export const CALLER_BUDGET: PinBudget = { burst: 5, refillSeconds: 3 * 3600 };

/**
 * Of all unknown callers on one virtual number, since caller IDs can be forged and changed: 20 at once, 140 in the
 * first day. At 50 live PINs of six digits that is a chance of 0.7 % for a whole day of guessing.
 */
export const NUMBER_BUDGET: PinBudget = { burst: 20, refillSeconds: 720 };

/** The seconds until the budget would be full up to which another wrong PIN may be keyed. */
export function spendableUntil({ burst, refillSeconds }: PinBudget): number {
  return (burst - 1) * refillSeconds;
}

/** What a wrong PIN costs: by so many seconds the budget is full later. */
export function costSeconds({ refillSeconds }: PinBudget): number {
  return refillSeconds;
}

/**
 * The most PINs of one length that may live on a virtual number, so that all guesses that are allowed at once name
 * one of them with at most this probability.
 */
export function mostPins(length: number, risk: number): number {
  // A rounding error must not take one away: 0.001 × 10^6 / 20 is 50.
  return Math.floor((risk * 10 ** length) / NUMBER_BUDGET.burst + 1e-9);
}

/** In digits. */
export const LONGEST_PIN = 15;
const SHORTEST_PIN = 4;

/**
 * The shortest length that two more PINs may have on a virtual number.
 *
 * @param living how many PINs live there, by length.
 */
export function safeLength(living: Readonly<Record<number, number>>, risk: number): number {
  for (let length = SHORTEST_PIN; length < LONGEST_PIN; length++) {
    if ((living[length] ?? 0) + 2 <= mostPins(length, risk)) return length;
  }
  return LONGEST_PIN;
}

/** The probability that all guesses that are allowed at once name one of the living PINs of a length. */
export function guessChance(living: number, length: number): number {
  return (living * NUMBER_BUDGET.burst) / 10 ** length;
}
