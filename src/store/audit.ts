import type postgres from 'postgres';
import type { Requester, Scope } from '../core/account.ts';
import type { Db } from './connect.ts';

/** Who did what to what: names and ids only, never a value. */
export interface AuditEntry {
  readonly at: Date;
  /** The main account. */
  readonly accountId: string;
  /** The auth id that signed in; `system` for what the service does by itself. */
  readonly actor: string;
  readonly action: string;
  /** An id; '' where it is many. */
  readonly object: string;
  /** The names of the fields that were given, read or changed. */
  readonly fields: readonly string[];
  readonly requestId: string | null;
}

/** Which entries; absent fields do not limit. */
export interface AuditFilter {
  readonly actor?: string;
  readonly action?: string;
  readonly from?: Date;
  readonly before?: Date;
}

/**
 * Part of a statement: books what it does in the audit log, with it or not at all. Nothing is booked of what is done
 * for nobody in particular.
 *
 * @param done a fragment `select account_id, actor, action, object, fields, request_id`; without an actor for nobody.
 */
export function bookAll(sql: postgres.Sql, done: postgres.Fragment) {
  return sql`
    insert into audit_log (account_id, actor, action, object, fields, request_id)
    select * from (${done}) d where d.actor is not null`;
}

/**
 * The same for what one requester does.
 *
 * @param objects a fragment `select … as object` with the ids of what was changed.
 */
export function bookAudit(
  sql: postgres.Sql,
  accountId: string,
  by: Requester | undefined,
  action: string,
  objects: postgres.Fragment,
) {
  return bookAll(
    sql,
    sql`
    select ${accountId}::text, ${by?.actor ?? null}::text as actor, ${action}::text, o.object::text,
      ${[...(by?.fields ?? [])]}::text[], ${by?.requestId ?? null}::text::uuid
    from (${objects}) o`,
  );
}

/** Books entries, all by one statement. */
export async function writeAudit({ sql }: Db, entries: readonly AuditEntry[]): Promise<void> {
  const list = <T>(of: (entry: AuditEntry) => T) => entries.map(of);
  await sql`
    insert into audit_log (at, account_id, actor, action, object, fields, request_id)
    select at, account_id, actor, action, object, array(select json_array_elements_text(fields::json)), request_id
    from unnest(${list(({ at }) => at.toISOString())}::text[]::timestamptz[], ${list((e) => e.accountId)}::text[],
      ${list((e) => e.actor)}::text[], ${list((e) => e.action)}::text[], ${list((e) => e.object)}::text[],
      ${list((e) => JSON.stringify(e.fields))}::text[], ${list((e) => e.requestId)}::text[]::uuid[]) with ordinality
      as e(at, account_id, actor, action, object, fields, request_id, place)
    order by place`;
}

/** A page of the account's entries, the newest first, and how many there are in all. */
export async function listAudit(
  { sql }: Db,
  scope: Scope,
  { actor, action, from, before }: AuditFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; entries: readonly AuditEntry[] }> {
  const where = sql`account_id = ${scope.accountId}
    and ${actor === undefined ? sql`true` : sql`actor = ${actor}`}
    and ${action === undefined ? sql`true` : sql`action = ${action}`}
    and ${from === undefined ? sql`true` : sql`at >= ${from.toISOString()}::timestamptz`}
    and ${before === undefined ? sql`true` : sql`at < ${before.toISOString()}::timestamptz`}`;
  const [rows, [counted]] = await Promise.all([
    sql<(Omit<AuditEntry, 'at' | 'fields'> & { atMs: number; fields: string })[]>`
      select extract(epoch from at)::float8 * 1000 as "atMs", account_id as "accountId", actor, action, object,
        to_json(fields)::text as fields, request_id as "requestId"
      from audit_log where ${where} order by id desc limit ${page.limit} offset ${page.offset}`,
    sql<{ total: number }[]>`select count(*)::int as total from audit_log where ${where}`,
  ]);
  const entries = rows.map(({ atMs, fields, ...same }) => ({
    ...same,
    at: new Date(atMs),
    fields: JSON.parse(fields) as string[],
  }));
  return { total: counted?.total ?? 0, entries };
}
