import { type Db, keyed } from './connect.ts';
import type { SealedColumn } from './sealed-columns.ts';
import { KEY_ID_BYTES, type Vault } from './vault.ts';

/** What became of a page of rows. */
export interface Resealed {
  /** The last row of the page, to go on after it; null at the end of the table. */
  readonly next: string | null;
  /** Ciphertexts that were found under other keys, and those of them that were sealed anew. */
  readonly found: number;
  readonly done: number;
}

/**
 * Looks through a page of rows and seals by the key `keyId` what is under another one. The page is written by one
 * statement, and only where a ciphertext is still the one that was read; a row that somebody else has in hand is left
 * for another time, so this waits for nobody. Repeatable, and several may do it at once.
 *
 * @param after the row after which the page begins; null at the beginning.
 */
export async function resealPage(
  db: Db,
  vault: Vault,
  { table, key, keyType, bound, column, context }: SealedColumn,
  keyId: string,
  after: string | null,
  limit: number,
): Promise<Resealed> {
  const { sql } = db;
  const type = sql.unsafe(keyType);
  const rows = await sql<{ key: string; bound: string; cipher: string | null }[]>`
    select ${sql(key)}::text as key, ${sql.unsafe(bound)} as bound,
      case when substring(${sql(column)} from 1 for ${KEY_ID_BYTES}) <> ${Buffer.from(keyId, 'hex')}
        then encode(${sql(column)}, 'hex') end as cipher
    from ${sql(table)} where ${after === null ? sql`true` : sql`${sql(key)} > ${after}::text::${type}`}
    order by ${sql(key)} limit ${limit}`;
  const next = rows.length < limit ? null : (rows.at(-1)?.key ?? null);
  const old = rows.flatMap(({ key, bound, cipher }) => {
    if (cipher === null) return [];
    const place = context(bound);
    return [{ key, cipher, anew: vault.seal(vault.open(Buffer.from(cipher, 'hex'), place), place).toString('hex') }];
  });
  if (old.length === 0) return { next, found: 0, done: 0 };
  const [written] = await keyed(
    () => sql<{ done: number }[]>`
    with given as (
      select key::${type} as key, decode(cipher, 'hex') as cipher, decode(anew, 'hex') as anew
      from unnest(${old.map(({ key }) => key)}::text[], ${old.map(({ cipher }) => cipher)}::text[],
        ${old.map(({ anew }) => anew)}::text[]) as g(key, cipher, anew)
    ),
    free as materialized (
      select t.${sql(key)} as key from ${sql(table)} t join given g on t.${sql(key)} = g.key
      for no key update of t skip locked
    ),
    written as (
      update ${sql(table)} t set ${sql(column)} = g.anew from given g join free f on f.key = g.key
      where t.${sql(key)} = g.key and t.${sql(column)} = g.cipher
      returning 1
    )
    select count(*)::int as done from written`,
  );
  return { next, found: old.length, done: written?.done ?? 0 };
}
