import { tokenSeal } from './accounts.ts';
import { type Db, keyed } from './connect.ts';
import { secretSeal } from './signing-secrets.ts';
import type { Vault } from './vault.ts';

export interface NewToken {
  readonly text: string;
  /** For the row that keeps the one before it as a signing secret of callbacks. */
  readonly formerId: string;
  /** For how long the one before it still signs in, and signs. */
  readonly overlapSeconds: number;
}

/**
 * Gives an account a new token. The one before it stays valid for a while, what had been before that ends now.
 * Where callbacks are signed with the token, they carry both signatures meanwhile.
 *
 * @returns until when the former one is valid; null where another rotation came first: try again.
 */
export async function rotateToken(db: Db, vault: Vault, accountId: string, token: NewToken): Promise<Date | null> {
  const { sql } = db;
  const [account] = await sql<{ cipher: Buffer }[]>`
    select token_cipher as cipher from accounts where id = ${accountId}`;
  if (!account) throw new Error('a token for an unknown account');
  const former = vault.open(account.cipher, tokenSeal(accountId));
  const rows = await sql<{ untilMs: number }[]>`
    with changed as (
      update accounts set token_cipher = ${vault.seal(token.text, tokenSeal(accountId))}, modified_at = now()
      -- Of two rotations at once the second one finds another token here, and does nothing.
      where id = ${accountId} and token_cipher = ${account.cipher}
      returning parent_id, now() + make_interval(secs => ${token.overlapSeconds}) as until
    ),
    aged as (
      update account_tokens t set expires_at = case when t.expires_at is null then changed.until else now() end
      from changed where t.account_id = ${accountId} and (t.expires_at is null or t.expires_at > now())
    ),
    added as (
      insert into account_tokens (account_id, digest) select ${accountId}, ${vault.secretDigest(token.text)} from changed
    ),
    dropped as (
      delete from signing_secrets s using changed
      where s.account_id = ${accountId} and s.expires_at is not null and not exists (
        select from signing_secrets o where o.account_id = ${accountId} and o.expires_at is null)
    ),
    kept as (
      insert into signing_secrets (id, account_id, secret_cipher, expires_at)
      select ${token.formerId}, ${accountId}, ${vault.seal(former, secretSeal(token.formerId))}, until from changed
      where parent_id is null and not exists (
        select from signing_secrets where account_id = ${accountId} and expires_at is null)
    )
    select extract(epoch from until)::float8 * 1000 as "untilMs" from changed`;
  return rows[0] ? new Date(rows[0].untilMs) : null;
}

/** Ends every token but the newest now, and the signatures by them. @returns how many there were. */
export async function endFormerTokens(db: Db, accountId: string): Promise<number> {
  const { sql } = db;
  const rows = await keyed(
    () => sql`
    with unsigned as (
      delete from signing_secrets s where s.account_id = ${accountId} and s.expires_at is not null and not exists (
        select from signing_secrets o where o.account_id = ${accountId} and o.expires_at is null)
    )
    update account_tokens set expires_at = now() where account_id = ${accountId} and expires_at > now() returning 1`,
  );
  return rows.length;
}
