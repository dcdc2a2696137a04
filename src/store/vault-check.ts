import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

const SAMPLE = 'bauta';
export const SAMPLE_CONTEXT = 'vault_checks.sample';

/** What the first instance on this database has sealed; null in an empty one. */
export async function findSample({ sql }: Db): Promise<Buffer | null> {
  const [row] = await sql<{ cipher: Buffer }[]>`select sample_cipher as cipher from vault_checks`;
  return row?.cipher ?? null;
}

/** Of two instances that start on an empty database with different keys, the second one is wrong. */
export async function putSample({ sql }: Db, vault: Vault): Promise<void> {
  await sql`
    insert into vault_checks (sample_cipher) values (${vault.seal(SAMPLE, SAMPLE_CONTEXT)}) on conflict (slot) do nothing`;
}

/** True when the vault has the keys that the sample was sealed with. */
export function opens(vault: Vault, sample: Buffer | null): boolean {
  try {
    return sample !== null && vault.open(sample, SAMPLE_CONTEXT) === SAMPLE;
  } catch {
    return false;
  }
}
