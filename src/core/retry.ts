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
 * @returns seconds, to the millisecond; null when the schedule is used up and the callback is given up.
 * @throws RangeError for a count that is no whole number from 0.
 */
export function nextAttemptDelaySeconds(attemptsMade: number, random: number): number | null {
  if (!Number.isInteger(attemptsMade) || attemptsMade < 0) throw new RangeError(`attempts made: ${attemptsMade}`);
  const delay = RETRY_DELAYS_SECONDS[attemptsMade];
  if (delay === undefined) return null;
  return Math.round(delay * (1 + JITTER * random) * 1000) / 1000;
}

// Callbacks that failed together must not come back together. The jitter only lengthens: we promise
// to try for at least 72 hours, and at -20 % throughout the list would end after 60.
const JITTER = 0.2;

/**
 * When the next attempt may be made: by the schedule, or later where the receiver asked for it.
 *
 * @param isGone the receiver said 410: it never wants this callback again.
 * @returns seconds; null when the callback is given up.
 */
export function nextAttemptSeconds(
  attemptsMade: number,
  random: number,
  answer: { readonly isGone: boolean; readonly retryAfterSeconds: number | null },
): number | null {
  const scheduled = answer.isGone ? null : nextAttemptDelaySeconds(attemptsMade, random);
  return scheduled === null ? null : Math.max(scheduled, answer.retryAfterSeconds ?? 0);
}

const SHORTEST_RETRY_AFTER = 1;
const LONGEST_RETRY_AFTER = 86_400;

/**
 * Reads a Retry-After header (RFC 9110, section 10.2.3): seconds, or a HTTP date.
 *
 * @returns whole seconds, from 1 to a day; null where it cannot be read.
 */
export function readRetryAfter(text: string, now: Date): number | null {
  const trimmed = text.trim();
  const seconds = /^\d+$/.test(trimmed) ? Number(trimmed) : secondsUntil(trimmed, now);
  return seconds === null ? null : Math.min(Math.max(seconds, SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER);
}

function secondsUntil(text: string, now: Date): number | null {
  // Date.parse reads far more than HTTP dates, such as "1.5" and "-3".
  if (!/^[A-Z][a-z]+,? .*\d\d:\d\d:\d\d/.test(text)) return null;
  const at = Date.parse(/\d{4}$/.test(text) ? `${text} GMT` : text);
  return Number.isNaN(at) ? null : Math.ceil((at - now.getTime()) / 1000);
}
