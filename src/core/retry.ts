/**
 * Seconds to wait before attempt 1, 2, … of a callback: 75.6 hours in all, each wait counted from
 * the attempt before it. Source: the example schedule of Standard Webhooks 1.0.0, with one early
 * wait (30 s) more.
 */
export const RETRY_DELAYS_SECONDS = [0, 5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400] as const;

/**
 * How long to wait before the next attempt of a callback.
 *
 * @param attemptsMade whole number of attempts made so far, 0 for a new callback.
 * @param random a number in [0, 1), fresh for every wait.
 * @returns seconds, not rounded; null when the schedule is used up and the callback is given up.
 * @throws RangeError for a count that is no whole number from 0.
 */
export function nextAttemptDelaySeconds(attemptsMade: number, random: number): number | null {
  if (!Number.isInteger(attemptsMade) || attemptsMade < 0) throw new RangeError(`attempts made: ${attemptsMade}`);
  const delay = RETRY_DELAYS_SECONDS[attemptsMade];
  if (delay === undefined) return null;
  return delay * (1 + JITTER * random);
}

// Callbacks that failed together must not come back together. The jitter only lengthens: we promise
// to try for at least 72 hours, and at -20 % throughout the list would end after 60.
const JITTER = 0.2;
