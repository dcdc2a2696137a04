import type { Attestation, CallPolicy } from './call-policy.ts';
import type { Phone } from './phone.ts';
import type { CallPlan } from './plan.ts';
import type { Reason } from './reasons.ts';
import type { Side } from './session.ts';

/** What the decision needs of a live session. Urls are '' where not given. */
export interface SessionOnCall {
  readonly id: string;
  readonly parties: Readonly<Record<Side, Phone | null>>;
  readonly playUrls: Readonly<Record<Side, string>>;
  readonly ringTimeoutSeconds: number;
  readonly callTimeLimitSeconds: number;
  /** Null when calls are not recorded. */
  readonly recordFormat: 'mp3' | 'wav' | null;
  readonly singleParty: boolean;
  /** Who last reached the known party of a single-party session. */
  readonly lastCaller: Phone | null;
  readonly pinRequired: boolean;
  readonly forcePin: boolean;
  readonly pinPromptPlayUrl: string;
  readonly incorrectPinPlayUrl: string;
  readonly pinRetry: number;
  readonly pinRetryWaitSeconds: number;
}

/** A live session and the side of it that somebody is. */
export interface PartyOnCall {
  readonly session: SessionOnCall;
  readonly side: Side;
}

/** Shortest and longest PIN that is alive on a virtual number. */
export interface PinLengths {
  readonly min: number;
  readonly max: number;
}

/**
 * How a call is asked for its PIN. Fixed when the first question is asked and kept with the call, so that
 * a caller cannot tell by another sound or another number of tries that a session has ended meanwhile.
 */
export interface PinPolicy {
  /** The session whose prompts are played, and which is told of wrong tries. */
  readonly sessionId: string;
  readonly promptPlayUrl: string;
  readonly incorrectPlayUrl: string;
  readonly retry: number;
  readonly retryWaitSeconds: number;
  readonly lengths: PinLengths;
}

/** How far a call has come; one row per call of a provider. */
export type CallProgress =
  | { readonly outcome: 'asked'; readonly tries: readonly string[]; readonly policy: PinPolicy }
  | { readonly outcome: 'pin_failed'; readonly tries: readonly string[]; readonly policy: PinPolicy }
  | {
      readonly outcome: 'connected';
      readonly tries: readonly string[];
      readonly policy: PinPolicy | null;
      readonly authenticated: boolean;
    }
  | { readonly outcome: 'refused'; readonly tries: readonly string[]; readonly policy: PinPolicy | null };

/** What a connection adds to every call that it brings. */
export interface ConnectionOnCall {
  readonly successPlayUrl: string;
  readonly failurePlayUrl: string;
  readonly fallback: FallbackDestination | null;
}

/** Where a caller goes who had no right PIN. */
export type FallbackDestination =
  | {
      readonly kind: 'phone';
      readonly phone: Phone;
      readonly ringTimeoutSeconds: number;
      readonly timeLimitSeconds: number;
    }
  | { readonly kind: 'extension'; readonly extension: string };

/** Everything about a call that is known when its provider asks, read in one statement. */
export interface CallFacts {
  /** Null: the number that was called is none of the account's. */
  readonly virtualNumber: Phone | null;
  /** Null: withheld or unreadable. */
  readonly caller: Phone | null;
  readonly call: CallProgress | null;
  /** The live session in which the caller's own phone is a party. */
  readonly known: PartyOnCall | null;
  /** Whom the keyed digits name as a PIN. */
  readonly named: PartyOnCall | null;
  /** Whom an earlier step of this call was taken to be, while that session lives. */
  readonly booked: PartyOnCall | null;
  /** The live session whose PIN prompts an unknown caller hears on this number. */
  readonly asker: SessionOnCall | null;
  /** The missing side of a single-party session without PIN: anyone who calls may be it. */
  readonly open: PartyOnCall | null;
  /** What an unknown caller hears on this number before the end; '' for nothing. */
  readonly unknownCallerPlayUrl: string;
  /** Null where no PIN is alive on the number. */
  readonly pinLengths: PinLengths | null;
  readonly connection: ConnectionOnCall;
  readonly policy: CallPolicy;
  /** Why nobody may be connected whoever calls: calls are switched off, or a limit is reached; null otherwise. */
  readonly barred: Bar | null;
  /** Whose budget of wrong PINs is used up, see pin-budget.ts. */
  readonly pinSpent: { readonly byCaller: boolean; readonly onNumber: boolean };
}

const CAPS = ['session_now', 'session_hour', 'number_now', 'number_hour', 'account_now', 'account_hour'] as const;

/** Why an account connects nobody for now. */
export type Bar = 'calls_disabled' | 'spend_reached' | (typeof CAPS)[number];

/** True for the name of a limit of calls. */
export function isCap(text: string): text is (typeof CAPS)[number] {
  return CAPS.some((cap) => cap === text);
}

/** The part of the provider's question that the decision looks at. */
export interface CallQuestionFacts {
  readonly attestation: Attestation;
  /** False for silence, which is a try but no guess. */
  readonly hasKeyed: boolean;
  /** A keyed digest of the digits; null when nobody was asked yet. Silence has a digest too. */
  readonly digits: string | null;
  readonly tryNumber: number | null;
}

/** What to record of a decision, in one statement. */
export interface CallStep {
  readonly outcome: CallProgress['outcome'];
  readonly reason: Reason;
  readonly party: { readonly sessionId: string; readonly side: Side } | null;
  readonly policy: PinPolicy | null;
  readonly tries: readonly string[];
  readonly authenticated: boolean;
  /** What was keyed was looked up, so it counts upon these budgets; null where nothing was. */
  readonly guess: { readonly isRight: boolean; readonly countsOnNumber: boolean } | null;
  /** Whom the plan dials for the session, and how that is recorded; null where it dials nobody. */
  readonly callee: Phone | null;
  readonly recordFormat: 'mp3' | 'wav' | null;
  /** False where the plan refuses the call before it is answered. */
  readonly isAnswered: boolean;
  /** True: the session's last caller becomes this caller. */
  readonly remembersCaller: boolean;
  readonly pinEvent: {
    readonly sessionId: string;
    readonly status: 'success' | 'failed' | 'AuthorizedCaller';
    /** Wrong entries of this call so far. */
    readonly retryCounter: number;
  } | null;
}

export interface CallDecision {
  readonly plan: CallPlan;
  readonly reason: Reason;
  /** Null: nothing happened that is not booked already. */
  readonly step: CallStep | null;
}
