import type { CallStep } from '../core/call-facts.ts';
import { anonymousKey, type CallQuery, type LoadedCall } from './call-facts.ts';
import { type Db, keyed } from './connect.ts';
import { sessionSeal } from './session-rows.ts';
import type { Vault } from './vault.ts';

/** The context that a caller's ciphertext is bound to, see `Vault.seal`. */
export function callerSeal(callId: string): string {
  return `calls.caller:${callId}`;
}

/**
 * Books what was decided: the call, its session's last caller and the callback, in one statement.
 *
 * It is recorded only upon the step that it was decided on, and a connection only while its session lives.
 * So of guesses that arrive together each one is counted before it is answered, and an expiry in the same
 * instant comes wholly before or wholly after.
 *
 * @param fresh ids for a call that is new.
 * @returns false when the facts have changed meanwhile: load and decide again.
 */
export async function recordStep(
  db: Db,
  vault: Vault,
  query: CallQuery,
  loaded: LoadedCall,
  step: CallStep,
  fresh: { readonly id: string; readonly providerCallId: string },
): Promise<boolean> {
  const { sql } = db;
  const { party, pinEvent } = step;
  const touchedSession = pinEvent?.sessionId ?? (step.remembersCaller ? (party?.sessionId ?? null) : null);
  const lastCaller =
    step.remembersCaller && party !== null && query.caller !== null
      ? vault.seal(query.caller, sessionSeal('last_caller', party.sessionId))
      : null;
  const details = pinEvent && { pinStatus: pinEvent.status, pinRetryCounter: pinEvent.retryCounter };
  const rows = await keyed(
    () => sql`
    with live as materialized (
      select id from sessions
      where id = ${party?.sessionId ?? touchedSession} and ended_at is null and expires_at > now()
      for no key update
    ),
    booked as (
      insert into calls (id, provider_id, provider_call_id, anonymous_key, account_id, virtual_number_id, caller_digest,
        caller_cipher, session_id, caller_side, outcome, reason, authenticated, pin_policy, pin_tries, version)
      select ${fresh.id}::uuid, ${query.providerId}, ${loaded.providerCallId ?? fresh.providerCallId},
        ${query.providerCallId === null ? anonymousKey(vault, query) : null}, ${query.accountId},
        ${loaded.virtualNumberId}, ${query.caller === null ? null : vault.phoneDigest(query.caller)},
        ${query.caller === null ? null : vault.seal(query.caller, callerSeal(fresh.id))},
        ${party?.sessionId ?? null}::uuid, ${party?.side ?? null}, ${step.outcome}, ${step.reason},
        ${step.authenticated}, ${step.policy === null ? null : JSON.stringify(step.policy)}::jsonb,
        ${[...step.tries]}::text[], 1
      -- Read in any case, so that the session is locked before the call: in the other order a right and a wrong
      -- PIN of one call, keyed in the same moment, would wait for each other.
      where (select count(*) from live) >= ${party === null ? 0 : 1}
      on conflict (provider_id, provider_call_id) do update set
        session_id = excluded.session_id, caller_side = excluded.caller_side, outcome = excluded.outcome,
        reason = excluded.reason, authenticated = excluded.authenticated, pin_policy = excluded.pin_policy,
        pin_tries = excluded.pin_tries, version = calls.version + 1, decided_at = now()
        where calls.version = ${loaded.version}
      returning id
    ),
    touched as (
      update sessions s set
        last_caller_cipher = coalesce(${lastCaller}, s.last_caller_cipher),
        callback_sequence = s.callback_sequence + case when ${details !== null} and s.callback_url <> '' then 1 else 0 end
      from booked
      where s.id = ${touchedSession} and s.ended_at is null and s.expires_at > now()
      returning s.*, booked.id as call_id
    ),
    told as (
      insert into callbacks (event_key, account_id, subaccount_id, session_id, virtual_number_id, call_id, event, sequence,
        details, url, method)
      select 'pin:' || call_id || ':' || ${step.tries.length}::int, account_id, subaccount_id, id, virtual_number_id, call_id,
        'SessionPinAuthenticationStatus', callback_sequence, ${JSON.stringify(details)}::jsonb, callback_url, callback_method
      from touched where ${details !== null} and callback_url <> ''
      on conflict (event_key) do nothing
    )
    select id from booked`,
  );
  return rows.length > 0;
}
