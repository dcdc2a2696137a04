import type { Interaction } from './interaction.ts';

/** What has happened in a session. Sums count the calls that are over; money is an exact decimal. */
export interface SessionHistory {
  /** A call of it is running. */
  readonly isInProgress: boolean;
  readonly legs: number;
  readonly billedSeconds: number;
  readonly amount: string;
  readonly lastInteractionAt: Date | null;
  /** Oldest first, the newest hundred. */
  readonly interactions: readonly Interaction[];
}

/** Of a session that was just made. */
export const NO_HISTORY: SessionHistory = {
  isInProgress: false,
  legs: 0,
  billedSeconds: 0,
  amount: '0',
  lastInteractionAt: null,
  interactions: [],
};
