import type postgres from 'postgres';
import type { Db } from './connect.ts';

/** A receiver that fails or is paused. */
export interface EndpointState {
  readonly endpoint: string;
  readonly failures: number;
  readonly failingSince: Date | null;
  readonly pausedAt: Date | null;
  readonly pauseReason: 'failing' | 'operator' | null;
  /** Callbacks that wait for it, and since when the oldest one does. */
  readonly waiting: number;
  readonly oldestAt: Date | null;
}

// What is more is moved by `tidyPauses`, so that no statement runs into its time limit.
const AT_ONCE = 10_000;

/** Part of a statement: an endpoint as `callbacks.endpoint` has it, of an address that begins with it. */
export function endpointOf(sql: postgres.Sql, url: string) {
  return sql`lower(substring(${url}::text from '^[A-Za-z]+://[^/?#]+'))`;
}

/**
 * Part of a statement: takes waiting callbacks of the endpoints in a CTE `paused` (account_id, endpoint) out of the
 * way. Rows that somebody has locked are left for later, so it waits for nobody and nobody is met in a circle.
 */
export function holdBack(sql: postgres.Sql, except: string | null = null) {
  return sql`
    update callbacks set state = 'paused' where id in (
      select c.id from paused p cross join lateral (
        select id from callbacks
        where state = 'pending' and endpoint = p.endpoint and account_id = p.account_id
          and (${except}::uuid is null or id <> ${except}::uuid)
        for update skip locked
      ) c limit ${AT_ONCE}
    ) returning id`;
}

/** Part of a statement: lets the callbacks of the endpoints in a CTE `resumed` go, in a new round of the schedule. */
function letGo(sql: postgres.Sql) {
  return sql`
    update callbacks set state = 'pending', next_attempt_at = now(), schedule_start = attempts where id in (
      select c.id from resumed r cross join lateral (
        select id from callbacks where state = 'paused' and endpoint = r.endpoint and account_id = r.account_id
        for update skip locked
      ) c limit ${AT_ONCE}
    ) returning id`;
}

/** Pauses an endpoint by hand. Repeatable. @returns how many callbacks were held back at once. */
export async function pauseEndpoint(db: Db, accountId: string, endpoint: string): Promise<number> {
  const { sql } = db;
  const [row] = await sql<{ held: number }[]>`
    with paused as materialized (
      insert into endpoints as e (account_id, endpoint, paused_at, pause_reason)
      values (${accountId}, ${endpointOf(sql, endpoint)}, now(), 'operator')
      on conflict (account_id, endpoint) do update set paused_at = coalesce(e.paused_at, excluded.paused_at),
        pause_reason = coalesce(e.pause_reason, excluded.pause_reason)
      returning account_id, endpoint
    ),
    held as (${holdBack(sql)})
    select count(*)::int as held from held`;
  return row?.held ?? 0;
}

/** Resumes an endpoint, and forgets that it failed. @returns how many callbacks are due at once; null: it was not paused. */
export async function resumeEndpoint(db: Db, accountId: string, endpoint: string): Promise<number | null> {
  const { sql } = db;
  const [row] = await sql<{ resumed: number; due: number }[]>`
    with resumed as materialized (
      delete from endpoints
      where account_id = ${accountId} and endpoint = ${endpointOf(sql, endpoint)} and paused_at is not null
      returning account_id, endpoint
    ),
    due as (${letGo(sql)})
    select (select count(*)::int from resumed) as resumed, count(*)::int as due from due`;
  return row?.resumed === 1 ? row.due : null;
}

/**
 * Brings the callbacks of paused and of resumed endpoints into line with them: those that were booked since, or
 * were locked or too many at the time.
 */
export async function tidyPauses(db: Db): Promise<void> {
  const { sql } = db;
  await sql`
    with recursive places as (
      -- Steps from one paused place to the next through the index, however many callbacks each has.
      (select account_id, endpoint from callbacks where state = 'paused' order by account_id, endpoint limit 1)
      union all
      select n.account_id, n.endpoint from places p cross join lateral (
        select c.account_id, c.endpoint from callbacks c
        where c.state = 'paused' and (c.account_id, c.endpoint) > (p.account_id, p.endpoint)
        order by c.account_id, c.endpoint limit 1
      ) n
    ),
    paused as materialized (select account_id, endpoint from endpoints where paused_at is not null),
    resumed as materialized (select account_id, endpoint from places except select account_id, endpoint from paused),
    held as (${holdBack(sql)}),
    due as (${letGo(sql)})
    select (select count(*) from held) + (select count(*) from due)`;
}

/** A page of the endpoints that fail or are paused, and how many there are in all. */
export async function listEndpoints(
  db: Db,
  accountId: string,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; endpoints: readonly EndpointState[] }> {
  const { sql } = db;
  const rows = await sql<EndpointRow[]>`
    with places as materialized (
      select *, count(*) over ()::int as total from endpoints
      where account_id = ${accountId} and (failures > 0 or paused_at is not null)
      order by endpoint limit ${page.limit} offset ${page.offset}
    )
    select p.total, p.endpoint, p.failures, p.pause_reason as "pauseReason",
      extract(epoch from p.failing_since)::float8 * 1000 as "failingSinceMs",
      extract(epoch from p.paused_at)::float8 * 1000 as "pausedAtMs",
      (w.pending + h.held)::int as waiting, extract(epoch from least(w.oldest, h.oldest))::float8 * 1000 as "oldestAtMs"
    from places p
    cross join lateral (
      select count(*) as pending, min(occurred_at) as oldest from callbacks
      where state = 'pending' and endpoint = p.endpoint and account_id = p.account_id
    ) w
    cross join lateral (
      select count(*) as held, min(occurred_at) as oldest from callbacks
      where state = 'paused' and endpoint = p.endpoint and account_id = p.account_id
    ) h
    order by p.endpoint`;
  const at = (ms: number | null) => (ms === null ? null : new Date(ms));
  const endpoints = rows.map(({ failingSinceMs, pausedAtMs, oldestAtMs, total: _, ...row }) => ({
    ...row,
    failingSince: at(failingSinceMs),
    pausedAt: at(pausedAtMs),
    oldestAt: at(oldestAtMs),
  }));
  return { total: rows[0]?.total ?? 0, endpoints };
}

type EndpointRow = Pick<EndpointState, 'endpoint' | 'failures' | 'pauseReason' | 'waiting'> & {
  readonly total: number;
  readonly failingSinceMs: number | null;
  readonly pausedAtMs: number | null;
  readonly oldestAtMs: number | null;
};
