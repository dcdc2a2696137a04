import type { Db } from './connect.ts';

/** Sessions that ended so many days ago and are not erased yet, the longest ago first, with their main accounts. */
export async function sessionsToErase(
  { sql }: Db,
  days: number,
  limit: number,
): Promise<readonly { readonly id: string; readonly accountId: string }[]> {
  return sql<{ id: string; accountId: string }[]>`
    select id, account_id as "accountId" from sessions
    where erased_at is null and ended_at is not null and ended_at < now() - make_interval(days => ${days})
    order by ended_at limit ${limit}`;
}

/**
 * Deletes calls that were first heard of so many days ago, `limit` at most. Whole hours go, the oldest first, so that
 * what is kept can still be held against sums and totals: see `invariants-edges.ts`.
 *
 * @returns false when there are no more.
 */
export async function purgeCalls({ sql }: Db, days: number, limit: number): Promise<boolean> {
  const [row] = await sql<{ more: boolean }[]>`
    with edge as (
      -- The oldest call of each account is the first in its index.
      select least(date_trunc('hour', min(oldest.at), 'UTC') + interval '1 hour',
        date_trunc('hour', now() - make_interval(days => ${days}), 'UTC')) as at
      from accounts a cross join lateral (select min(started_at) as at from calls where account_id = a.id) oldest
    ),
    old as materialized (
      select c.id from edge, calls c where c.started_at < edge.at limit ${limit} for update of c skip locked
    ),
    gone as (delete from calls c using old where c.id = old.id returning 1)
    select count(*) > 0 as more from gone`;
  return row?.more ?? false;
}

/** Deletes callbacks that came to their end and are of a fact so many days ago, with their attempts. Likewise. */
export async function purgeCallbacks({ sql }: Db, days: number, limit: number): Promise<boolean> {
  const [row] = await sql<{ more: boolean }[]>`
    with old as materialized (
      select id from callbacks
      where occurred_at < date_trunc('hour', now() - make_interval(days => ${days}), 'UTC')
        and state in ('delivered', 'given_up')
      limit ${limit} for update skip locked
    ),
    attempts as (delete from callback_attempts a using old where a.callback_id = old.id),
    gone as (delete from callbacks c using old where c.id = old.id returning 1)
    select count(*) > 0 as more from gone`;
  return row?.more ?? false;
}

/** Deletes what is known of recordings that were heard of so many days ago; the files are their provider's. Likewise. */
export async function purgeRecordings({ sql }: Db, days: number, limit: number): Promise<boolean> {
  const [row] = await sql<{ more: boolean }[]>`
    with gone as (
      delete from recordings where id in (
        select id from recordings where added_at < date_trunc('hour', now() - make_interval(days => ${days}), 'UTC')
        limit ${limit})
      returning 1
    )
    select count(*) > 0 as more from gone`;
  return row?.more ?? false;
}

/**
 * Deletes what has served its time: answers to repeated requests after a day, budgets of wrong PINs that are full,
 * secrets that nothing was signed with for a day. Tokens stay: a declaration must know those that have ended.
 */
export async function purgeShortLived({ sql }: Db, limit: number): Promise<boolean> {
  const [row] = await sql<{ more: boolean }[]>`
    with answers as (
      delete from idempotency_keys where (account_id, route, key_digest) in (
        select account_id, route, key_digest from idempotency_keys where claimed_at < now() - interval '24 hours'
        order by claimed_at limit ${limit})
      returning 1
    ),
    budgets as (
      delete from pin_budgets where (virtual_number_id, caller_digest) in (
        select virtual_number_id, caller_digest from pin_budgets where full_at < now() order by full_at limit ${limit})
        and full_at < now()
      returning 1
    ),
    secrets as (delete from signing_secrets where expires_at < now() - interval '1 day' returning 1)
    select (select count(*) from answers) + (select count(*) from budgets) + (select count(*) from secrets) > 0 as more`;
  return row?.more ?? false;
}
