import postgres from 'postgres';
import type { Phone } from '../../src/core/phone.ts';
import { prepareKeys } from '../../src/store/key-ring.ts';
import { openVault } from '../../src/store/vault.ts';
import { backUp } from './backup.ts';
import { openedCiphers } from './ciphers.ts';
import { MASTER_KEY } from './service.ts';

const MASTERS = { current: MASTER_KEY, previous: null };

/**
 * Where a database still has a phone: in plain text, as a digest by which it could be found, or in a ciphertext.
 * The list of erasures itself is left out.
 */
export async function remainsOf(databaseUrl: string, phone: string): Promise<string[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  const keys = await prepareKeys({ sql } as Parameters<typeof prepareKeys>[0], MASTERS);
  if (keys === null) throw new Error('another master key');
  const vault = openVault(keys);
  const numbers = await sql<{ number: string }[]>`select number from virtual_numbers`;
  const digits = phone.slice(-9);
  const digests = [
    vault.phoneDigest(phone as Phone),
    ...numbers.map(({ number }) => vault.secretDigest(`${phone}>${number}`)),
  ].map((digest) => digest.toString('hex'));
  const found = new Set<string>();
  for (const output of ['hex', 'escape'] as const) {
    for (const [name, content] of await backUp(databaseUrl, output)) {
      if (content.includes(digits)) found.add(`${name} in plain text`);
      if (name !== 'erasures' && digests.some((digest) => content.includes(digest))) found.add(`${name} by digest`);
    }
  }
  for (const { table, column, text } of await openedCiphers(sql, MASTERS)) {
    if (text.includes(digits)) found.add(`${table}.${column}`);
  }
  await sql.end();
  return [...found].sort();
}
