import type postgres from 'postgres';
import type { Phone } from '../core/phone.ts';
import type { Sums } from '../core/totals.ts';
import type { Db } from './connect.ts';
import { eachMetric, METRICS, spreadTallies, spreadValues } from './tallies.ts';
import { planTotals, type TotalsPlan } from './totals-plan.ts';
import { isInCell, isMine, numberLengths, type Question, storedIn, valueSums } from './totals-values.ts';

/** One group of totals. */
export interface TotalsGroup {
  /** A time, a status, a country, an id and so on; '' for what has none. */
  readonly key: string;
  /** Where groups are virtual numbers. */
  readonly number: Phone | null;
  /** Where groups are providers. */
  readonly dialect: string | null;
  readonly sums: Sums;
}

export interface Totals {
  readonly total: Sums;
  /** Those of the page, in the order of their keys. */
  readonly groups: readonly TotalsGroup[];
  readonly groupCount: number;
}

/**
 * The totals of a range, all read at one moment: folded sums and tallies that are yet to be folded. Sessions are
 * active that were ever created before the end of the range and had not ended by then.
 */
export async function readTotals({ sql }: Db, question: Question): Promise<Totals> {
  const plan = planTotals(question.range, question.grouping);
  const byNumber = question.grouping === 'virtual_number';
  const rows = await sql<TotalsRow[]>`
    with ${plannedCells(sql, plan)},
    ${waitingTallies(sql, question, plan)},
    ${partSums(sql, question, plan)},
    ${shownGroups(sql, question)},
    ${valueSums(sql, question)},
    lengths as (${byNumber ? numberLengths(sql, question) : sql`select '' as key, null::int as p95 where false`})
    select s.key, s.number, s.dialect, s.sessions_active::float8 as "sessionsActive",
      ${eachMetric(sql, (m) => `s.${m}::float8 as ${m}`)}, coalesce(v.reasons, '{}') as "refusedByReason",
      coalesce(v.amounts, '{}') as amounts, coalesce(v.p95, l.p95) as "lengthP95",
      (select count(*)::int from groups) as "groupCount"
    from shown s left join told v using (part, key) left join lengths l on s.part = 'group' and l.key = s.key
    order by s.place`;
  const [total, ...groups] = rows;
  return {
    total: total ? toSums(total) : NOTHING,
    groups: groups.map((row) => ({ key: row.key, number: row.number, dialect: row.dialect, sums: toSums(row) })),
    groupCount: total?.groupCount ?? 0,
  };
}

/** The CTE `cells`: the periods to read, and `long_ago`: what to read of all months before them. */
function plannedCells(sql: postgres.Sql, { cells, dimension, partsBefore }: TotalsPlan) {
  const column = (values: readonly string[]) => sql`${[...values]}::text[]`;
  return sql`
    cells as materialized (
      select part, case part when 'group' then ${dimension} else 'all' end as dimension, label, grain,
        period::timestamptz as period, is_before::boolean as is_before
      from unnest(${column(cells.map((c) => c.part))}, ${column(cells.map((c) => c.label))},
        ${column(cells.map((c) => c.grain))}, ${column(cells.map((c) => c.period.toISOString()))},
        ${column(cells.map((c) => String(c.isBefore)))}) as c(part, label, grain, period, is_before)
    ),
    long_ago as materialized (
      select part, case part when 'group' then ${dimension} else 'all' end as dimension
      from unnest(${column(partsBefore)}) as part
    )`;
}

/** The CTEs `waiting_sums`, tallies in the form of `totals`, and `waiting_values`, those of the range by group. */
function waitingTallies(sql: postgres.Sql, { scope, range }: Question, { dimension }: TotalsPlan) {
  const dimensions = dimension === 'all' ? ['all'] : ['all', dimension];
  return sql`
    waiting as materialized (
      -- From the first one on: what was folded before it leaves empty pages behind.
      select t.* from tallies t where t.id >= (select min(id) from tallies)
        and ${isMine(sql, scope)} and t.hour < ${range.to.toISOString()}::timestamptz
    ),
    waiting_sums as materialized (${spreadTallies(sql, 'waiting', dimensions)}),
    spread_values as materialized (${spreadValues(sql, 'waiting', dimensions)}),
    waiting_values as materialized (
      select c.part, c.label || t.key as key, t.metric, t.value, sum(t.sum) as sum
      from cells c join spread_values t on ${isInCell(sql)} where not c.is_before group by 1, 2, 3, 4
    )`;
}

