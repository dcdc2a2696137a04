import type postgres from 'postgres';
import { contributions } from './call-books.ts';
import { brokenRules } from './invariants.ts';
import { ALL_CALLS_SINCE } from './invariants-edges.ts';
import { TOTALS_RULES } from './totals-check.ts';

/** Where totals are not what sessions and calls add up to, a line for each broken rule; `[]` where all is well. */
export async function totalsFaults(sql: postgres.Sql): Promise<string[]> {
  return [...(await brokenRules(sql, TOTALS_RULES)), ...(await hoursApart(sql))];
}

/** Hours whose totals and tallies are not what their calls add up to, as far back as calls are kept. */
async function hoursApart(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ id: string; hours: number }[]>`
    with counted as (
      select account_id, subaccount_id, period as hour, offered, connected, missed, refused, abandoned, pin_successes,
        pin_failures, talk_seconds, billed_seconds, 0::numeric as amount
      from totals where dimension = 'all' and grain = 'hour'
      union all
      select account_id, subaccount_id, period, 0, 0, 0, 0, 0, 0, 0, 0, 0, sum
      from totals_by_value where dimension = 'all' and grain = 'hour' and metric = 'amount'
      union all
      select account_id, subaccount_id, hour, offered, connected, missed, refused, abandoned, pin_successes, pin_failures,
        talk_seconds, billed_seconds, amount
      from tallies
      union all
      select account_id, subaccount_id, hour, -1, -(status = 'connected')::int, -(status = 'missed')::int,
        -(status = 'refused')::int, -(status = 'abandoned')::int, -pin_successes, -pin_failures,
        -coalesce(length_seconds, 0), -billed_seconds, -amount
      from (${contributions(sql, 'calls')}) c
    ),
    apart as (
      select account_id, hour from counted where hour >= ${sql.unsafe(ALL_CALLS_SINCE)}
      group by account_id, subaccount_id, hour
      having (sum(offered), sum(connected), sum(missed), sum(refused), sum(abandoned), sum(pin_successes), sum(pin_failures),
        sum(talk_seconds), sum(billed_seconds), sum(amount)) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    )
    select min(account_id || ' ' || hour) as id, count(*)::int as hours from apart having count(*) > 0`;
  return rows.map(
    ({ id, hours }) => `I5 an hour whose totals of calls are not those of its calls: ${hours}, e.g. ${id}`,
  );
}
