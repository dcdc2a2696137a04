import type postgres from 'postgres';

// Counting reads so many leases at most, on average, however many sessions somebody is in.
const ROWS = 100;

/**
 * Part of a claim, with the CTEs `place` and `wanted_lease` of `takePlaces`: notes the most sessions that one
 * phone of the new session is in at a time, among those on numbers of the same pool (of the same account or
 * subaccount and country), this one included. Written only when it is a new peak of the day, which is seldom, so
 * claims do not queue for its row; and what writes it waits for nothing afterwards.
 *
 * Every claim counts up to a peak of a hundred. Above that by chance, one in two at 200 and one in forty-five at 4 500:
 * so a peak that is still growing lags by one percent on average.
 *
 * Two claims for one phone that run at the same time count each other not: the next one, or whoever reads the
 * pool, sees both.
 */
export function notePeak(sql: postgres.Sql, anyone: Buffer) {
  return sql`
    insert into pool_peaks as k (account_id, subaccount_id, country, day, sessions)
    select n.account_id, n.subaccount_id, n.country, n.day, n.sessions
    from (
      select v.account_id, coalesce(v.subaccount_id, '') as subaccount_id, v.country, v.day,
        max(v.known) as known, 1 + max(o.others)::int as sessions
      from (
        select place.session_id, v.*, h.day, h.sessions as known
        from place join virtual_numbers v on v.id = place.virtual_number_id cross join lateral (
          select d.day, max(k.sessions) as sessions
          from (values (date_trunc('day', now(), 'UTC'))) d(day) left join pool_peaks k on k.account_id = v.account_id
            and k.subaccount_id = coalesce(v.subaccount_id, '') and k.country = v.country and k.day = d.day
          group by 1) h
        where coalesce(h.sessions, 0) * random() < ${ROWS} offset 0
      ) v
      join wanted_lease w using (session_id)
      -- First all of them, by the index alone; those of this pool only where there are enough.
      cross join lateral (
        select count(*) as others from leases
        where party_digest = w.digest and held_until > now() and virtual_number_id > 0) every
      cross join lateral (
        select count(*) as others from leases l join virtual_numbers lv on lv.id = l.virtual_number_id
        where every.others >= coalesce(v.known, 0) and l.party_digest = w.digest and l.held_until > now()
          and l.virtual_number_id > 0
          and lv.id <> v.id and lv.account_id = v.account_id
          and lv.subaccount_id is not distinct from v.subaccount_id and lv.country = v.country
      ) o
      where w.digest <> ${anyone}
      group by 1, 2, 3, 4
      order by 1, 2, 3, 4
    ) n
    where n.sessions > coalesce(n.known, 0)
    on conflict on constraint pool_peaks_day do update set sessions = greatest(k.sessions, excluded.sessions)`;
}
