import type { Phone } from './phone.ts';

/** Audio before an ending. `say` is left out by a dialect that has no voice of its own. */
export type Prompt =
  | { readonly kind: 'play'; readonly url: string }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'wait'; readonly seconds: number };

/** Ask for digits and come back with them, or with none. */
export interface GatherEnding {
  readonly kind: 'gather';
  /** 1 for the first try of a call; the provider hands it back with the digits. */
  readonly tryNumber: number;
  /** Played while digits are awaited; a key interrupts it. */
  readonly promptUrl: string | null;
  readonly minDigits: number;
  readonly maxDigits: number;
}

/** Connect the caller to a phone. The callee's screen shows the caller ID, which is the virtual number. */
export interface DialEnding {
  readonly kind: 'dial';
  readonly callee: Phone;
  readonly callerId: Phone;
  readonly ringTimeoutSeconds: number;
  readonly timeLimitSeconds: number;
  /** Null when the call is not recorded; it starts when both have answered. */
  readonly recordFormat: 'mp3' | 'wav' | null;
  /** What the callee hears alone after answering: the session and the side whose play URL it is. */
  readonly calleePlay: { readonly sessionId: string; readonly side: 'first' | 'second' } | null;
}

/** Connect the caller to an extension inside the provider's own exchange. */
export interface ExtensionEnding {
  readonly kind: 'extension';
  readonly extension: string;
}

/** End the call. `rejected` refuses it before it is answered, where the provider can. */
export interface HangupEnding {
  readonly kind: 'hangup';
  readonly rejected: boolean;
}

export type Ending = GatherEnding | DialEnding | ExtensionEnding | HangupEnding;

/** What a provider is to do with a call now: some prompts, then exactly one ending. */
export interface CallPlan {
  readonly prompts: readonly Prompt[];
  readonly ending: Ending;
}

/**
 * The plan for a call to nobody: refused before it is answered, which costs nothing. A number that is not ours and
 * one whose sessions have ended sound alike.
 */
export const REJECTION: CallPlan = { prompts: [], ending: { kind: 'hangup', rejected: true } };

/** The plan for a call that cannot be decided: it ends with a sentence, never with an error. */
export const APOLOGY: CallPlan = {
  prompts: [{ kind: 'say', text: 'Sorry, this call cannot be connected right now.' }],
  ending: { kind: 'hangup', rejected: false },
};
