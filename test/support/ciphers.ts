import type postgres from 'postgres';
import type { MasterKeys } from '../../src/store/key-envelope.ts';
import { prepareKeys } from '../../src/store/key-ring.ts';
import { SEALED_COLUMNS } from '../../src/store/sealed-columns.ts';
import { openVault } from '../../src/store/vault.ts';

/** A ciphertext of the database, with what is in it. */
export interface OpenedCipher {
  readonly table: string;
  readonly column: string;
  readonly keyId: string;
  readonly text: string;
}

/** Every ciphertext of a database, opened as an instance would that starts now. @throws where one does not open. */
export async function openedCiphers(sql: postgres.Sql, masters: MasterKeys): Promise<OpenedCipher[]> {
  const keys = await prepareKeys({ sql } as Parameters<typeof prepareKeys>[0], masters);
  if (keys === null) throw new Error('another master key');
  const vault = openVault(keys);
  const found: OpenedCipher[] = [];
  for (const { table, column, bound, context } of SEALED_COLUMNS) {
    const rows = await sql<{ bound: string; cipher: Buffer }[]>`
      select ${sql.unsafe(bound)} as bound, ${sql(column)} as cipher from ${sql(table)} where ${sql(column)} is not null`;
    for (const row of rows) {
      const keyId = row.cipher.subarray(0, 4).toString('hex');
      found.push({ table, column, keyId, text: vault.open(row.cipher, context(row.bound)) });
    }
  }
  return found;
}
