import { bookConsequences } from './call-books.ts';
import type { Db } from './connect.ts';

/**
 * Closes calls whose end nobody reported in time, `limit` at most: they count as over, of unknown length. A report
 * that comes after all adds what it knows. Instances that do this at the same time share the work.
 *
 * @returns how many were closed.
 */
export async function closeOverdueCalls({ sql }: Db, limit: number): Promise<number> {
  const rows = await sql`
    with before as materialized (
      select * from calls where not is_over and overdue_at <= now()
      order by overdue_at limit ${limit} for update skip locked
    ),
    after as (
      update calls c set swept_at = now() from before where c.id = before.id
      returning c.*
    ),
    ${bookConsequences(sql)}
    select count(*)::int as closed from after`;
  return rows[0]?.closed ?? 0;
}

/**
 * Notes calls that were to be recorded, were connected and ended a while ago, and whose recording was never heard
 * of. Calls of the last two days; a recording that comes after all is told of as well.
 *
 * @returns how many there were.
 */
export async function noteMissingRecordings({ sql }: Db, graceSeconds: number, limit: number): Promise<number> {
  const rows = await sql`
    with before as materialized (
      select c.* from calls c
      where record_format is not null and is_over and b_answered_at is not null and recording_missed_at is null
        and started_at > now() - interval '2 days'
        and greatest(a_ended_at, swept_at, decided_at) < now() - make_interval(secs => ${graceSeconds})
        and not exists (
          select from recordings r where r.provider_id = c.provider_id and r.provider_call_id = c.provider_call_id)
      order by started_at limit ${limit} for update skip locked
    ),
    after as (
      update calls c set recording_missed_at = now() from before where c.id = before.id
      returning c.*
    ),
    ${bookConsequences(sql)}
    select count(*)::int as missing from after`;
  return rows[0]?.missing ?? 0;
}
