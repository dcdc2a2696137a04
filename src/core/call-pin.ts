import type {
  CallDecision,
  CallFacts,
  CallQuestionFacts,
  CallStep,
  PartyOnCall,
  PinLengths,
  PinPolicy,
  SessionOnCall,
} from './call-facts.ts';
import type { CallPlan, Ending, Prompt } from './plan.ts';
import type { Reason } from './reasons.ts';
import { otherSide } from './session.ts';

type PinEntry =
  | {
      readonly kind: 'right';
      readonly party: PartyOnCall;
      readonly tries: readonly string[];
      readonly guess: CallStep['guess'];
    }
  | { readonly kind: 'open'; readonly decision: CallDecision };

/** The part of a step that is the same wherever nobody is dialled for a session. */
export const NOBODY_DIALLED = {
  party: null,
  callee: null,
  recordFormat: null,
  authenticated: false,
  remembersCaller: false,
  guess: null,
} as const;

// Used when a PIN session has ended between two questions of one call and nothing else tells the lengths.
const ANY_LENGTH: PinLengths = { min: 4, max: 15 };

/** The questions that a call will be asked, by the session that asks and the PINs alive on its number. */
export function startAsking(session: SessionOnCall, lengths: PinLengths | null): PinPolicy {
  return {
    sessionId: session.id,
    promptPlayUrl: session.pinPromptPlayUrl,
    incorrectPlayUrl: session.incorrectPinPlayUrl,
    retry: session.pinRetry,
    retryWaitSeconds: session.pinRetryWaitSeconds,
    lengths: lengths ?? ANY_LENGTH,
  };
}

/**
 * Judges what was keyed. A call has `retry` + 1 tries; silence is one of them. A wrong PIN, the PIN of a
 * session that has ended, one's own callee's PIN and any PIN of somebody whose budget is used up get the same answer.
 *
 * @param isKnown the caller is taken for a party of a session: others' wrong PINs on the number do not count for them.
 */
export function tryPin(
  facts: CallFacts,
  question: CallQuestionFacts,
  policy: PinPolicy,
  tries: readonly string[],
  isKnown: boolean,
): PinEntry {
  if (question.digits === null || isRepeat(question.digits, question.tryNumber, tries)) {
    const step = facts.call === null ? stepOf('asked', 'pin_asked', policy, tries, null) : null;
    return { kind: 'open', decision: { plan: ask(policy, tries.length), reason: 'pin_asked', step } };
  }
  const used = [...tries, question.digits];
  const isSpent = facts.pinSpent.byCaller || (facts.pinSpent.onNumber && !isKnown);
  const looksUp = question.hasKeyed && !isSpent;
  if (looksUp && facts.named !== null && leadsToSomebodyElse(facts.named, facts)) {
    return { kind: 'right', party: facts.named, tries: used, guess: { isRight: true, countsOnNumber: !isKnown } };
  }
  const guess = looksUp ? { isRight: false, countsOnNumber: !isKnown } : null;
  const event = { sessionId: policy.sessionId, status: 'failed', retryCounter: used.length } as const;
  if (used.length <= policy.retry) {
    const reason = isSpent ? 'pin_suspended' : 'pin_wrong';
    const step = { ...stepOf('asked', reason, policy, used, event), guess };
    return { kind: 'open', decision: { plan: ask(policy, used.length), reason, step } };
  }
  const step = { ...stepOf('pin_failed', 'pin_failed', policy, used, event), guess };
  return { kind: 'open', decision: { plan: pinFailed(facts, policy), reason: 'pin_failed', step } };
}

/** What follows the last wrong try: the failure prompt, then the fallback destination or the end. */
export function pinFailed(facts: CallFacts, policy: PinPolicy): CallPlan {
  return {
    prompts: playable(facts.connection.failurePlayUrl || policy.incorrectPlayUrl),
    ending: fallbackEnding(facts),
  };
}

/** A prompt for a url, or none for ''. */
export function playable(url: string): readonly Prompt[] {
  return url ? [{ kind: 'play', url }] : [];
}

/**
 * A provider that repeats a request repeats its digits. A person may key the same wrong PIN twice; that is
 * told apart by the number of the question, which our documents carry and the provider hands back.
 */
function isRepeat(digits: string, tryNumber: number | null, tries: readonly string[]): boolean {
  return tries.includes(digits) && tryNumber !== tries.length + 1;
}

function leadsToSomebodyElse({ session, side }: PartyOnCall, facts: CallFacts): boolean {
  const callee = session.parties[otherSide(side)] ?? session.lastCaller;
  return callee !== null && callee !== facts.caller;
}

function ask(policy: PinPolicy, wrongTries: number): CallPlan {
  const afterWrong: readonly Prompt[] =
    wrongTries === 0 ? [] : [...playable(policy.incorrectPlayUrl), { kind: 'wait', seconds: policy.retryWaitSeconds }];
  return {
    prompts: afterWrong,
    ending: {
      kind: 'gather',
      tryNumber: wrongTries + 1,
      promptUrl: policy.promptPlayUrl || null,
      minDigits: policy.lengths.min,
      maxDigits: policy.lengths.max,
    },
  };
}

function fallbackEnding(facts: CallFacts): Ending {
  const { fallback } = facts.connection;
  // A fallback phone that calls itself would ring the caller's own phone.
  if (fallback === null || facts.virtualNumber === null) return { kind: 'hangup', rejected: false };
  if (fallback.kind === 'extension') return fallback;
  if (fallback.phone === facts.caller) return { kind: 'hangup', rejected: false };
  return {
    kind: 'dial',
    callee: fallback.phone,
    callerId: facts.virtualNumber,
    ringTimeoutSeconds: fallback.ringTimeoutSeconds,
    timeLimitSeconds: fallback.timeLimitSeconds,
    recordFormat: null,
    calleePlay: null,
  };
}

function stepOf(
  outcome: 'asked' | 'pin_failed',
  reason: Reason,
  policy: PinPolicy,
  tries: readonly string[],
  pinEvent: CallStep['pinEvent'],
): CallStep {
  return { ...NOBODY_DIALLED, outcome, reason, policy, tries, isAnswered: true, pinEvent };
}
