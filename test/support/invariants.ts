import postgres from 'postgres';
import { applyBootstrap, parseBootstrap } from '../../src/service/bootstrap.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { freshDatabase } from '../database.ts';
import { declared, startService, type TestService, type TestServiceOptions } from './service.ts';

/** Two instances of the service on one database, and a connection of the test's own to look at it. */
export interface Pair {
  readonly instances: readonly [TestService, TestService];
  readonly sql: postgres.Sql;
  /** Closes the instances and gives all that is wrong with what they left: `[]`. May be called once. */
  settle(): Promise<readonly string[]>;
}

export async function startPair(bootstrap: object = declared(), options: TestServiceOptions = {}): Promise<Pair> {
  const database = await freshDatabase();
  const start = () => startService({ ...options, databaseUrl: database.url });
  const instances = [await start(), await start()] as const;
  await applyBootstrap(instances[0].deps, parseBootstrap(JSON.stringify(bootstrap)));
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  return {
    instances,
    sql,
    async settle() {
      for (const instance of instances) await instance.close();
      const faults = [...(await invariantFaults(sql)), ...(await deadlocks(sql))];
      await sql.end();
      await database.drop();
      return faults;
    },
  };
}

/** A server process counts its deadlocks in the statistics when it ends, so the others must be gone first. */
async function deadlocks(sql: postgres.Sql): Promise<string[]> {
  for (let left = 100; left > 0; left--) {
    const others = await sql`
      select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name = 'bauta'`;
    if (others.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [row] = await sql<{ n: number }[]>`
    select deadlocks::int as n from pg_stat_database where datname = current_database()`;
  return row?.n === 0 ? [] : [`I16 deadlocks: ${row?.n}`];
}

/** Lets time pass for sessions and their holds (all, or one session's), as far as the database can tell. */
export async function passTime(sql: postgres.Sql, seconds: number, sessionId: string | null = null): Promise<void> {
  await sql`
    with aged as (
      update sessions set created_at = created_at - make_interval(secs => ${seconds}),
        modified_at = modified_at - make_interval(secs => ${seconds}),
        expires_at = expires_at - make_interval(secs => ${seconds}), ended_at = ended_at - make_interval(secs => ${seconds})
      where ${sessionId}::uuid is null or id = ${sessionId} returning *
    ),
    aged_tallies as (
      insert into tallies (account_id, subaccount_id, virtual_number_id, provider_id, hour, sessions_created, sessions_ended)
      select a.account_id, coalesce(a.subaccount_id, ''), a.virtual_number_id, v.provider_id,
        date_trunc('hour', m.at + make_interval(secs => ${seconds} * t.is_former), 'UTC'), m.created * t.sign, m.ended * t.sign
      from aged a join virtual_numbers v on v.id = a.virtual_number_id
      cross join lateral (values (a.created_at, 1, 0), (a.ended_at, 0, 1)) m(at, created, ended)
      cross join (values (1, 0), (-1, 1)) t(sign, is_former) where m.at is not null
    ),
    aged_leases as (
      update leases set held_until = held_until - make_interval(secs => ${seconds}) where session_id in (select id from aged)
    )
    update pins set held_until = held_until - make_interval(secs => ${seconds}) where session_id in (select id from aged)`;
}

/** Until this many statements of the database wait for a lock, or until the work that was to wait is over. */
export async function untilWaiting(sql: postgres.Sql, count: number, work?: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work?.then(over, over);
  for (let left = 1000; left > 0 && !isOver; left--) {
    const rows = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    if (rows.length >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!isOver) throw new Error('nobody waits for a lock');
}
