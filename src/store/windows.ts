import type postgres from 'postgres';
import type { Db } from './connect.ts';

/** So many within so many seconds. */
export interface Rate {
  readonly most: number;
  readonly seconds: number;
}

/**
 * Counts one more for a subject, shared by all instances, in one statement. The window slides: the one before counts
 * with the part of it that is less than a window ago. What is refused is not counted, so whoever goes on asking is
 * let through as soon as there is room again.
 *
 * @returns null where it is within the rate, else after how many seconds to come back.
 */
export async function countOne({ sql }: Db, subject: string, rate: Rate): Promise<number | null> {
  const rows = await sql`
    insert into request_windows as w (subject, "window", hits, previous_hits)
    select ${subject}, floor(extract(epoch from now()) / ${rate.seconds}), 1, 0
    on conflict (subject) do update set "window" = greatest(w."window", excluded."window"),
      hits = case when w."window" >= excluded."window" then w.hits else 0 end + 1,
      previous_hits = case
        when w."window" >= excluded."window" then w.previous_hits
        when w."window" = excluded."window" - 1 then w.hits
        else 0
      end
      where ${hitsOf(sql, rate)} < ${rate.most}
    returning 1`;
  return rows.length > 0 ? null : secondsLeft(sql, rate);
}

/**
 * Part of a read: after how many seconds a subject may come back; null where it may come now.
 *
 * @param subject a fragment.
 */
export function selectBlocked(sql: postgres.Sql, subject: postgres.Fragment, rate: Rate) {
  return sql`(
    select ceil(${leftOf(sql, rate)})::int from request_windows w
    where w.subject = ${subject} and ${hitsOf(sql, rate)} >= ${rate.most})`;
}

/** Forgets windows that count no more. */
export async function purgeWindows({ sql }: Db, longestSeconds: number): Promise<void> {
  await sql`
    delete from request_windows w
    where w."window" < floor(extract(epoch from now()) / ${longestSeconds}) - 1`;
}

function hitsOf(sql: postgres.Sql, { seconds }: Rate) {
  const current = sql`floor(extract(epoch from now()) / ${seconds})`;
  const share = sql`(1 - extract(epoch from now()) / ${seconds} + ${current})`;
  return sql`(case
    when w."window" >= ${current} then w.hits + w.previous_hits * ${share}
    when w."window" = ${current} - 1 then w.hits * ${share}
    else 0
  end)`;
}

function leftOf(sql: postgres.Sql, { seconds }: Rate) {
  return sql`${seconds} - extract(epoch from now()) + ${seconds} * floor(extract(epoch from now()) / ${seconds})`;
}

async function secondsLeft(sql: postgres.Sql, rate: Rate): Promise<number> {
  const [row] = await sql<{ left: number }[]>`select ceil(${leftOf(sql, rate)})::int as left`;
  return Math.max(1, row?.left ?? rate.seconds);
}
