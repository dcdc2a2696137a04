import type { Account } from '../core/account.ts';
import type { Db } from './connect.ts';
import { accounts } from './schema.ts';
import { jsonRows, shared } from './shared.ts';
import type { Vault } from './vault.ts';
import { type Rate, selectBlocked } from './windows.ts';

/** The context that a token's ciphertext is bound to, see `Vault.seal`. */
export const tokenSeal = (accountId: string) => `accounts.token:${accountId}`;

/** Null where there is none of that id. */
export async function findAccount({ sql }: Db, id: string): Promise<Account | null> {
  const [row] = await sql<Account[]>`select id, parent_id as "parentId", name, enabled from accounts where id = ${id}`;
  return row ?? null;
}

/** Who wants to sign in: the account, where there is one, and the digests that its tokens must have. */
export interface SigningIn {
  readonly account: (Account & { readonly tokenDigests: readonly Buffer[] }) | null;
  /** After how many seconds they may try again, after too many failures. */
  readonly blockedSeconds: number | null;
}

/** Reads what a sign-in needs. @param failures how many may be counted under a subject. */
export function signingInFinder(failures: Rate) {
  return shared<{ readonly id: string; readonly subject: string }, SigningIn>({
    run: (db, _vault, wishes) => findAllSigningIn(db, wishes, failures),
    keyOf: () => null,
  });
}

async function findAllSigningIn(
  { sql }: Db,
  wishes: readonly { readonly id: string; readonly subject: string }[],
  failures: Rate,
): Promise<SigningIn[]> {
  const rows = await sql<SigningInRow[]>`
    select one.at, ${selectBlocked(sql, sql`one.subject`, failures)} as "blockedSeconds", (
      select jsonb_build_object('id', id, 'parentId', parent_id, 'name', name, 'enabled', enabled, 'digests', (
        select coalesce(jsonb_agg(encode(t.digest, 'hex') order by t.expires_at desc nulls first), '[]')
        from account_tokens t
        where t.account_id = a.id and (t.expires_at is null or t.expires_at > now())))
      from accounts a where id = one.id) as account
    from json_to_recordset(${jsonRows(wishes.map((wish, at) => ({ ...wish, at })))}::text::json)
      as one(at int, id text, subject text)`;
  return wishes.map((_wish, at) => {
    const row = rows.find((one) => one.at === at);
    if (!row?.account) return { account: null, blockedSeconds: row?.blockedSeconds ?? null };
    const { digests, ...account } = row.account;
    const tokenDigests = digests.map((digest) => Buffer.from(digest, 'hex'));
    return { account: { ...account, tokenDigests }, blockedSeconds: row.blockedSeconds };
  });
}

interface SigningInRow {
  readonly at: number;
  readonly account: (Account & { readonly digests: readonly string[] }) | null;
  readonly blockedSeconds: number | null;
}

/**
 * Writes an account as it is declared. Repeatable: a token that was declared before stays what became of it, a new
 * one ends all others at once.
 */
export async function putAccount(
  { sql }: Db,
  vault: Vault,
  account: Pick<Account, 'id' | 'parentId' | 'name'>,
  token: string,
): Promise<void> {
  const digest = vault.secretDigest(token);
  await sql`
    with fresh as (
      select where not exists (select from account_tokens where account_id = ${account.id} and digest = ${digest})
    ),
    ended as (
      update account_tokens set expires_at = now()
      where account_id = ${account.id} and (expires_at is null or expires_at > now()) and exists (select from fresh)
    ),
    added as (
      insert into account_tokens (account_id, digest) select ${account.id}, ${digest} from fresh on conflict do nothing
    )
    insert into accounts (id, parent_id, name, token_cipher)
    values (${account.id}, ${account.parentId}, ${account.name}, ${vault.seal(token, tokenSeal(account.id))})
    on conflict (id) do update set name = excluded.name, parent_id = excluded.parent_id,
      token_cipher = case when exists (select from fresh) then excluded.token_cipher else accounts.token_cipher end`;
}

/** Every account, each main account before its subaccounts. */
export async function listAccounts({ sql }: Db): Promise<readonly Account[]> {
  return sql<Account[]>`
    select id, parent_id as "parentId", name, enabled from accounts
    order by coalesce(parent_id, id), parent_id nulls first, id`;
}

/** True on an empty store. */
export async function hasNoAccounts(db: Db): Promise<boolean> {
  const rows = await db.orm.select({ id: accounts.id }).from(accounts).limit(1);
  return rows.length === 0;
}
