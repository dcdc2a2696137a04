import { METRICS } from './tallies.ts';

const DAY = (instant: string) => `date_trunc('day', ${instant}, 'UTC')`;
const BOOKED = `select account_id, period as day, sessions_created as created, sessions_ended as ended from totals
    where dimension = 'all' and grain = 'day'
  union all select account_id, ${DAY('hour')}, sessions_created, sessions_ended from tallies`;
const TRUE_COUNTS = `select account_id, ${DAY('created_at')} as day, 1 as created, 0 as ended from sessions
  union all select account_id, ${DAY('ended_at')}, 0, 1 from sessions where ended_at is not null`;
const PER_DAY = (rows: string) =>
  `select account_id, day, sum(created) as created, sum(ended) as ended from (${rows}) r group by 1, 2`;
const ALL_METRICS = METRICS.map((metric) => `sum(${metric})`).join(', ');
const SUMS_BY = (
  grain: string,
  dimension: string,
) => `select account_id, dimension, grain, (${ALL_METRICS})::text as sums
  from totals where grain ${grain} and dimension ${dimension} group by 1, 2, 3`;

/** What must not be there of totals, see invariants.ts. */
export const TOTALS_RULES: Readonly<Record<string, string>> = {
  'I5 a day whose totals of sessions are not those of its sessions': `
    select account_id || ' ' || day::date as id from (${PER_DAY(BOOKED)}) b full join (${PER_DAY(TRUE_COUNTS)}) t using (account_id, day)
    where (coalesce(b.created, 0), coalesce(b.ended, 0)) <> (coalesce(t.created, 0), coalesce(t.ended, 0))`,
  'I5 a dimension whose totals have another sum than those of all': `
    select d.account_id || ' ' || d.dimension || ' by ' || d.grain as id from (${SUMS_BY("<> ''", "<> ''")}) d
    full join (${SUMS_BY("= 'hour'", "= 'all'")}) a using (account_id) where d.sums is distinct from a.sums`,
};
