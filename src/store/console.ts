import type { Db } from './connect.ts';

/** The newest of what an account's people look at: when it differs, something has happened. */
export interface AccountMark {
  readonly session: string | null;
  readonly call: string | null;
  readonly callback: string | null;
  readonly change: string | null;
  readonly exchange: string | null;
}

/** One entry of an index for each of them, however much there is. */
export async function readMark({ sql }: Db, accountId: string): Promise<AccountMark> {
  const [row] = await sql<[AccountMark]>`
    select
      (select id::text from sessions where account_id = ${accountId} order by created_at desc, id desc limit 1) as session,
      (select id::text from calls where account_id = ${accountId} order by started_at desc, id desc limit 1) as call,
      (select id::text from callbacks where account_id = ${accountId} order by occurred_at desc, id desc limit 1)
        as callback,
      (select id::text from audit_log where account_id = ${accountId} order by id desc limit 1) as change,
      (select id::text from exchanges where account_id = ${accountId} order by id desc limit 1) as exchange`;
  return row;
}
