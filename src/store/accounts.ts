import { eq, sql } from 'drizzle-orm';
import type { Account } from '../core/account.ts';
import type { Db } from './connect.ts';
import { accounts } from './schema.ts';
import type { Vault } from './vault.ts';

/** The context that a token's ciphertext is bound to, see `Vault.seal`. */
export const tokenSeal = (accountId: string) => `accounts.token:${accountId}`;

/** An account and the digest that its token must have; null where there is none of that id. */
export async function findAccount(db: Db, id: string): Promise<(Account & { readonly tokenDigest: Buffer }) | null> {
  const [row] = await db.orm.select().from(accounts).where(eq(accounts.id, id));
  return row ?? null;
}

/** Writes an account as it is declared. Repeatable. */
export async function putAccount(db: Db, vault: Vault, account: Account, token: string): Promise<void> {
  await db.orm
    .insert(accounts)
    .values({
      id: account.id,
      parentId: account.parentId,
      name: account.name,
      tokenDigest: vault.secretDigest(token),
      tokenCipher: vault.seal(token, tokenSeal(account.id)),
    })
    .onConflictDoUpdate({
      target: accounts.id,
      set: {
        name: sql`excluded.name`,
        parentId: sql`excluded.parent_id`,
        tokenDigest: sql`excluded.token_digest`,
        tokenCipher: sql`excluded.token_cipher`,
      },
    });
}

/** True on an empty store. */
export async function hasNoAccounts(db: Db): Promise<boolean> {
  const rows = await db.orm.select({ id: accounts.id }).from(accounts).limit(1);
  return rows.length === 0;
}
