import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';

/** Ends the other connections, upon which what they did is counted. */
export async function countWhatWasDone(sql: postgres.Sql): Promise<void> {
  const others = sql`from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and backend_type = 'client backend'`;
  await sql`select pg_terminate_backend(pid) ${others}`;
  while ((await sql`select 1 ${others}`).length > 0) await sleep(20);
  // Until the service has learned of it; a statement on such a connection would be refused.
  await sleep(500);
  await sql`select pg_stat_force_next_flush()`;
  await sql`select pg_stat_clear_snapshot()`;
}

/** How many entries of these tables' indexes were ever read. */
export async function entriesRead(sql: postgres.Sql, ...tables: string[]): Promise<number> {
  await countWhatWasDone(sql);
  return countedEntries(sql, ...tables);
}

/** The same, as far as it is counted. */
export async function countedEntries(sql: postgres.Sql, ...tables: string[]): Promise<number> {
  const [row] = await sql<{ entries: number }[]>`
    select sum(idx_tup_read)::int as entries from pg_stat_user_indexes where relname in ${sql(tables)}`;
  return row?.entries ?? 0;
}
