import type { CallDecision, CallFacts, CallQuestionFacts, CallStep, PartyOnCall, PinPolicy } from './call-facts.ts';
import { NOBODY_DIALLED, pinFailed, playable, startAsking, tryPin } from './call-pin.ts';
import { callerRule, destinationFault } from './call-policy.ts';
import type { CallPlan, Prompt } from './plan.ts';
import { REJECTION } from './plan.ts';
import type { Reason } from './reasons.ts';
import { otherSide } from './session.ts';

/**
 * Decides what happens to a call: the heart of the service. Pure; every fact comes in.
 *
 * Asked again with what was asked before, it gives the same answer and no step, so that a provider's
 * retry counts no second PIN try and books no second fact.
 */
export function decideCall(facts: CallFacts, question: CallQuestionFacts): CallDecision {
  if (facts.virtualNumber === null) return UNKNOWN_NUMBER;
  if (facts.barred !== null) return bar(facts, facts.barred);
  if (callerRule(facts.policy, question.attestation) === 'reject') return bar(facts, 'caller_not_attested');
  switch (facts.call?.outcome) {
    case 'connected':
      // Only the session's own life counts here: who the caller is was settled by an earlier step.
      return facts.booked === null
        ? { ...refuse(facts, 'session_ended'), step: null }
        : connect(facts, facts.booked, { ...facts.call, guess: null, isRepeat: true });
    case 'pin_failed':
      return { plan: pinFailed(facts, facts.call.policy), reason: 'pin_failed', step: null };
    case 'refused':
      return { ...refuse(facts, 'asked_again'), step: null };
    case 'asked':
      return answerPin(facts, question, facts.call.policy, facts.call.tries);
    case undefined:
      return greet(facts, question);
  }
}

/** The number that was called is none of the account's. There is no row to book such a call in. */
export const UNKNOWN_NUMBER: CallDecision = { plan: REJECTION, reason: 'unknown_number', step: null };

/** The first time that a call is heard of. */
function greet(facts: CallFacts, question: CallQuestionFacts): CallDecision {
  const { asker, open } = facts;
  const known = knownCaller(facts, question);
  if (known !== null) {
    const forced = known.session.pinRequired && known.session.forcePin;
    if (forced) return answerPin(facts, question, startAsking(known.session, facts.pinLengths), []);
    return connect(facts, known, { tries: [], policy: null, authenticated: false, guess: null, isRepeat: false });
  }
  // Where PINs live on the number, an unknown caller is asked for one even if a single-party session would
  // take anyone: whoever knows a PIN must never be put through to somebody else's party.
  if (asker !== null) return answerPin(facts, question, startAsking(asker, facts.pinLengths), []);
  const anybody = { tries: [], policy: null, authenticated: false, guess: null, isRepeat: false };
  if (open !== null) return connect(facts, open, anybody);
  return refuse(facts, facts.known === null ? 'unknown_caller' : 'caller_unproved');
}

/** The session in which the caller is a party; null where their number proves nothing. */
function knownCaller(facts: CallFacts, question: CallQuestionFacts): PartyOnCall | null {
  return callerRule(facts.policy, question.attestation) === 'prove' ? null : facts.known;
}

function answerPin(
  facts: CallFacts,
  question: CallQuestionFacts,
  policy: PinPolicy,
  tries: readonly string[],
): CallDecision {
  const entry = tryPin(facts, question, policy, tries, knownCaller(facts, question) !== null);
  if (entry.kind !== 'right') return entry.decision;
  const { party, tries: used, guess } = entry;
  return connect(facts, party, { tries: used, policy, authenticated: true, guess, isRepeat: false });
}

interface Progress {
  readonly tries: readonly string[];
  readonly policy: PinPolicy | null;
  readonly authenticated: boolean;
  readonly guess: CallStep['guess'];
  readonly isRepeat: boolean;
}

/** Connects a caller, who is one side of a session, to the other side. */
function connect(facts: CallFacts, party: PartyOnCall, progress: Progress): CallDecision {
  const { session, side } = party;
  const isStranger = session.singleParty && session.parties[side] === null;
  const callee = session.parties[otherSide(side)] ?? (session.singleParty ? session.lastCaller : null);
  if (facts.virtualNumber === null || callee === null) return refuse(facts, 'nobody_to_call');
  if (callee === facts.caller) return refuse(facts, 'self_call');
  // Asked when the session was made and again now: the policy may have changed since.
  if (destinationFault(facts.policy, callee) !== null) return refuse(facts, 'destination_denied');
  const step: CallStep = {
    outcome: 'connected',
    reason: progress.authenticated ? 'pin_accepted' : isStranger ? 'open_session' : 'known_caller',
    party: { sessionId: session.id, side },
    policy: progress.policy,
    tries: progress.tries,
    authenticated: progress.authenticated,
    guess: progress.guess,
    callee,
    recordFormat: session.recordFormat,
    isAnswered: true,
    remembersCaller: isStranger && facts.caller !== null,
    pinEvent: connectEvent(party, progress),
  };
  const plan: CallPlan = {
    prompts: [
      ...playable(progress.authenticated ? facts.connection.successPlayUrl : ''),
      ...playable(session.playUrls[side]),
    ],
    ending: {
      kind: 'dial',
      callee,
      callerId: facts.virtualNumber,
      ringTimeoutSeconds: session.ringTimeoutSeconds,
      timeLimitSeconds: session.callTimeLimitSeconds,
      recordFormat: session.recordFormat,
      calleePlay: session.playUrls[otherSide(side)] ? { sessionId: session.id, side: otherSide(side) } : null,
    },
  };
  return { plan, reason: step.reason, step: progress.isRepeat ? null : step };
}

function connectEvent(party: PartyOnCall, progress: Progress): CallStep['pinEvent'] {
  if (!party.session.pinRequired) return null;
  // The try that was right is the last one, so it is not among the wrong ones.
  const wrongTries = progress.authenticated ? progress.tries.length - 1 : 0;
  return {
    sessionId: party.session.id,
    status: progress.authenticated ? 'success' : 'AuthorizedCaller',
    retryCounter: wrongTries,
  };
}

/** Nobody is connected, whoever calls; a call that was connected before keeps what is booked of it. */
function bar(facts: CallFacts, reason: Reason): CallDecision {
  const decision = refuse(facts, reason);
  const isSettled = facts.call !== null && facts.call.outcome !== 'asked';
  return isSettled ? { ...decision, step: null } : decision;
}

function refuse(facts: CallFacts, reason: Reason): CallDecision {
  const prompts: readonly Prompt[] = playable(facts.unknownCallerPlayUrl);
  // What was asked for a PIN has been answered, and can be rejected no more.
  const rejected = prompts.length === 0 && (facts.call?.policy ?? null) === null;
  return {
    plan: { prompts, ending: { kind: 'hangup', rejected } },
    reason,
    step: {
      ...NOBODY_DIALLED,
      outcome: 'refused',
      reason,
      policy: facts.call?.outcome === 'asked' ? facts.call.policy : null,
      tries: facts.call?.tries ?? [],
      isAnswered: !rejected,
      pinEvent: null,
    },
  };
}
