import type { Phone } from './phone.ts';

export type CallDirection = 'inbound' | 'outbound';

/** Who ended a leg. Bauta: the sweep, since nobody ever reported the end. */
export type HangupSource =
  | 'Caller'
  | 'Callee'
  | 'Provider'
  | 'Carrier'
  | 'API Request'
  | 'Answer XML'
  | 'Error'
  | 'Unknown'
  | 'Bauta';

/** The provider's own instant, or the moment in which the report was heard where it names none. */
export type ReportedInstant = Date | 'heard';

/** What one report says of a leg; absent fields say nothing. */
export interface LegReport {
  /** The provider's id of the leg; of leg A it is the call's own. */
  readonly legId?: string;
  readonly startedAt?: ReportedInstant;
  readonly ringingAt?: ReportedInstant;
  readonly answeredAt?: ReportedInstant;
  readonly endedAt?: ReportedInstant;
  /** A code of `hangup-cause.ts`. */
  readonly hangupCode?: number;
  readonly hangupSource?: HangupSource;
  /** From the answer to the end. */
  readonly seconds?: number;
  readonly billedSeconds?: number;
  /** Per minute. An exact decimal, such as `0.00500`, as is `cost`. */
  readonly rate?: string;
  readonly cost?: string;
}

/** What one report says of a recording. */
export interface RecordingReport {
  readonly recordingId: string;
  /** False: it has begun. */
  readonly isComplete: boolean;
  readonly url?: string;
  readonly format?: 'mp3' | 'wav';
  readonly durationMs?: number;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
}

/**
 * What a provider reports of a call: one of its webhooks, in our words. Reports may come in any order, again,
 * or before the call was ever asked about.
 */
export interface CallReport {
  readonly callId: string;
  readonly direction: CallDirection;
  /** The person on leg A. Null: withheld, unreadable, or not in this report. */
  readonly caller: Phone | null;
  /** Null where the report names none. */
  readonly virtualNumber: Phone | null;
  readonly legA: LegReport;
  readonly legB: LegReport;
  readonly recording: RecordingReport | null;
}
