import { decideCall, UNKNOWN_NUMBER } from '../core/call.ts';
import type { CallDecision, CallProgress, PartyOnCall } from '../core/call-facts.ts';
import type { CallQuestion } from '../core/call-question.ts';
import { explain, type Reason } from '../core/reasons.ts';
import type { Deps } from '../deps.ts';
import { loadCall } from '../store/call-facts.ts';
import type { Connection } from '../store/providers.ts';
import { onCall } from './calls.ts';

export interface DryDecision {
  readonly plan: CallDecision['plan'];
  readonly reason: Reason;
  /** Why, in words; phones are masked. */
  readonly explanation: string;
  /** Phones of the sessions that the decision looked at. */
  readonly phones: readonly string[];
}

/**
 * Decides the questions of one call as `answerCall` does, and books nothing: how far the call has come is kept here.
 * Limits that count calls while they are booked are not reached, and PINs use up no budget.
 */
export function dryCall(deps: Deps, connection: Connection): (question: CallQuestion) => Promise<DryDecision> {
  const { vault } = deps;
  // Of no call that any provider has.
  const providerCallId = `dry:${deps.newUuid()}`;
  let call: CallProgress | null = null;
  let booked: PartyOnCall | null = null;

  return async ({ callee, caller, digits: keyed, direction, tryNumber, attestation }) => {
    const virtualNumber = callee ?? connection.defaultNumber;
    if (virtualNumber === null) return told(UNKNOWN_NUMBER, []);
    const pin = keyed === null ? null : vault.pinDigest(virtualNumber, keyed);
    const { id: providerId, accountId } = connection;
    const query = { providerId, accountId, providerCallId, caller, virtualNumber, pin, direction };
    const loaded = await loadCall(deps.answerDb, vault, query);
    if (loaded === null) return told(UNKNOWN_NUMBER, []);
    const facts = { ...loaded.facts, connection: onCall(deps, connection), call, booked };
    const digits = pin?.toString('base64url') ?? null;
    const hasKeyed = keyed !== null && keyed !== '';
    const decision = decideCall(facts, { digits, tryNumber, attestation, hasKeyed });
    const parties = [facts.known, facts.named, facts.open, facts.booked].filter((party) => party !== null);
    const { step } = decision;
    if (step !== null) {
      const { tries, policy, authenticated } = step;
      call = { outcome: step.outcome, tries, policy, authenticated } as CallProgress;
      booked = parties.find(({ session }) => session.id === step.party?.sessionId) ?? booked;
    }
    const phones = parties.flatMap(({ session: { parties: both, lastCaller } }) => [
      ...Object.values(both),
      lastCaller,
    ]);
    return told(
      decision,
      phones.filter((phone) => phone !== null),
    );

    function told({ plan, reason }: CallDecision, of: readonly string[]): DryDecision {
      const party = { sessionId: booked?.session.id ?? null, side: booked?.side ?? null };
      return { plan, reason, explanation: explain(reason, { caller, ...party }), phones: of };
    }
  };
}
