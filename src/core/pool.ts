import type { RandomInt } from './pin.ts';

/** A virtual number on which none of a session's parties holds a live lease. */
export interface Candidate {
  readonly id: number;
  readonly number: string;
  /** True when a single-party session without PIN lives there: it answers every unknown caller. */
  readonly takesAnyone: boolean;
  /** True where PINs as short as the session's would be guessed too easily, since so many live there. */
  readonly isCrowded: boolean;
}

/**
 * The order in which to try candidates: numbers where an unknown caller would be put through to somebody
 * come last, before them those that are crowded with PINs, the rest at random, so that creates that run at the same time do not queue for one number.
 *
 * Whatever the order, 2N−1 numbers suffice for a phone in N sessions: a new session conflicts with at most
 * N−1 numbers of either party.
 */
export function rankCandidates<T extends Candidate>(candidates: readonly T[], random: RandomInt): readonly T[] {
  const shuffled = [...candidates];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random(i + 1);
    const [a, b] = [shuffled[i], shuffled[j]];
    if (a && b) [shuffled[i], shuffled[j]] = [b, a];
  }
  const reluctance = (one: Candidate) => 2 * Number(one.takesAnyone) + Number(one.isCrowded);
  return shuffled.sort((a, b) => reluctance(a) - reluctance(b));
}
