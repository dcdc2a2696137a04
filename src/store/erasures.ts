import type { Scope } from '../core/account.ts';
import type { Db } from './connect.ts';

/** What was erased, without saying whom: a phone by its digest, or one session. */
export type Erasure = { readonly accountId: string; readonly at: Date } & (
  | { readonly phoneDigest: Buffer }
  | { readonly sessionId: string }
);

/** Notes that a phone was erased, so that it is again after a backup from before was restored. */
export async function noteErasure({ sql }: Db, scope: Scope, digest: Buffer, at: Date | null = null): Promise<void> {
  await sql`
    insert into erasures (account_id, phone_digest, erased_at)
    values (${scope.subaccountId ?? scope.accountId}, ${digest}, coalesce(${at?.toISOString() ?? null}::text::timestamptz, now()))
    on conflict (account_id, phone_digest) do update set erased_at = greatest(erasures.erased_at, excluded.erased_at)`;
}

/** All erasures, in their order; those of single sessions are in the audit log. */
export async function listErasures({ sql }: Db): Promise<readonly Erasure[]> {
  const rows = await sql<{ accountId: string; atMs: number; digest: Buffer | null; sessionId: string | null }[]>`
    select account_id as "accountId", extract(epoch from erased_at)::float8 * 1000 as "atMs", phone_digest as digest,
      null as "sessionId"
    from erasures
    union all
    select account_id, extract(epoch from at)::float8 * 1000, null, object from audit_log where action = 'session.erase'
    order by 2`;
  return rows.map(({ accountId, atMs, digest, sessionId }) => ({
    accountId,
    at: new Date(atMs),
    ...(digest === null ? { sessionId: sessionId ?? '' } : { phoneDigest: digest }),
  }));
}

/** Whose things an account's erasures are about; null where it is not known. */
export async function scopeOfAccount({ sql }: Db, accountId: string): Promise<Scope | null> {
  const [row] = await sql<{ parentId: string | null }[]>`
    select parent_id as "parentId" from accounts where id = ${accountId}`;
  if (!row) return null;
  return row.parentId === null
    ? { accountId, subaccountId: null }
    : { accountId: row.parentId, subaccountId: accountId };
}
