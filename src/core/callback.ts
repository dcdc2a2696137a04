import type { Phone } from './phone.ts';
import type { HttpMethod, Side } from './session.ts';

/** What we tell an app about, by its name on the wire. */
export type CallbackEvent =
  | 'SessionTimeout'
  | 'SessionPinAuthenticationStatus'
  | 'SessionFirstPartyAnswer'
  | 'SessionFirstPartyHangup'
  | 'SessionSecondPartyRing'
  | 'SessionSecondPartyAnswer'
  | 'SessionSecondPartyHangup'
  | 'SessionPartiesHangup'
  | 'SessionRecordingInitiated'
  | 'SessionRecordingCompleted'
  | 'SessionRecordingFailed';

/** What was known of a leg of the call, or of both together; `cost` is an exact decimal. */
export interface CallbackFigures {
  readonly seconds?: number;
  readonly billedSeconds?: number;
  readonly cost?: string;
  /** A code of `hangup-cause.ts`. */
  readonly hangupCode?: number;
}

/** What a callback says beside its columns: of its step, and of its call as it was when it was first taken. */
export interface CallbackDetails {
  readonly pinStatus?: string;
  readonly pinRetryCounter?: number;
  readonly callerSide?: Side;
  /** Phones that became known only later are not told: each attempt says the same. */
  readonly hasCaller?: boolean;
  readonly hasCallee?: boolean;
  readonly a?: CallbackFigures;
  readonly b?: CallbackFigures;
  readonly total?: CallbackFigures;
  readonly recording?: {
    readonly recordingId: string;
    readonly url?: string;
    readonly format?: string;
    readonly durationMs?: number;
    /** Milliseconds since 1970, as is `endedAt`. */
    readonly startedAt?: number;
    readonly endedAt?: number;
  };
}

/** One fact to tell an app. It is written with the fact and never changes, so every attempt says the same. */
export interface Callback {
  /** Stable for life: the receiver's key against duplicates. */
  readonly id: string;
  readonly event: CallbackEvent;
  /** Whose callback it is: the session's subaccount, or else the main account. */
  readonly accountId: string;
  readonly sessionId: string;
  readonly virtualNumber: Phone;
  /** The person on leg A, and the one who was dialled. Null where there is none, withheld or erased. */
  readonly caller: Phone | null;
  readonly callee: Phone | null;
  /** Increases with each callback of a session, from 1. */
  readonly sequence: number;
  readonly occurredAt: Date;
  readonly details: CallbackDetails;
  readonly url: string;
  readonly method: HttpMethod;
}

/** What callbacks are signed with: the newest first, then the one before it while receivers may still verify with that. */
export type SigningSecrets = readonly [string, ...string[]];
