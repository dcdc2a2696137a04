import type { Bar, CallStep } from '../core/call-facts.ts';
import { BOOKED, bookConsequences } from './call-books.ts';
import { anonymousKey, type CallQuery, type LoadedCall } from './call-facts.ts';
import { checkCaps, checkGuess, GUESS_TYPES, guessWish, isCapped, refusalOf, spendGuesses } from './call-guards.ts';
import { type Db, keyed } from './connect.ts';
import { sessionSeal } from './session-rows.ts';
import { bytes, jsonRows, shared } from './shared.ts';
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

/** What was decided of a call, and all that is needed to book it. */
export interface StepToRecord {
  readonly query: CallQuery;
  readonly loaded: LoadedCall;
  readonly step: CallStep;
  readonly fresh: FreshCall;
  /** When a call whose end nobody reports is taken to be over. */
  readonly overdueInSeconds: number;
}

/**
 * Books what was decided: the call, its session's last caller and what follows, in one statement.
 *
 * It is recorded only upon the step that it was decided on, and a connection only while its session lives.
 * So of guesses that arrive together each one is counted before it is answered, and an expiry in the same
 * instant comes wholly before or wholly after.
 *
 * @returns 'changed' when the facts have changed meanwhile, or the limit of calls that it would exceed: load and
 *   decide again.
 */
export async function recordStep(db: Db, vault: Vault, item: StepToRecord): Promise<'recorded' | 'changed' | Bar> {
  const { loaded, step } = item;
  try {
    if (!isCapped(loaded.facts, step)) return await verbOf(item)(db, vault, item);
    const [outcome] = await recordSteps(db, vault, [item]);
    return outcome ?? 'changed';
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return refusal;
  }
}

function verbOf({ loaded, step }: StepToRecord) {
  if (step.guess !== null) return recordGuess;
  return loaded.callId === null ? recordFirst : recordPlain;
}

const byCall = ({ query, ...item }: StepToRecord) => `${query.providerId}:${idsOf(item).providerCallId}`;
const recordPlain = shared<StepToRecord, 'recorded' | 'changed'>({ run: recordSteps, keyOf: byCall });
// Of calls that nothing was heard of before, which most are: a statement of little more than half as many parts.
const recordFirst = shared<StepToRecord, 'recorded' | 'changed'>({ run: recordSteps, keyOf: byCall });

// What is refused is refused with its whole statement, and is then tried alone. Of one caller the next guess counts upon
// what this one leaves.
const recordGuess = shared<StepToRecord, 'recorded' | 'changed'>({
  run: recordSteps,
  keyOf: ({ loaded, query }) => `${loaded.virtualNumberId}:${query.caller ?? ''}`,
});

function idsOf({ loaded, fresh }: Pick<StepToRecord, 'loaded' | 'fresh'>) {
  return { id: loaded.callId ?? fresh.id, providerCallId: loaded.providerCallId ?? fresh.providerCallId };
}

/**
 * The same for steps of several calls, all in one statement and in their order.
 *
 * @param items with a guess, no two of one caller on one number, or all without one; one that a limit of calls may
 *   refuse is the only one.
 */
