import { maskPhone, type Phone } from './phone.ts';
import { otherSide, type Side } from './session.ts';

/** What a call's explanation speaks of; null for what is withheld, not known or erased. */
export interface CallInWords {
  readonly caller: Phone | null;
  /** The session that the call came to belong to, and which party of it the caller is. */
  readonly sessionId: string | null;
  readonly side: Side | null;
}

interface Words {
  readonly who: string;
  readonly session: string;
  /** `the first party of session …` */
  readonly self: string;
  readonly other: string;
}

const CONNECTED = (other: string) => `connected to ${other}; caller ID is the virtual number.`;

/**
 * Why a call went where it went, each code with its sentence: those of a decision, which are kept with the call, and
 * those of a call that we were to make. A code that is not here cannot be decided, since `Reason` is made of them.
 */
const SENTENCES = {
  known_caller: ({ who, self, other }: Words) => `${who} is ${self}; ${CONNECTED(other)}`,
  open_session: ({ who, self, other }: Words) => `${who} is taken for ${self}, which takes anyone; ${CONNECTED(other)}`,
  pin_accepted: ({ who, self, other }: Words) => `${who} keyed the PIN of ${self}; ${CONNECTED(other)}`,
  pin_asked: ({ who }: Words) => `${who} was asked for a PIN and has keyed none yet.`,
  pin_wrong: ({ who }: Words) => `${who} keyed a PIN that leads to nobody here, or nothing, and was asked again.`,
  pin_suspended: ({ who }: Words) =>
    `${who} keyed a PIN after too many wrong ones here, so it was not looked up, and was asked again.`,
  pin_failed: ({ who }: Words) =>
    `${who} keyed no right PIN in all the tries that the session allows, and was sent off or to the fallback destination.`,
  unknown_caller: ({ who }: Words) =>
    `${who} is no party of a live session on the virtual number, and no session there asks for a PIN or takes anyone; refused.`,
  caller_unproved: ({ who }: Words) =>
    `${who} may be a party of a session here, but the provider does not vouch for the number and no PIN can prove it; refused.`,
  caller_not_attested: ({ who }: Words) =>
    `The account's policy asks that the provider vouches for callers' numbers, and it does not for ${inSentence(who)}; refused.`,
  unknown_number: () => 'The number that was called is none of the account, so the call was refused.',
  session_ended: ({ session }: Words) => `${session} has ended, so nobody is connected any more.`,
  nobody_to_call: ({ self }: Words) => `The caller is ${self}, whose other party is not known yet; refused.`,
  self_call: ({ who }: Words) => `${who} would have been connected to their own phone; refused.`,
  destination_denied: () => "The account's policy forbids calls to the phone that was to be called; refused.",
  calls_disabled: () => 'Calls are switched off for the account; refused.',
  spend_reached: () => 'The calls of today have cost what the account allows for a day; refused.',
  session_now: ({ session }: Words) => `${session} has as many calls in progress as the policy allows; refused.`,
  session_hour: ({ session }: Words) =>
    `${session} has had as many calls within an hour as the policy allows; refused.`,
  number_now: () => 'The virtual number has as many calls in progress as the policy allows; refused.',
  number_hour: () => 'The virtual number has had as many calls within an hour as the policy allows; refused.',
  account_now: () => 'The account has as many calls in progress as the policy allows; refused.',
  account_hour: () => 'The account has had as many calls within an hour as the policy allows; refused.',
  asked_again: () => 'The call was refused before, and the provider asked again; refused again.',
  late: () => 'The decision came when the provider waited for it no longer; nothing was done.',
  contended: () => 'The provider asked too many times at once; the caller was sent off with an apology.',
  never_asked: () => 'The provider reported the call, and never asked what to do with it.',
  placed: ({ who, self }: Words) => `${who} is ${self}, whom the provider calls at our request.`,
  place_unsupported: () => 'The call was not made: the connection cannot make calls, or the phone has been erased.',
  place_refused: () => 'The call was not made: the provider refused to make it.',
  place_unknown: () => 'The provider did not say whether it made the call, and has reported nothing of it.',
} as const satisfies Readonly<Record<string, (words: Words) => string>>;

/** A code that a person will search for in the log, such as `known_caller`. */
export type Reason = keyof typeof SENTENCES;

/** The codes, for whoever describes them. */
export const REASONS = Object.keys(SENTENCES) as readonly Reason[];

/**
 * A reason as a sentence, phones masked and no PIN in it.
 *
 * @param reason a code as it is kept with the call; one of a newer version's is told as it is.
 */
export function explain(reason: string, { caller, sessionId, side }: CallInWords): string {
  if (!isReason(reason)) return `${reason}.`;
  const session = sessionId === null ? 'The session' : `Session ${sessionId}`;
  const party = side === null ? 'a party' : `the ${side} party`;
  return SENTENCES[reason]({
    who: caller === null ? 'A caller without a number' : maskPhone(caller),
    session,
    self: `${party} of ${inSentence(session)}`,
    other: side === null ? 'the other party' : `the ${otherSide(side)} party`,
  });
}

function isReason(code: string): code is Reason {
  return Object.hasOwn(SENTENCES, code);
}

function inSentence(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
