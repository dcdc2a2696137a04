import { tokenSeal } from './accounts.ts';
import { type Db, keyed } from './connect.ts';
import type { Vault } from './vault.ts';

export interface Subaccount {
  readonly id: string;
  readonly parentId: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** Makes a subaccount with its token. Keyed by its id. */
export async function addSubaccount(
  db: Db,
  vault: Vault,
  subaccount: Pick<Subaccount, 'id' | 'parentId' | 'name' | 'enabled'>,
  token: string,
): Promise<void> {
  const { sql } = db;
  const { id, parentId, name, enabled } = subaccount;
  await keyed(
    () => sql`
    with made as (
      insert into accounts (id, parent_id, name, enabled, token_cipher)
      values (${id}, ${parentId}, ${name}, ${enabled}, ${vault.seal(token, tokenSeal(id))})
      on conflict (id) do nothing
    )
    insert into account_tokens (account_id, digest) values (${id}, ${vault.secretDigest(token)}) on conflict do nothing`,
  );
}

/** A main account's subaccounts, the newest first, or the one of that id. */
export async function listSubaccounts(
  { sql }: Db,
  parentId: string,
  which: { readonly id?: string; readonly limit: number; readonly offset: number },
): Promise<{ total: number; subaccounts: readonly Subaccount[] }> {
  const rows = await sql<
    (Omit<Subaccount, 'createdAt' | 'modifiedAt'> & { created: number; modified: number; total: number })[]
  >`
    select id, parent_id as "parentId", name, enabled, extract(epoch from created_at)::float8 * 1000 as created,
      extract(epoch from modified_at)::float8 * 1000 as modified, (count(*) over ())::int as total
    from accounts where parent_id = ${parentId} and (${which.id ?? null}::text is null or id = ${which.id ?? null})
    order by created_at desc, id limit ${which.limit} offset ${which.offset}`;
  const [first] = rows;
  const total = first?.total ?? (which.offset === 0 ? 0 : await countSubaccounts(sql, parentId));
  return {
    total,
    subaccounts: rows.map(({ created, modified, total: _, ...same }) => ({
      ...same,
      createdAt: new Date(created),
      modifiedAt: new Date(modified),
    })),
  };
}

async function countSubaccounts(sql: Db['sql'], parentId: string): Promise<number> {
  const [row] = await sql<{ total: number }[]>`
    select count(*)::int as total from accounts where parent_id = ${parentId}`;
  return row?.total ?? 0;
}

/** Changes what is named. @returns false where there is no such subaccount. */
export async function changeSubaccount(
  { sql }: Db,
  parentId: string,
  id: string,
  change: { readonly name?: string | undefined; readonly enabled?: boolean | undefined },
): Promise<boolean> {
  const rows = await sql`
    update accounts set name = coalesce(${change.name ?? null}, name),
      enabled = coalesce(${change.enabled ?? null}::boolean, enabled), modified_at = now()
    where id = ${id} and parent_id = ${parentId} returning 1`;
  return rows.length > 0;
}

/**
 * Removes a subaccount and its tokens; what it did stays with its main account.
 *
 * @returns 'used' while it has numbers or live sessions.
 */
export async function removeSubaccount(
  { sql }: Db,
  parentId: string,
  id: string,
): Promise<'removed' | 'used' | 'none'> {
  const [row] = await sql<{ isThere: boolean; isRemoved: boolean }[]>`
    with found as materialized (
      select a.id, exists (select from virtual_numbers v where v.account_id = ${parentId} and v.subaccount_id = a.id and v.retired_at is null)
        or exists (select from sessions s where s.account_id = ${parentId} and s.subaccount_id = a.id
          and s.ended_at is null and s.expires_at > now()) as is_used
      from accounts a where a.id = ${id} and a.parent_id = ${parentId} for update
    ),
    tokens as (
      delete from account_tokens t using found f where t.account_id = f.id and not f.is_used
    ),
    removed as (
      delete from accounts a using found f where a.id = f.id and not f.is_used returning a.id
    )
    select exists (select from found) as "isThere", exists (select from removed) as "isRemoved"`;
  if (row?.isThere !== true) return 'none';
  return row.isRemoved ? 'removed' : 'used';
}
