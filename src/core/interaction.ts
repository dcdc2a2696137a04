import type { CallDirection } from './call-report.ts';
import type { Side } from './session.ts';

/** What became of one leg of a call. Figures with their corrections; money as exact decimals. */
export interface Leg {
  /** The provider's id; null where the leg was never started. */
  readonly id: string | null;
  readonly startedAt: Date | null;
  readonly answeredAt: Date | null;
  readonly endedAt: Date | null;
  /** A code of `hangup-cause.ts`. */
  readonly hangupCode: number | null;
  readonly seconds: number;
  readonly billedSeconds: number;
  readonly cost: string;
}

/** One attempt to connect the two parties of a session: a call with both its legs. */
export interface Interaction {
  readonly direction: CallDirection;
  /** The side on leg A; the other one is on leg B. */
  readonly callerSide: Side;
  /** When it was first heard of. */
  readonly startedAt: Date;
  readonly legA: Leg;
  readonly legB: Leg;
  readonly isOver: boolean;
  /** Set where nobody reported the end. */
  readonly sweptAt: Date | null;
  readonly legs: number;
  readonly billedSeconds: number;
  readonly cost: string;
  readonly recordingId: string | null;
}

/** How a leg stands, in the words of Plivo's `CallStatus`. */
export type LegStatus =
  | 'not-started'
  | 'ringing'
  | 'in-progress'
  | 'completed'
  | 'busy'
  | 'no-answer'
  | 'canceled'
  | 'failed';

/** The leg that a side of the session is on. */
export function legOf(interaction: Interaction, side: Side): Leg {
  return interaction.callerSide === side ? interaction.legA : interaction.legB;
}

/**
 * How a leg stands. One that was answered has completed, whoever ended it.
 *
 * @param isOver of the call: a leg whose end was not reported is over with its call.
 */
export function legStatus(leg: Leg, isOver: boolean): LegStatus {
  const isEnded = isOver || leg.endedAt !== null;
  if (leg.answeredAt !== null) return isEnded ? 'completed' : 'in-progress';
  if (leg.hangupCode === null && leg.id === null) return 'not-started';
  if (!isEnded) return 'ringing';
  switch (leg.hangupCode) {
    case 3010:
    case 3100:
      return 'busy';
    case null:
    case 3000:
    case 6010:
      return 'no-answer';
    case 1000:
    case 9000:
      return 'canceled';
    default:
      return 'failed';
  }
}

/** From the start of leg A to its end; for a call that was never answered, and for a running one, both are the start. */
export function spanOf({ legA, startedAt, sweptAt }: Interaction): { readonly from: Date; readonly to: Date } {
  const from = legA.startedAt ?? startedAt;
  const end = legA.endedAt ?? sweptAt;
  return { from, to: end === null || legA.answeredAt === null ? from : end };
}

/** Seconds of both legs together, as Plivo's interactions have it. */
export function durationOf({ legA, legB }: Interaction): number {
  return legA.seconds + legB.seconds;
}
