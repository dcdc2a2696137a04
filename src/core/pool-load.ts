/** What one pool carries: the numbers of one country that an account's or a subaccount's sessions may use. */
export interface PoolLoad {
  readonly country: string;
  /** Null for the main account's own pool. */
  readonly subaccountId: string | null;
  readonly numbers: number;
  readonly liveSessions: number;
  /** The most holds that one phone has there now; a hold lasts through the cool-off. */
  readonly load: number;
  /** Numbers that answer any caller for a single-party session: each such session needs one of its own. */
  readonly openNumbers: number;
  /** The most sessions that a create of the last 30 days found one phone in, itself included. */
  readonly peak: number;
}

export interface PoolNeed {
  readonly neededNow: number;
  readonly neededAtPeak: number;
  /** How many numbers are left over now, and at the peak; below zero, creates may be refused. */
  readonly headroom: number;
  readonly headroomAtPeak: number;
}

/**
 * How many numbers a pool needs. 2N−1 for a phone in N sessions: a new session conflicts with at most N−1 numbers
 * of either party.
 */
export function needOf({ numbers, load, openNumbers, peak }: PoolLoad): PoolNeed {
  const neededNow = Math.max(numbersFor(load), openNumbers);
  const neededAtPeak = Math.max(numbersFor(peak), neededNow);
  return { neededNow, neededAtPeak, headroom: numbers - neededNow, headroomAtPeak: numbers - neededAtPeak };
}

function numbersFor(load: number): number {
  return load === 0 ? 0 : 2 * load - 1;
}

/** The pool that runs out first: that with the least headroom at its peak, then now. Null where there is none. */
export function firstExhausted<T extends PoolLoad>(pools: readonly T[]): T | null {
  const sorted = [...pools].sort((a, b) => {
    const [needA, needB] = [needOf(a), needOf(b)];
    return needA.headroomAtPeak - needB.headroomAtPeak || needA.headroom - needB.headroom;
  });
  return sorted[0] ?? null;
}
