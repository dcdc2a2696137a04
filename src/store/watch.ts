import type { PoolLoad } from '../core/pool-load.ts';
import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

/** What somebody who watches the service has to know of its database; nothing of it names a person. */
export interface Watched {
  /** No more than 100 000 are counted. */
  readonly callbacksPending: number;
  /** For how long the callback that waits longest has been due; 0 where none is. */
  readonly oldestDueSeconds: number;
  readonly endpointsPaused: number;
  /** For how long the session that waits longest for its end's announcement has been over; 0 where none is. */
  readonly expiryLagSeconds: number;
  readonly liveSessions: number;
  /** Of all accounts. */
  readonly pools: readonly PoolLoad[];
}

// Counting more would cost most when there is least to spare.
const PENDING_COUNTED = 100_000;

/** All of it at one moment. Reads few rows, however much the database holds, but one index entry per live session. */
export async function readWatched({ sql }: Db, vault: Vault): Promise<Watched> {
  const [row] = await sql<[Watched]>`
    with recursive receivers as (
      -- From one endpoint to the next through the index, as the take of callbacks does.
      (select endpoint from callbacks where state = 'pending' order by endpoint limit 1)
      union all
      select (select c.endpoint from callbacks c where c.state = 'pending' and c.endpoint > r.endpoint order by c.endpoint limit 1)
      from receivers r where r.endpoint is not null
    ),
    first_due as (
      select (select min(c.next_attempt_at) from callbacks c where c.state = 'pending' and c.endpoint = r.endpoint) as at
      from receivers r where r.endpoint is not null
    ),
    peaks as (
      select account_id, subaccount_id, country, max(sessions) as sessions from pool_peaks
      where day > date_trunc('day', now(), 'UTC') - interval '30 days' group by 1, 2, 3
    ),
    anyone as (
      select l.virtual_number_id from leases l
      where l.party_digest = ${vault.anyoneDigest} and l.held_until > now() and l.virtual_number_id > 0
    ),
    pools as (
      select v.country, v.subaccount_id as "subaccountId", count(*)::int as numbers, 0 as "liveSessions", 0 as load,
        count(a.virtual_number_id)::int as "openNumbers", coalesce(max(p.sessions), 0) as peak
      from virtual_numbers v
      left join anyone a on a.virtual_number_id = v.id
      left join peaks p on p.account_id = v.account_id and p.country = v.country
        and p.subaccount_id = coalesce(v.subaccount_id, '')
      where v.retired_at is null group by v.account_id, v.country, v.subaccount_id
    )
    select (select count(*)::int from (select from callbacks where state = 'pending' limit ${PENDING_COUNTED}) as waiting)
        as "callbacksPending",
      (select coalesce(greatest(extract(epoch from now() - min(at)), 0), 0)::float8 from first_due) as "oldestDueSeconds",
      (select count(*)::int from endpoints where paused_at is not null) as "endpointsPaused",
      coalesce((select extract(epoch from now() - expires_at) from sessions
        where ended_at is null and expires_at <= now() order by expires_at limit 1), 0)::float8 as "expiryLagSeconds",
      (select count(*)::int from sessions where ended_at is null and expires_at > now()) as "liveSessions",
      coalesce((select jsonb_agg(to_jsonb(p)) from pools p), '[]') as pools`;
  return row;
}
