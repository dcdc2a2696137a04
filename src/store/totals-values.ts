import type postgres from 'postgres';
import type { Scope } from '../core/account.ts';
import type { Grouping, HourRange } from '../core/totals.ts';
import { type Fragment, sortable } from './tallies.ts';

/** What totals are asked for. */
export interface Question {
  readonly scope: Scope;
  readonly range: HourRange;
  readonly grouping: Grouping;
  readonly page: { readonly limit: number; readonly offset: number };
}

/**
 * The CTE `told`: what has many values, of what is shown. The 95th percentile is a length that calls really had: it
 * is looked for among the minutes, then among the seconds of its minute.
 */
export function valueSums(sql: postgres.Sql, { scope }: Question) {
  // A range, which an index can look up: of the four, `seconds` is the last by name.
  const allButSeconds = sql`t.metric < 'seconds'`;
  const inMinute = sql`t.metric = 'seconds' and t.value between ${sortable(sql, sql`s.minute * 60`)} and ${sortable(sql, sql`s.minute * 60 + 59`)}`;
  return sql`
    value_sums as materialized (
      select part, key, label, stored_key, metric, value, sum(sum) as sum, sum(sum(sum)) over (partition by part, key, metric) as calls,
        sum(sum(sum)) over (partition by part, key, metric order by value) as so_far
      from (${valuesOf(sql, scope, sql`(select *, 0 as calls, 0 as before from shown)`, allButSeconds)}) f
      group by part, key, label, stored_key, metric, value
    ),
    p95_minutes as materialized (
      select distinct on (part, key) part, key, label, stored_key, value::int as minute, calls, so_far - sum as before
      from value_sums where metric = 'minutes' and calls > 0 and 100 * so_far >= 95 * calls order by part, key, value
    ),
    p95_seconds as (
      select part, key, value, calls, before + sum(sum(sum)) over (partition by part, key order by value) as so_far
      from (${valuesOf(sql, scope, sql`p95_minutes`, inMinute)}) f group by part, key, calls, before, value
    ),
    told as (
      select part, key, jsonb_object_agg(value, sum) filter (where metric = 'refused') as reasons,
        jsonb_object_agg(value, sum::text) filter (where metric = 'amount') as amounts,
        min(value::int) filter (where metric = 'p95') as p95
      from (
        select part, key, metric, value, sum from value_sums where sum <> 0
        union all
        select part, key, 'p95', value, 0 from p95_seconds where 100 * so_far >= 95 * calls
      ) v group by part, key
    )`;
}

/** The values of each of the groups, not summed up. */
function valuesOf(sql: postgres.Sql, scope: Scope, groups: Fragment, which: Fragment) {
  const columns = sql`s.part, s.key, s.label, s.stored_key, s.calls, s.before, t.metric, t.value, t.sum`;
  return sql`
    select ${columns} from ${groups} s join cells c on c.part = s.part and c.label = s.label and not c.is_before
    cross join lateral ${storedIn(sql, 'totals_by_value', sql`${isMine(sql, scope)} and ${isInCell(sql)} and t.key = s.stored_key and ${which}`)} t
    union all
    select ${columns} from ${groups} s join waiting_values t on t.part = s.part and t.key = s.key and ${which}`;
}

/**
 * The CTE `lengths` of virtual numbers, from their calls. The index tells the lengths at once but not whose a
 * call is; only where it counts others too (the number had another owner, or reports without a call) are the
 * calls themselves read.
 */
export function numberLengths(sql: postgres.Sql, { scope, range }: Question) {
  const calls = sql`
    from calls t where t.virtual_number_id = nullif(s.key, '')::int and t.is_over and t.b_answered_at is not null
      and t.started_at >= ${range.from.toISOString()}::timestamptz and t.started_at < ${range.to.toISOString()}::timestamptz`;
  const p95 = sql`percentile_disc(0.95) within group (order by coalesce(t.b_seconds, 0))`;
  return sql`
    select s.key, case when n.calls = s.connected then n.p95 else (
      select ${p95} ${calls} and ${isMine(sql, scope)} and t.outcome in ('connected', 'placed')) end as p95
    from shown s cross join lateral (select count(*) as calls, ${p95} as p95 ${calls}) n
    where s.part = 'group'`;
}

export function isMine(sql: postgres.Sql, { accountId, subaccountId }: Scope) {
  const account = sql`t.account_id = ${accountId}`;
  return subaccountId === null ? account : sql`${account} and t.subaccount_id = ${subaccountId}`;
}

export function isInCell(sql: postgres.Sql) {
  return sql`t.dimension = c.dimension and t.grain = c.grain and t.period = c.period`;
}

/** Rows of a table, looked up by its index for each row before: `offset 0` keeps the planner from reading it whole. */
export function storedIn(sql: postgres.Sql, table: 'totals' | 'totals_by_value', which: Fragment) {
  return sql`(select * from ${sql(table)} t where ${which} offset 0)`;
}
