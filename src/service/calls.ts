import { decideCall, UNKNOWN_NUMBER } from '../core/call.ts';
import type { Bar, CallDecision, CallFacts, CallStep, FallbackDestination } from '../core/call-facts.ts';
import type { CallQuestion } from '../core/call-question.ts';
import { isPhone } from '../core/phone.ts';
import { APOLOGY, type Ending } from '../core/plan.ts';
import type { Side } from '../core/session.ts';
import type { Deps } from '../deps.ts';
import { ANONYMOUS, type CallQuery, loadCall } from '../store/call-facts.ts';
import { recordStep } from '../store/calls.ts';
import type { Connection } from '../store/providers.ts';
import { playUrl } from '../store/sessions.ts';

// Each round is lost to another request of the same call that was recorded first; a call has six tries.
const ROUNDS = 20;
// Prompts before a dial, and reports that are late.
const SLACK_SECONDS = 600;
// Nobody keys a PIN, hears a message or talks to an extension for longer.
const IDLE_SECONDS = 3_600;

/** Somebody's wait for an answer. Less than an `AbortSignal`, which costs a tenth of an answer and needs nobody told. */
export interface Wait {
  readonly isOver: boolean;
}

/**
 * Decides what a call's provider is to do now, and books it.
 *
 * @param wait is over when nobody waits for the answer any more: what no caller will hear is not booked.
 */
export async function answerCall(
  deps: Deps,
  connection: Connection,
  question: CallQuestion,
  wait?: Wait,
): Promise<CallDecision> {
  const { answerDb: db, vault } = deps;
  const virtualNumber = question.callee ?? connection.defaultNumber;
  if (virtualNumber === null) return UNKNOWN_NUMBER;
  const pin = question.digits === null ? null : vault.pinDigest(virtualNumber, question.digits);
  const query: CallQuery = {
    providerId: connection.id,
    accountId: connection.accountId,
    providerCallId: question.callId,
    caller: question.caller,
    virtualNumber,
    pin,
    direction: question.direction,
  };
  const fresh = {
    id: deps.newUuid(),
    providerCallId: question.callId ?? `${ANONYMOUS}${deps.newKey()}`,
    currency: connection.currency,
  };
  const { tryNumber, attestation } = question;
  const hasKeyed = question.digits !== null && question.digits !== '';
  const asked = { digits: pin?.toString('base64url') ?? null, tryNumber, attestation, hasKeyed };
  let capped: Bar | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const loaded = await loadCall(db, vault, query);
    if (loaded === null) return UNKNOWN_NUMBER;
    // Not spread, which takes 2 µs for so many.
    const more = { connection: onCall(deps, connection), barred: loaded.facts.barred ?? capped };
    const facts: CallFacts = Object.assign({}, loaded.facts, more);
    const decision = decideCall(facts, asked);
    if (decision.step === null) return decision;
    if (wait?.isOver) return { plan: APOLOGY, reason: 'late', step: null };
    const { step } = decision;
    const overdueInSeconds = longestSeconds(decision.plan.ending);
    const outcome = await recordStep(db, vault, { query, loaded, step, fresh, overdueInSeconds });
    if (outcome === 'recorded') {
      countStep(deps, step, asked.hasKeyed);
      return decision;
    }
    if (outcome !== 'changed') capped = outcome;
  }
  deps.metrics.fallbacks.inc({ cause: 'contended' });
  return { plan: APOLOGY, reason: 'contended', step: null };
}

/** Counted with what was booked, so that a provider's repeated request counts nothing twice. */
function countStep({ metrics }: Deps, { outcome, reason, pinEvent, guess }: CallStep, hasKeyed: boolean): void {
  if (outcome === 'refused') metrics.callsRefused.inc({ reason });
  const result = hasKeyed && guess === null ? 'refused_by_limit' : 'wrong';
  if (pinEvent?.status === 'failed') metrics.pinEntries.inc({ result });
  if (pinEvent?.status === 'success') metrics.pinEntries.inc({ result: 'right' });
}

/** After how many seconds a call with this ending is over for certain, or taken to be. */
function longestSeconds(ending: Ending): number {
  return ending.kind === 'dial' ? ending.ringTimeoutSeconds + ending.timeLimitSeconds + SLACK_SECONDS : IDLE_SECONDS;
}

/** What the callee of a session's call hears alone after answering; null for nothing. */
export async function calleePlay(deps: Deps, connection: Connection, sessionId: string, side: Side) {
  return (await playUrl(deps.answerDb, connection.accountId, sessionId, side)) || null;
}

/** What a connection adds to the facts of its calls. */
export function onCall(deps: Deps, connection: Connection) {
  const { successPlayUrl, failurePlayUrl, secrets } = connection;
  return { successPlayUrl, failurePlayUrl, fallback: fallbackOf(deps, secrets.fallbackDestination) };
}

function fallbackOf({ config }: Deps, destination: string | undefined): FallbackDestination | null {
  if (destination === undefined) return null;
  if (!isPhone(destination)) return { kind: 'extension', extension: destination };
  return {
    kind: 'phone',
    phone: destination,
    ringTimeoutSeconds: config.session.ringTimeoutSeconds,
    timeLimitSeconds: config.session.callTimeLimitSeconds,
  };
}
