import type postgres from 'postgres';
import { UNSAID_SETTINGS } from '../core/session.ts';

/**
 * The columns of `calls` that `bookConsequences` reads. Half of all there are, and PostgreSQL sets up each of them for
 * every part of a plan that has it.
 */
export const BOOKED = [
  ...['id', 'provider_id', 'provider_call_id', 'account_id', 'subaccount_id', 'virtual_number_id', 'session_id'],
  ...['caller_side', 'outcome', 'reason', 'authenticated', 'pin_tries', 'record_format', 'currency', 'started_at'],
  ...['a_answered_at', 'a_ended_at', 'a_hangup_code', 'b_leg_id', 'b_ringing_at', 'b_answered_at', 'b_ended_at'],
  ...['b_hangup_code', 'b_seconds', 'swept_at', 'recording_missed_at', 'is_over', 'legs', 'billed_seconds', 'cost'],
];

/**
 * Part of a statement that changes calls: what follows from the change, with it or not at all. It expects the CTEs
 * `before` (the rows as they were, locked; none for a new call) and `after` (the rows as they are), both with the
 * columns of `BOOKED` at least, and books
 *
 * - callbacks: each fact that is true of a call now and was not before,
 * - the session's totals and `tallies`: what the call contributes now, less what it did before.
 *
 * So it does not matter in which order, how often and where a call's facts arrive.
 *
 * Locks go calls → sessions, in each statement: whoever locks a session first and then an existing call would
 * meet another one in a circle.
 *
 * @param more.isFirst true where nothing was heard of the calls before and none is over, so that there is no `before`.
 * @param more.recorded true where the statement has a CTE `recorded` with changed rows of `recordings`.
 * @param more.step a fragment `select session_id, call_id, event_key, event, details` of further callbacks.
 * @param more.lastCallers a fragment `select session_id, cipher`: ciphertexts to keep as those sessions' last callers.
 */
export function bookConsequences(
  sql: postgres.Sql,
  more: {
    readonly isFirst?: boolean;
    readonly recorded?: boolean;
    readonly step?: postgres.PendingQuery<postgres.Row[]>;
    readonly lastCallers?: postgres.PendingQuery<postgres.Row[]>;
  } = {},
) {
  const { isFirst = false } = more;
  const lastCallers = more.lastCallers ?? sql`select null::uuid as session_id, null::bytea as cipher where false`;
  return sql`
    ${
      isFirst
        ? sql``
        : sql`
    -- Of a change that was refused nothing follows: what was before it counts as before.
    former as materialized (select * from before where id in (select id from after)),`
    }
    news as materialized (
      ${more.step ? sql`select 0 as place, false as of_recording, null::uuid as recording_id, p.* from (${more.step}) p union all` : sql``}
      ${callNews(sql, isFirst)}
      union all
      ${recordingNews(sql, more.recorded ?? false)}
    ),
    last_callers as materialized (${lastCallers}),
    deltas as materialized (
      select session_id, sum(legs)::int as legs, sum(billed_seconds)::int as billed_seconds, sum(cost) as cost,
        max(ended_at) as ended_at, sum(told)::int as told, sum(told_of_recording)::int as told_of_recording
      from (
        select n.session_id, 0 as legs, 0 as billed_seconds, 0::numeric as cost, null::timestamptz as ended_at,
          (not n.of_recording)::int as told, n.of_recording::int as told_of_recording
        from news n
        -- A session that tells nobody stays as it is.
        join sessions s on s.id = n.session_id and (n.of_recording or s.callback_url <> '')
        union all
        select session_id, 0, 0, 0, null, 0, 0 from last_callers
        ${isFirst ? sql`` : sql`union all ${whatEnded(sql)}`}
      ) d group by session_id
    ),
    -- In one order, since a statement on many calls may meet another one.
    homes as materialized (
      select id from sessions where id in (select session_id from deltas) order by id for no key update
    ),
    told_sessions as (
      update sessions s set
        callback_sequence = s.callback_sequence + case when s.callback_url <> '' then d.told else 0 end
          + case when s.settings->>'recordingCallbackUrl' <> '' then d.told_of_recording else 0 end,
        total_calls = s.total_calls + d.legs, total_billed_seconds = s.total_billed_seconds + d.billed_seconds,
        total_amount = s.total_amount + d.cost,
        last_interaction_at = greatest(s.last_interaction_at, d.ended_at),
        last_caller_cipher = coalesce(
          (select cipher from last_callers l where l.session_id = s.id limit 1), s.last_caller_cipher)
      from deltas d, homes h where h.id = d.session_id and s.id = h.id
      returning s.id, s.account_id, s.subaccount_id, s.virtual_number_id, s.callback_sequence, s.callback_url,
        s.callback_method, s.settings
    ),
    told as (
      insert into callbacks (event_key, account_id, subaccount_id, session_id, virtual_number_id, call_id, recording_id,
        event, sequence, details, url, method)
      select event_key, account_id, subaccount_id, session_id, virtual_number_id, call_id, recording_id, event,
        callback_sequence - count(*) over (partition by session_id)
          + row_number() over (partition by session_id order by call_id, place),
        details, url, method
      from (
        select n.*, s.account_id, s.subaccount_id, s.virtual_number_id, s.callback_sequence,
          case when n.of_recording then s.settings->>'recordingCallbackUrl' else s.callback_url end as url,
          case when n.of_recording
            then coalesce(s.settings->>'recordingCallbackMethod', ${UNSAID_SETTINGS.recordingCallbackMethod})
            else s.callback_method end as method
        from news n join told_sessions s on s.id = n.session_id
      ) t where url <> ''
      on conflict (event_key) do nothing
    ),
    now_given as (${contributions(sql, 'after')}),
    ${isFirst ? sql`` : sql`once_given as (${contributions(sql, 'former')}),`}
    tallied as (
      insert into tallies (account_id, subaccount_id, virtual_number_id, provider_id, hour, status, hangup_code, refusal,
        currency, amount, length_seconds, length_count, offered, connected, missed, refused, abandoned, pin_successes,
        pin_failures, talk_seconds, billed_seconds)
      select account_id, subaccount_id, virtual_number_id, provider_id, hour, status, hangup_code, refusal, currency,
        sign * amount, length_seconds, case when length_seconds is null then 0 else sign end, sign,
        case status when 'connected' then sign else 0 end, case status when 'missed' then sign else 0 end,
        case status when 'refused' then sign else 0 end, case status when 'abandoned' then sign else 0 end,
        sign * pin_successes, sign * pin_failures, sign * coalesce(length_seconds, 0), sign * billed_seconds
      from (
        ${
          isFirst
            ? sql`select 1 as sign, n.* from now_given n`
            : sql`
        select 1 as sign, n.* from (select * from now_given except select * from once_given) n
        union all
        select -1, o.* from (select * from once_given except select * from now_given) o`
        }
      ) changes
    )`;
}

