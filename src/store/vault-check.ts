import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

const SAMPLE = 'bauta';
const CONTEXT = 'vault_checks.sample';

/** True when the vault's key is the one that this database was written with; an empty database takes any. */
export async function isRightKey({ sql }: Db, vault: Vault): Promise<boolean> {
  // Of two instances that start on an empty database with different keys, the second one is wrong.
  await sql`
    insert into vault_checks (sample_cipher) values (${vault.seal(SAMPLE, CONTEXT)}) on conflict (slot) do nothing`;
  const [row] = await sql<{ cipher: Buffer }[]>`select sample_cipher as cipher from vault_checks`;
  try {
    return row !== undefined && vault.open(row.cipher, CONTEXT) === SAMPLE;
  } catch {
    return false;
  }
}
