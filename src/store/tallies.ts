import type postgres from 'postgres';
import type { Db } from './connect.ts';

/** What tallies and `totals` both count. */
export const METRICS = [
  'sessions_created',
  'sessions_ended',
  'offered',
  'connected',
  'missed',
  'refused',
  'abandoned',
  'pin_successes',
  'pin_failures',
  'talk_seconds',
  'billed_seconds',
] as const;

export type Fragment = postgres.PendingQuery<postgres.Row[]>;

/** Each metric as the text makes it, in a list. For texts of our own alone. */
export function eachMetric(sql: postgres.Sql, text: (metric: string) => string): Fragment {
  return sql.unsafe(METRICS.map(text).join(', ')) as unknown as Fragment;
}

/**
 * Part of a statement that creates a session: tallies the rows of its CTE `made`, which has the columns of
 * `sessions`. A plain insert, which waits for nobody.
 */
export function tallyCreated(sql: postgres.Sql) {
  return tallySessions(sql, 'made', 'created_at', 'sessions_created');
}

/** Part of a statement that ends sessions: likewise the rows of its CTE `ended`. */
export function tallyEnded(sql: postgres.Sql) {
  return tallySessions(sql, 'ended', 'ended_at', 'sessions_ended');
}

function tallySessions(sql: postgres.Sql, source: string, instant: string, metric: string) {
  return sql`
    insert into tallies (account_id, subaccount_id, virtual_number_id, provider_id, hour, ${sql(metric)})
    select s.account_id, coalesce(s.subaccount_id, ''), s.virtual_number_id, v.provider_id,
      date_trunc('hour', s.${sql(instant)}, 'UTC'), 1
    from ${sql(source)} s left join virtual_numbers v on v.id = s.virtual_number_id`;
}

/**
 * The tallies of a relation, each in every cell of `totals` that it belongs to; not summed up.
 *
 * @param dimensions only these, where given.
 */
export function spreadTallies(sql: postgres.Sql, source: string, dimensions: readonly string[] | null = null) {
  return sql`
    select t.account_id, t.subaccount_id, d.dimension, d.key, g.grain, g.period, ${eachMetric(sql, (m) => `t.${m}`)}
    from ${cells(sql, source, dimensions)}`;
}

/**
 * The same for the cells of `totals_by_value`: refusals by reason, money by currency, and connected calls by their
 * length. Lengths are counted twice, by the minute and by the second, so that who looks for a percentile reads the
 * seconds of one minute only; those of a virtual number are read from its calls.
 */
export function spreadValues(sql: postgres.Sql, source: string, dimensions: readonly string[] | null = null) {
  return sql`
    select t.account_id, t.subaccount_id, d.dimension, d.key, g.grain, g.period, x.metric, x.value, x.sum
    from ${cells(sql, source, dimensions)}
    cross join lateral (values ('amount', t.currency, t.amount), ('refused', t.refusal, t.refused::numeric),
      ('minutes', ${sortable(sql, sql`t.length_seconds / 60`)}, t.length_count::numeric),
      ('seconds', ${sortable(sql, sql`t.length_seconds`)}, t.length_count::numeric)) x(metric, value, sum)
    where x.value is not null and x.sum <> 0 and not (x.metric in ('minutes', 'seconds') and d.dimension = 'virtual_number')`;
}

/** A whole number as a text that sorts like it. */
export function sortable(sql: postgres.Sql, number: Fragment) {
  return sql`lpad((${number})::text, 10, '0')`;
}

function cells(sql: postgres.Sql, source: string, dimensions: readonly string[] | null) {
  return sql`
    ${sql(source)} t
    left join virtual_numbers v on v.id = t.virtual_number_id
    join lateral (values ('all', ''), ('status', t.status), ('virtual_number', t.virtual_number_id::text),
      ('country', coalesce(v.country, '')), ('provider', coalesce(t.provider_id::text, '')),
      ('subaccount', t.subaccount_id), ('hangup_cause', coalesce(t.hangup_code::text, ''))) d(dimension, key)
      on ${dimensions === null ? sql`true` : sql`d.dimension = any(${[...dimensions]}::text[])`}
    cross join lateral (values ('hour', t.hour), ('day', date_trunc('day', t.hour, 'UTC')),
      ('month', date_trunc('month', t.hour, 'UTC'))) g(grain, period)`;
}

// The number of a lock that only this asks for.
const FOLD_LOCK = 7202612;

/**
 * Moves tallies into the totals, `limit` at most, each exactly once: what is deleted is added by the same
 * statement, in the order of the index, since what is read together should lie together. One at a time does so, since two would want the same cells in different orders; whoever comes second
 * leaves at once.
 *
 * @returns how many were moved.
 */
export async function foldTallies({ sql }: Db, limit: number): Promise<number> {
  const rows = await sql`
    with turn as materialized (select pg_try_advisory_xact_lock(${FOLD_LOCK}) as is_ours),
    due as materialized (
      select id from tallies where (select is_ours from turn) order by id limit ${limit} for update skip locked
    ),
    taken as (delete from tallies t using due where t.id = due.id returning t.*),
    -- First each kind by itself: of a busy number's many tallies few differ, and each is spread over some twenty cells.
    summed as materialized (
      select account_id, subaccount_id, virtual_number_id, provider_id, hour, status, hangup_code, refusal, currency,
        length_seconds, sum(amount) as amount, sum(length_count) as length_count, ${eachMetric(sql, (m) => `sum(${m}) as ${m}`)}
      from taken group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ),
    added as (
      insert into totals as t (account_id, subaccount_id, dimension, key, grain, period, ${eachMetric(sql, (m) => m)})
      select account_id, subaccount_id, dimension, key, grain, period, ${eachMetric(sql, (m) => `sum(${m})`)}
      from (${spreadTallies(sql, 'summed')}) spread group by 1, 2, 3, 4, 5, 6 order by 1, 3, 5, 6, 4, 2
      on conflict on constraint totals_cell do update set ${eachMetric(sql, (m) => `${m} = t.${m} + excluded.${m}`)}
    ),
    added_values as (
      insert into totals_by_value as t (account_id, subaccount_id, dimension, key, grain, period, metric, value, sum)
      select account_id, subaccount_id, dimension, key, grain, period, metric, value, sum(sum)
      from (${spreadValues(sql, 'summed')}) spread group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 3, 5, 6, 4, 2, 7, 8
      on conflict on constraint totals_by_value_cell do update set sum = t.sum + excluded.sum
    )
    select count(*)::int as folded from taken`;
  return rows[0]?.folded ?? 0;
}
