import type { CallStep } from '../core/call-facts.ts';
import { bookConsequences } from './call-books.ts';
import { anonymousKey, type CallQuery, type LoadedCall } from './call-facts.ts';
import { type Db, keyed } from './connect.ts';
import { sessionSeal } from './session-rows.ts';
import type { Vault } from './vault.ts';

/** The context that a caller's ciphertext is bound to, see `Vault.seal`. */
export function callerSeal(callId: string): string {
  return `calls.caller:${callId}`;
}

/** The same for the phone that was dialled. */
export function calleeSeal(callId: string): string {
  return `calls.callee:${callId}`;
}

/** What a call is made of when its first step is its first trace. */
export interface FreshCall {
  readonly id: string;
  readonly providerCallId: string;
  /** ISO 4217, in which its provider bills. */
  readonly currency: string;
}

/**
 * Books what was decided: the call, its session's last caller and what follows, in one statement.
 *
 * It is recorded only upon the step that it was decided on, and a connection only while its session lives.
 * So of guesses that arrive together each one is counted before it is answered, and an expiry in the same
 * instant comes wholly before or wholly after.
 *
 * @param overdueInSeconds when a call whose end nobody reports is taken to be over.
 * @returns false when the facts have changed meanwhile: load and decide again.
 */
export async function recordStep(
  db: Db,
  vault: Vault,
  query: CallQuery,
  loaded: LoadedCall,
  step: CallStep,
  fresh: FreshCall,
  overdueInSeconds: number,
): Promise<boolean> {
  const { sql } = db;
  const { party, pinEvent } = step;
  const id = loaded.callId ?? fresh.id;
  const providerCallId = loaded.providerCallId ?? fresh.providerCallId;
  const lastCaller =
    step.remembersCaller && party !== null && query.caller !== null
      ? vault.seal(query.caller, sessionSeal('last_caller', party.sessionId))
      : null;
  const details = pinEvent && { pinStatus: pinEvent.status, pinRetryCounter: pinEvent.retryCounter };
  const callee = step.callee === null ? null : vault.seal(step.callee, calleeSeal(id));
  const rows = await keyed(
    () => sql`
    with before as materialized (
      select * from calls where provider_id = ${query.providerId} and provider_call_id = ${providerCallId} for update
    ),
    live as materialized (
      select id from sessions
      where id = ${party?.sessionId ?? pinEvent?.sessionId ?? null} and ended_at is null and expires_at > now()
        -- The call is locked first, as in every statement on both.
        and (select count(*) from before) >= 0
      for no key update
    ),
    after as (
      insert into calls (id, provider_id, provider_call_id, anonymous_key, account_id, subaccount_id, virtual_number_id,
        direction, caller_digest, caller_cipher, callee_digest, callee_cipher, session_id, caller_side, outcome, reason,
        authenticated, pin_policy, pin_tries, version, record_format, currency, a_started_at, a_answered_at, overdue_at)
      select ${id}::uuid, ${query.providerId}, ${providerCallId},
        ${query.providerCallId === null ? anonymousKey(vault, query) : null}, ${query.accountId}, v.subaccount_id, v.id,
        ${query.direction}, ${query.caller === null ? null : vault.phoneDigest(query.caller)},
        ${query.caller === null ? null : vault.seal(query.caller, callerSeal(id))},
        ${step.callee === null ? null : vault.phoneDigest(step.callee)}, ${callee},
        ${party?.sessionId ?? null}::uuid, ${party?.side ?? null}, ${step.outcome}, ${step.reason},
        ${step.authenticated}, ${step.policy === null ? null : JSON.stringify(step.policy)}::jsonb,
        ${[...step.tries]}::text[], 1, ${step.recordFormat}, ${fresh.currency}, now(),
        case when ${step.isAnswered} then now() end, now() + make_interval(secs => ${overdueInSeconds})
      from virtual_numbers v
      -- Read in any case, so that the session is locked before a new call is there for others to wait for.
      where v.id = ${loaded.virtualNumberId} and (select count(*) from live) >= ${party === null ? 0 : 1}
      on conflict (provider_id, provider_call_id) do update set
        anonymous_key = coalesce(calls.anonymous_key, excluded.anonymous_key),
        subaccount_id = excluded.subaccount_id, virtual_number_id = excluded.virtual_number_id,
        caller_digest = coalesce(calls.caller_digest, excluded.caller_digest),
        caller_cipher = coalesce(calls.caller_cipher, excluded.caller_cipher),
        callee_digest = coalesce(excluded.callee_digest, calls.callee_digest),
        callee_cipher = coalesce(excluded.callee_cipher, calls.callee_cipher),
        session_id = coalesce(excluded.session_id, calls.session_id),
        caller_side = coalesce(excluded.caller_side, calls.caller_side), outcome = excluded.outcome,
        reason = excluded.reason, authenticated = excluded.authenticated, pin_policy = excluded.pin_policy,
        pin_tries = excluded.pin_tries, version = calls.version + 1, decided_at = now(),
        record_format = excluded.record_format, overdue_at = excluded.overdue_at,
        a_started_at = least(calls.a_started_at, excluded.a_started_at),
        a_answered_at = least(calls.a_answered_at, excluded.a_answered_at)
        -- A call that came to be only since it was loaded is decided anew: its ciphertexts are bound to its own id.
        where calls.version = ${loaded.version} and calls.id = excluded.id and (select count(*) from before) = 1
      returning calls.*
    ),
    ${bookConsequences(sql, {
      lastCaller,
      step: sql`
        select live.id as session_id, a.id as call_id, 'pin:' || a.id || ':' || ${step.tries.length}::int as event_key,
          'SessionPinAuthenticationStatus' as event, ${JSON.stringify(details ?? {})}::jsonb as details
        from after a, live where ${details !== null}`,
    })}
    select id from after`,
  );
  return rows.length > 0;
}