async function recordSteps(
  db: Db,
  vault: Vault,
  items: readonly StepToRecord[],
): Promise<readonly ('recorded' | 'changed')[]> {
  const { sql } = db;
  const wishes = items.map((item, at) => wishOf(vault, item, at));
  const [only] = items.length === 1 ? items : [];
  const guesses = items.some(({ step }) => step.guess !== null);
  const isFirst = items.every(({ loaded }) => loaded.callId === null);
  const booked = (table: string) => sql.unsafe(BOOKED.map((name) => `${table}.${name}`).join(', '));
  const rows = await keyed(
    () => sql<{ at: number }[]>`
    with wish as materialized (
      select * from json_to_recordset(${jsonRows(wishes)}::text::json) as w(at int, id uuid, provider_id int,
        call_id text, anonymous_key bytea, account_id text, number_id int, direction text, caller_digest bytea,
        caller_cipher bytea, callee_digest bytea, callee_cipher bytea, session_id uuid, side text, outcome text,
        reason text, authenticated boolean, pin_policy jsonb, pin_tries text[], version int, record_format text,
        currency text, is_answered boolean, overdue_seconds int, last_caller bytea, told_session uuid, details jsonb,
        ${sql.unsafe(GUESS_TYPES)})
    ),
    ${
      isFirst
        ? sql``
        : sql`
    -- Row by row, so by the index however many there are; in the order of ids, as whoever else locks several calls.
    before as materialized (
      select c.* from (select provider_id, call_id from wish order by id) w cross join lateral (
        select ${booked('calls')} from calls where provider_id = w.provider_id and provider_call_id = w.call_id for update) c
    ),`
    }
    live as materialized (
      -- With those that the calls belong to already: what follows changes these, and none is locked out of turn.
      select s.id from (
        select told_session as id from wish ${isFirst ? sql`` : sql`union select session_id from before`} order by id) w
      cross join lateral (
        select id from sessions where id = w.id and ended_at is null and expires_at > now() for no key update) s
      -- The calls are locked first, as in every statement on both.
      ${isFirst ? sql`` : sql`where (select count(*) from before) >= 0`}
    ),
    after as (
      insert into calls (id, provider_id, provider_call_id, anonymous_key, account_id, subaccount_id, virtual_number_id,
        direction, caller_digest, caller_cipher, callee_digest, callee_cipher, session_id, caller_side, outcome, reason,
        authenticated, pin_policy, pin_tries, version, record_format, currency, a_started_at, a_answered_at, overdue_at)
      select w.id, w.provider_id, w.call_id, w.anonymous_key, w.account_id, v.subaccount_id, v.id,
        w.direction, w.caller_digest, w.caller_cipher, w.callee_digest, w.callee_cipher, w.session_id, w.side, w.outcome,
        w.reason, w.authenticated, w.pin_policy, w.pin_tries, w.version, w.record_format, w.currency, now(),
        case when w.is_answered then now() end, now() + make_interval(secs => w.overdue_seconds)
      from wish w join virtual_numbers v on v.id = w.number_id
      -- Read in any case, so that sessions are locked before a new call is there for others to wait for.
      where (select count(*) from live) >= 0 and (w.session_id is null or w.session_id in (select id from live))
      -- Ids are of our own making, and another one's for the same new call differ.
      order by w.provider_id, w.call_id
      on conflict (provider_id, provider_call_id) ${
        isFirst
          ? sql`do nothing`
          : sql`do update set
        -- What was erased stays so, whatever is still asked about the call.
        anonymous_key = case when calls.erased_at is null then coalesce(calls.anonymous_key, excluded.anonymous_key) end,
        subaccount_id = excluded.subaccount_id, virtual_number_id = excluded.virtual_number_id,
        caller_digest = case when calls.erased_at is null then coalesce(calls.caller_digest, excluded.caller_digest) end,
        caller_cipher = case when calls.erased_at is null then coalesce(calls.caller_cipher, excluded.caller_cipher) end,
        callee_digest = case when calls.erased_at is null then coalesce(excluded.callee_digest, calls.callee_digest) end,
        callee_cipher = case when calls.erased_at is null then coalesce(excluded.callee_cipher, calls.callee_cipher) end,
        session_id = coalesce(excluded.session_id, calls.session_id),
        caller_side = coalesce(excluded.caller_side, calls.caller_side), outcome = excluded.outcome,
        reason = excluded.reason, authenticated = excluded.authenticated, pin_policy = excluded.pin_policy,
        pin_tries = excluded.pin_tries, version = excluded.version, decided_at = now(),
        record_format = excluded.record_format, overdue_at = excluded.overdue_at,
        a_started_at = least(calls.a_started_at, excluded.a_started_at),
        a_answered_at = least(calls.a_answered_at, excluded.a_answered_at)
        -- A call that came to be only since it was loaded is decided anew: its ciphertexts are bound to its own id.
        where calls.version = excluded.version - 1 and calls.id = excluded.id
          and calls.id in (select id from before)`
      }
      returning ${booked('calls')}
    ),
    ${bookConsequences(sql, {
      isFirst,
      lastCallers: sql`
        select a.session_id, w.last_caller as cipher from after a join wish w using (id) where w.last_caller is not null`,
      step: sql`
        select live.id as session_id, a.id as call_id, 'pin:' || a.id || ':' || cardinality(w.pin_tries) as event_key,
          'SessionPinAuthenticationStatus' as event, w.details
        from after a join wish w using (id) join live on live.id = w.told_session where w.details is not null`,
    })}
    ${guesses ? sql`, ${spendGuesses(sql, vault)}` : sql``}
    select w.at, ${only ? checkCaps(sql, only.loaded.facts, only.step) : sql`true`}, ${guesses ? checkGuess(sql, vault) : sql`true`}
    from after join wish w using (id)`,
  );
  const recorded = new Set(rows.map(({ at }) => at));
  return items.map((_item, at) => (recorded.has(at) ? 'recorded' : 'changed'));
}

/** A step as its statement reads it. */
function wishOf(vault: Vault, { query, loaded, step, fresh, overdueInSeconds }: StepToRecord, at: number) {
  const { id, providerCallId } = idsOf({ loaded, fresh });
  const { party, pinEvent } = step;
  const { caller } = query;
  const callerDigest = caller === null ? null : vault.phoneDigest(caller);
  const remembers = step.remembersCaller && party !== null && caller !== null;
  return {
    at,
    id,
    provider_id: query.providerId,
    call_id: providerCallId,
    anonymous_key: query.providerCallId === null ? bytes(anonymousKey(vault, query)) : null,
    account_id: query.accountId,
    number_id: loaded.virtualNumberId,
    direction: query.direction,
    caller_digest: callerDigest && bytes(callerDigest),
    caller_cipher: caller === null ? null : bytes(vault.seal(caller, callerSeal(id))),
    callee_digest: step.callee === null ? null : bytes(vault.phoneDigest(step.callee)),
    callee_cipher: step.callee === null ? null : bytes(vault.seal(step.callee, calleeSeal(id))),
    session_id: party?.sessionId ?? null,
    side: party?.side ?? null,
    outcome: step.outcome,
    reason: step.reason,
    authenticated: step.authenticated,
    pin_policy: step.policy,
    pin_tries: step.tries,
    version: loaded.version + 1,
    record_format: step.recordFormat,
    currency: fresh.currency,
    is_answered: step.isAnswered,
    overdue_seconds: overdueInSeconds,
    last_caller: remembers ? bytes(vault.seal(caller, sessionSeal('last_caller', party.sessionId))) : null,
    told_session: party?.sessionId ?? pinEvent?.sessionId ?? null,
    ...guessWish(callerDigest, step.guess),
    details: pinEvent && { pinStatus: pinEvent.status, pinRetryCounter: pinEvent.retryCounter },
  };
}