/** What calls that are over add to their sessions, less what they added before. */
function whatEnded(sql: postgres.Sql) {
  return sql`
    select session_id, legs, billed_seconds, cost, coalesce(swept_at, a_ended_at), 0, 0
    from after where is_over and session_id is not null
    union all
    select session_id, -legs, -billed_seconds, -cost, null, 0, 0 from former where is_over and session_id is not null`;
}

/**
 * What apps are told of a call, in this order. Roles are the session's: the caller may be either side. A first
 * party is never said to ring, since Plivo has no such event.
 */
function callNews(sql: postgres.Sql, isFirst: boolean) {
  const first = sql`case c.caller_side when 'first'`;
  const facts = (calls: 'before' | 'after') => sql`
    select c.id, c.session_id, f.place, f.event from ${sql(calls)} c cross join lateral (values
      (1, ${first} then 'SessionFirstPartyAnswer' else 'SessionSecondPartyAnswer' end,
        c.outcome = 'connected' or (c.outcome = 'placed' and c.a_answered_at is not null)),
      (2, 'SessionSecondPartyRing', c.caller_side = 'first' and coalesce(c.b_ringing_at, c.b_answered_at) is not null),
      (3, ${first} then 'SessionSecondPartyAnswer' else 'SessionFirstPartyAnswer' end, c.b_answered_at is not null),
      (4, ${first} then 'SessionSecondPartyHangup' else 'SessionFirstPartyHangup' end,
        (c.b_leg_id is not null or c.b_hangup_code is not null) and (c.b_ended_at is not null or c.is_over)),
      (5, ${first} then 'SessionFirstPartyHangup' else 'SessionSecondPartyHangup' end, c.is_over),
      (6, 'SessionPartiesHangup', c.is_over),
      (9, 'SessionRecordingFailed', c.recording_missed_at is not null)
    ) f(place, event, is_true)
    where f.is_true and c.session_id is not null and c.outcome in ('connected', 'placed', 'unplaced')`;
  return sql`
    select n.place, n.place = 9 as of_recording, null::uuid as recording_id, n.session_id, n.id as call_id,
      'call:' || n.id || ':' || n.event as event_key, n.event, '{}'::jsonb as details
    from (${facts('after')} ${isFirst ? sql`` : sql`except ${facts('before')}`}) n`;
}

/** Recordings may be heard of before their call's session is known, so each change of the call looks for them. */
function recordingNews(sql: postgres.Sql, recorded: boolean) {
  return sql`
    select f.place, true, r.id, c.session_id, c.id, 'recording:' || r.id || ':' || f.event, f.event, '{}'::jsonb
    from after c
    join (
      ${recorded ? sql`select id, provider_id, provider_call_id, is_complete from recorded union all` : sql``}
      select r.id, r.provider_id, r.provider_call_id, r.is_complete from recordings r
      join after k on k.provider_id = r.provider_id and k.provider_call_id = r.provider_call_id
      where ${recorded ? sql`r.id not in (select id from recorded)` : sql`k.record_format is not null`}
    ) r using (provider_id, provider_call_id)
    cross join lateral (values (7, 'SessionRecordingInitiated', true), (8, 'SessionRecordingCompleted', r.is_complete)
    ) f(place, event, is_true)
    where f.is_true and c.session_id is not null and c.outcome in ('connected', 'placed')
      and not exists (select from callbacks k where k.event_key = 'recording:' || r.id || ':' || f.event)`;
}

/** What each of the calls adds to the totals; an orphan adds nothing. */
export function contributions(sql: postgres.Sql, calls: 'former' | 'after' | 'calls') {
  return sql`
    select id, account_id, coalesce(subaccount_id, '') as subaccount_id, virtual_number_id, provider_id,
      date_trunc('hour', started_at, 'UTC') as hour, status,
      case when is_over then a_hangup_code end as hangup_code,
      case when status = 'refused' then reason end as refusal,
      currency, case when is_over then cost else 0 end as amount,
      case when status = 'connected' then coalesce(b_seconds, 0) end as length_seconds,
      authenticated::int as pin_successes, cardinality(pin_tries) - authenticated::int as pin_failures,
      case when is_over then billed_seconds else 0 end as billed_seconds
    from (
      select *, case
        when outcome in ('refused', 'pin_failed') then 'refused'
        when outcome = 'unplaced' then 'missed'
        when not is_over then 'in-progress'
        when outcome = 'asked' then 'abandoned'
        when b_answered_at is not null then 'connected'
        else 'missed'
      end as status
      from ${sql(calls)}
    ) c where outcome <> 'orphan'`;
}