/** The CTE `sums`: each metric of the range, for the total and for every group. */
function partSums(sql: postgres.Sql, { scope }: Question, { monthsBefore }: TotalsPlan) {
  const metrics = () => eachMetric(sql, (m) => `t.${m}`);
  const isLongAgo = sql`t.dimension = b.dimension and t.grain = 'month' and t.period < ${monthsBefore.toISOString()}::timestamptz`;
  return sql`
    found as (
      select c.part, c.label || t.key as key, c.is_before, ${metrics()}
      from cells c cross join lateral ${storedIn(sql, 'totals', sql`${isMine(sql, scope)} and ${isInCell(sql)}`)} t
      union all
      select c.part, c.label || t.key, c.is_before, ${metrics()} from cells c join waiting_sums t on ${isInCell(sql)}
      union all
      select b.part, t.key, true, ${metrics()} from long_ago b join totals t on ${isMine(sql, scope)} and ${isLongAgo}
      union all
      select b.part, t.key, true, ${metrics()} from long_ago b join waiting_sums t on ${isLongAgo}
    ),
    sums as materialized (
      select part, key, sum(sessions_created - sessions_ended) as sessions_active,
        ${eachMetric(sql, (m) => `coalesce(sum(${m}) filter (where not is_before), 0) as ${m}`)}
      from found group by part, key
    )`;
}

/**
 * The CTEs `groups` and `shown`: all groups that are not empty; the total with those of the page. A group that
 * is a time has as active what was active when the range began and all that has changed since.
 */
function shownGroups(sql: postgres.Sql, { grouping, page }: Question) {
  const byTime = grouping === 'hour' || grouping === 'day';
  const metrics = () => eachMetric(sql, (m) => m);
  const active = byTime
    ? sql`sum(sessions_active) over (order by key collate "C")
        + (select sessions_active - sessions_created + sessions_ended from sums where part = 'total')`
    : sql`sessions_active`;
  return sql`
    groups as materialized (
      select s.*, v.number, p.dialect, row_number() over (order by
        case when ${grouping === 'provider' || grouping === 'hangup_cause'} then nullif(s.key, '')::int end nulls first,
        coalesce(v.number, s.key) collate "C") as place
      from (
        select part, key, ${active} as sessions_active, ${metrics()} from sums
        where part = 'group' and (sessions_active <> 0 or ${sql.unsafe(METRICS.map((m) => `${m} <> 0`).join(' or '))})
      ) s
      left join virtual_numbers v on ${grouping === 'virtual_number'} and v.id::text = s.key
      left join providers p on ${grouping === 'provider'} and p.id::text = s.key
    ),
    shown as materialized (
      select part, key, 0 as place, null as number, null as dialect, sessions_active, ${metrics()}, '' as label, '' as stored_key
      from sums where part = 'total'
      union all
      select * from (
        select part, key, place, number, dialect, sessions_active, ${metrics()},
          ${byTime ? sql`key, ''` : sql`'', key`}
        from groups order by place limit ${page.limit} offset ${page.offset}
      ) g
    )`;
}

type Metric = (typeof METRICS)[number];
interface TotalsRow
  extends Readonly<Record<Metric, number>>,
    Pick<Sums, 'sessionsActive' | 'refusedByReason' | 'amounts' | 'lengthP95'> {
  readonly key: string;
  readonly number: Phone | null;
  readonly dialect: string | null;
  readonly groupCount: number;
}

function toSums(row: TotalsRow): Sums {
  const { connected, missed, refused, abandoned, offered, sessionsActive, refusedByReason, amounts, lengthP95 } = row;
  return {
    ...{ offered, connected, missed, refused, refusedByReason, abandoned, amounts, lengthP95, sessionsActive },
    sessionsCreated: row.sessions_created,
    sessionsEnded: row.sessions_ended,
    pinSuccesses: row.pin_successes,
    pinFailures: row.pin_failures,
    talkSeconds: row.talk_seconds,
    billedSeconds: row.billed_seconds,
  };
}

const NOTHING: Sums = toSums({
  ...(Object.fromEntries(METRICS.map((metric) => [metric, 0])) as Record<Metric, number>),
  ...{ key: '', number: null, dialect: null, groupCount: 0 },
  ...{ sessionsActive: 0, refusedByReason: {}, amounts: {}, lengthP95: null },
});
