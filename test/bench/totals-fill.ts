import type postgres from 'postgres';
import { contributions } from '../../src/store/call-books.ts';
import { tallySessions } from '../support/tallying.ts';

export const ACCOUNT = 'MAAAAAAAAAAAAAAAAAAA';

/**
 * Thirty days of an account: 1 000 numbers of three countries, two providers and four subaccounts; calls of which
 * two thirds are connected, their lengths exponential around 150 s.
 */
export async function fill(sql: postgres.Sql, size: { sessions: number; calls: number }): Promise<void> {
  await sql`
    insert into providers (key_digest, account_id, dialect, secrets_cipher)
    values ('\\x01', ${ACCOUNT}, 'plivo', ''), ('\\x02', ${ACCOUNT}, 'hipcall', '')`;
  await sql`
    insert into virtual_numbers (number, account_id, subaccount_id, provider_id, country)
    select '+1415' || (1000000 + n), ${ACCOUNT}, case when n % 5 > 0 then 'SAAAAAAAAAAAAAAAAAA' || n % 5 end,
      case when n % 10 in (0, 1, 2) then 2 else 1 end, case when n % 10 in (0, 1, 2) then 'TR' when n % 10 = 3 then 'GB' else 'US' end
    from generate_series(1, 1000) n`;
  await sql`
    insert into sessions (id, account_id, subaccount_id, virtual_number_id, first_party_digest, second_party_digest, pin_required,
      single_party, cooloff_seconds, callback_url, callback_method, has_unknown_caller_play, settings, created_at, modified_at,
      expires_at, ended_at)
    select gen_random_uuid(), ${ACCOUNT}, v.subaccount_id, v.id, sha256(n::text::bytea), sha256((-n)::text::bytea), false, false, 0, '',
      'POST', false, '{}', c.at, c.at, c.at + interval '30 minutes', case when c.at < now() - interval '30 minutes' then c.at + interval '30 minutes' end
    from (select n, 1 + n % 1000 as number, now() - interval '30 days' * random() as at from generate_series(1, ${size.sessions}::int) n) c
    join virtual_numbers v on v.id = c.number`;
  await sql`
    insert into calls (id, provider_id, provider_call_id, account_id, subaccount_id, virtual_number_id, session_id, outcome, reason,
      authenticated, pin_tries, version, started_at, decided_at, a_started_at, a_answered_at, a_ended_at, a_hangup_code, a_seconds,
      a_billed_seconds, a_cost, b_leg_id, b_answered_at, b_ended_at, b_seconds, b_billed_seconds, b_cost)
    select gen_random_uuid(), v.provider_id, n::text, ${ACCOUNT}, v.subaccount_id, v.id, case when x < 0.85 then gen_random_uuid() end,
      case when x < 0.85 then 'connected' when x < 0.94 then 'refused' else 'asked' end,
      case when x < 0.85 then 'known_caller' else (array['no_session', 'wrong_pin', 'too_many_tries'])[1 + n % 3] end,
      n % 4 = 0, case when n % 4 = 0 then array['right', 'wrong'] else '{}' end, 1, c.at, c.at, c.at, c.at,
      c.at + make_interval(secs => len + 10), (array[4000, 4000, 4000, 3000, 3010, 6000, 1000])[1 + n % 7], len + 10,
      60 * (1 + len / 60), 0.0055 * (1 + len / 60), case when x < 0.85 then 'b' || n end,
      case when x < 0.66 then c.at end, c.at + make_interval(secs => len + 5), case when x < 0.66 then len end,
      case when x < 0.66 then 60 * (1 + len / 60) end, case when x < 0.66 then 0.0085 * (1 + len / 60) end
    from (
      select n, 1 + n % 1000 as number, now() - interval '30 days' * random() as at, random() as x,
        least(7200, (-150 * ln(1 - random())))::int as len
      from generate_series(1, ${size.calls}::int) n
    ) c join virtual_numbers v on v.id = c.number`;
}

/** The tallies that the statements of these sessions and calls would have written. */
export async function tallyAll(sql: postgres.Sql): Promise<void> {
  await tallySessions(sql);
  await tallyCalls(sql);
}

/** The tallies of every call that there is. */
export async function tallyCalls(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into tallies (account_id, subaccount_id, virtual_number_id, provider_id, hour, status, hangup_code, refusal, currency,
      amount, length_seconds, length_count, offered, connected, missed, refused, abandoned, pin_successes, pin_failures,
      talk_seconds, billed_seconds)
    select account_id, subaccount_id, virtual_number_id, provider_id, hour, status, hangup_code, refusal, currency, amount,
      length_seconds, (length_seconds is not null)::int, 1, (status = 'connected')::int, (status = 'missed')::int,
      (status = 'refused')::int, (status = 'abandoned')::int, pin_successes, pin_failures, coalesce(length_seconds, 0), billed_seconds
    from (${contributions(sql, 'calls')}) c order by hour`;
}
