import type postgres from 'postgres';
import type { SigningSecrets } from '../core/callback.ts';
import { tokenSeal } from './accounts.ts';
import { type Db, sqlState } from './connect.ts';
import type { Vault } from './vault.ts';

/** What `selectSecrets` gives, in hex: secrets, the newest first, and the token for where none of them is without end. */
export interface SecretsRow {
  readonly accountId: string;
  readonly token: string;
  readonly rotated: readonly { readonly id: string; readonly cipher: string; readonly isNewest: boolean }[];
}

/** Part of a statement: what an account's callbacks are signed with now, as one JSON value. See `openSecrets`. */
export function selectSecrets(sql: postgres.Sql, accountId: postgres.Fragment) {
  return sql`(
    select json_build_object('accountId', a.id, 'token', encode(a.token_cipher, 'hex'), 'rotated', coalesce((
      select json_agg(json_build_object('id', s.id, 'cipher', encode(s.secret_cipher, 'hex'), 'isNewest', s.expires_at is null)
        order by s.expires_at desc nulls first)
      from signing_secrets s where s.account_id = a.id and (s.expires_at is null or s.expires_at > now())
    ), '[]'::json))
    from accounts a where a.id = ${accountId})`;
}

export function openSecrets(vault: Vault, row: SecretsRow): SigningSecrets {
  const open = (cipher: string, context: string) => vault.open(Buffer.from(cipher, 'hex'), context);
  const secrets = row.rotated.map(({ id, cipher }) => open(cipher, secretSeal(id)));
  const isOwn = row.rotated[0]?.isNewest ?? false;
  const [first, ...others] = isOwn ? secrets : [open(row.token, tokenSeal(row.accountId)), ...secrets];
  if (first === undefined) throw new Error('an account without secrets');
  return [first, ...others];
}

/** The context that a secret's ciphertext is bound to, see `Vault.seal`. */
export const secretSeal = (id: string) => `signing_secrets.secret:${id}`;

/**
 * Gives an account a new secret. The one before it, at first the account's token, stays valid for a while; what
 * had been before that ends now.
 *
 * @param secret.formerId for the row that keeps the token, at the first rotation.
 * @returns until when the former one is valid; null where another rotation came first: try again.
 */
export async function rotateSecret(
  db: Db,
  vault: Vault,
  accountId: string,
  secret: { readonly id: string; readonly formerId: string; readonly text: string; readonly overlapSeconds: number },
): Promise<Date | null> {
  const { sql } = db;
  const [account] = await sql<
    { cipher: Buffer }[]
  >`select token_cipher as cipher from accounts where id = ${accountId}`;
  if (!account) throw new Error('a secret for an unknown account');
  const token = vault.open(account.cipher, tokenSeal(accountId));
  try {
    const [row] = await sql<{ untilMs: number }[]>`
      with until as (select now() + make_interval(secs => ${secret.overlapSeconds}) as at),
      ended as (
        delete from signing_secrets where account_id = ${accountId} and expires_at is not null returning id
      ),
      former as (
        update signing_secrets set expires_at = until.at from until
        where account_id = ${accountId} and expires_at is null and (select count(*) from ended) >= 0
        returning id
      ),
      first as (
        insert into signing_secrets (id, account_id, secret_cipher, expires_at)
        select ${secret.formerId}, ${accountId}, ${vault.seal(token, secretSeal(secret.formerId))}, until.at from until
        where (select count(*) from former) = 0
        returning id
      )
      insert into signing_secrets (id, account_id, secret_cipher)
      select ${secret.id}, ${accountId}, ${vault.seal(secret.text, secretSeal(secret.id))} from until
      where (select count(*) from former) + (select count(*) from first) = 1
      returning (select extract(epoch from at)::float8 * 1000 from until) as "untilMs"`;
    return row ? new Date(row.untilMs) : null;
  } catch (error) {
    // Two rotations at once: only one of them can leave a newest secret.
    if (sqlState(error) === UNIQUE_VIOLATION) return null;
    throw error;
  }
}

const UNIQUE_VIOLATION = '23505';
