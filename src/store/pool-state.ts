import type { Scope } from '../core/account.ts';
import type { Phone } from '../core/phone.ts';
import type { PoolLoad } from '../core/pool-load.ts';
import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

/** A number of the pool and what holds it. */
export interface NumberLoad {
  readonly number: Phone;
  readonly country: string;
  readonly subaccountId: string | null;
  readonly liveSessions: number;
  /** Places that sessions which have ended still hold, until their cool-off is over. */
  readonly coolingPlaces: number;
  /** When the next party's place on it becomes free; null where none is held. */
  readonly nextFreeAt: Date | null;
}

export interface PoolState {
  readonly pools: readonly PoolLoad[];
  /** Those of the page, by number. */
  readonly numbers: readonly NumberLoad[];
  readonly numberCount: number;
}

/** The account's pools as they are at this moment, and a page of their numbers. */
export async function readPool(
  { sql }: Db,
  vault: Vault,
  { accountId, subaccountId }: Scope,
  page: { readonly limit: number; readonly offset: number },
): Promise<PoolState> {
  const [row] = await sql<{ pools: PoolLoad[]; numbers: NumberRow[]; numberCount: number }[]>`
    with owned as materialized (
      select id, number, country, subaccount_id from virtual_numbers
      where account_id = ${accountId} and retired_at is null
        and (${subaccountId}::text is null or subaccount_id = ${subaccountId})
    ),
    -- Those that may still hold something: a cool-off is an hour at most.
    recent as materialized (
      select s.id, s.virtual_number_id, s.ended_at is null and s.expires_at > now() as is_live
      from sessions s where s.account_id = ${accountId} and s.expires_at > now() - interval '1 hour'
    ),
    held as materialized (
      select l.virtual_number_id, l.party_digest, l.held_until, not r.is_live as is_cooling
      from recent r join leases l on l.session_id = r.id where l.held_until > now()
    ),
    live as (select virtual_number_id, count(*)::int as sessions from recent where is_live group by 1),
    frees as (
      select virtual_number_id, min(held_until) as at, count(*) filter (where is_cooling)::int as cooling
      from held group by 1
    ),
    phones as (
      select o.country, o.subaccount_id, h.party_digest = ${vault.anyoneDigest} as is_anyone, count(*)::int as holds
      from held h join owned o on o.id = h.virtual_number_id group by o.country, o.subaccount_id, h.party_digest
    ),
    pools as (
      select o.country, o.subaccount_id, count(*)::int as numbers, coalesce(sum(l.sessions), 0)::int as live_sessions
      from owned o left join live l on l.virtual_number_id = o.id group by 1, 2
    ),
    loads as (
      select p.country, p.subaccount_id as "subaccountId", p.numbers, p.live_sessions as "liveSessions",
        coalesce(max(h.holds) filter (where not h.is_anyone), 0) as load,
        coalesce(max(h.holds) filter (where h.is_anyone), 0) as "openNumbers",
        coalesce((select max(k.sessions) from pool_peaks k where k.account_id = ${accountId} and k.country = p.country
          and k.subaccount_id = coalesce(p.subaccount_id, '')
          and k.day > date_trunc('day', now(), 'UTC') - interval '30 days'), 0) as peak
      from pools p left join phones h on h.country = p.country and h.subaccount_id is not distinct from p.subaccount_id
      group by 1, 2, 3, 4
    ),
    shown as (
      select o.number, o.country, o.subaccount_id as "subaccountId", coalesce(l.sessions, 0) as "liveSessions",
        coalesce(f.cooling, 0) as "coolingPlaces", extract(epoch from f.at)::float8 * 1000 as "nextFreeMs"
      from owned o left join live l on l.virtual_number_id = o.id left join frees f on f.virtual_number_id = o.id
      order by o.number collate "C" limit ${page.limit} offset ${page.offset}
    )
    select (select count(*)::int from owned) as "numberCount",
      coalesce((select jsonb_agg(to_jsonb(l) order by country, "subaccountId" nulls first) from loads l), '[]') as pools,
      coalesce((select jsonb_agg(to_jsonb(n) order by number collate "C") from shown n), '[]') as numbers`;
  const { pools, numbers, numberCount } = row ?? { pools: [], numbers: [], numberCount: 0 };
  return {
    pools,
    numbers: numbers.map(({ nextFreeMs, ...number }) => ({
      ...number,
      nextFreeAt: nextFreeMs === null ? null : new Date(nextFreeMs),
    })),
    numberCount,
  };
}

type NumberRow = Omit<NumberLoad, 'nextFreeAt'> & { readonly nextFreeMs: number | null };
