import type postgres from 'postgres';

/**
 * Part of a claim, with the CTEs `place` and `wanted_lease` of `takePlaces`: notes the most sessions that one
 * phone of the new session is in at a time, among those on numbers of the same pool (of the same account or
 * subaccount and country), this one included. Written only when it is a new peak of the day, which is seldom, so
 * claims do not queue for its row; and what writes it waits for nothing afterwards.
 *
 * Two claims for one phone that run at the same time count each other not: the next one, or whoever reads the
 * pool, sees both.
 */
export function notePeak(sql: postgres.Sql, anyone: Buffer) {
  return sql`
    insert into pool_peaks as k (account_id, subaccount_id, country, day, sessions)
    select n.account_id, n.subaccount_id, n.country, n.day, n.sessions
    from (
      select v.account_id, coalesce(v.subaccount_id, '') as subaccount_id, v.country,
        date_trunc('day', now(), 'UTC') as day, 1 + max(o.others)::int as sessions
      from place join virtual_numbers v on v.id = place.virtual_number_id
      join wanted_lease w using (session_id)
      cross join lateral (
        select count(*) as others from leases l join virtual_numbers lv on lv.id = l.virtual_number_id
        where l.party_digest = w.digest and l.held_until > now() and lv.id <> v.id and lv.account_id = v.account_id
          and lv.subaccount_id is not distinct from v.subaccount_id and lv.country = v.country
      ) o
      where w.digest <> ${anyone}
      group by 1, 2, 3, 4
      order by 1, 2, 3, 4
    ) n
    where not exists (
      select from pool_peaks h where h.account_id = n.account_id and h.subaccount_id = n.subaccount_id
        and h.country = n.country and h.day = n.day and h.sessions >= n.sessions)
    on conflict on constraint pool_peaks_day do update set sessions = greatest(k.sessions, excluded.sessions)`;
}
