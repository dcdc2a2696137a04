import { randomBytes } from 'node:crypto';
import type { Db } from './connect.ts';
import { derivedKeys, isToWrapAnew, type MasterKeys, unwrapKey, wrapKey } from './key-envelope.ts';
import { type CipherKey, KEY_ID_BYTES, type KeyRing, openVault, type Vault } from './vault.ts';
import { findSample, opens, putSample } from './vault-check.ts';

const KEY_BYTES = 32;
const DIGEST_KEY = 'digest';

interface StoredKey {
  readonly id: string;
  readonly purpose: 'cipher' | 'digest';
  readonly wrapped: Buffer;
}

/**
 * The keys of this database, made where it has none: random ones in an empty database; in one from before there were
 * any the keys that followed from its master key, so that all that is in it stays readable. What another master key
 * has sealed than the current one is sealed anew. Repeatable, and several may do it at once.
 *
 * @returns null where the master keys are not those that it was written with.
 */
export async function prepareKeys(db: Db, masters: MasterKeys): Promise<KeyRing | null> {
  if ((await storedKeys(db)).length === 0) {
    const first = await firstKeys(db, masters);
    if (first === null) return null;
    await insertFirst(db, masters, first);
  }
  const rows = await storedKeys(db);
  const keys = rows.map((row) => ({ ...row, key: unwrapKey(masters, row.wrapped, row.id) }));
  for (const { id, wrapped, key } of keys) {
    if (key === null) return null;
    if (isToWrapAnew(masters, wrapped)) await rewrap(db, id, wrapped, wrapKey(masters, key, id));
  }
  const all = keys as (StoredKey & CipherKey)[];
  const digestKey = all.find(({ purpose }) => purpose === 'digest')?.key;
  const [sealing, ...others] = all.filter(({ purpose }) => purpose === 'cipher');
  if (digestKey === undefined || sealing === undefined) return null;
  const ring: KeyRing = { digestKey, cipherKeys: [sealing, ...others] };
  await putSample(db, openVault(ring));
  return opens(openVault(ring), await findSample(db)) ? ring : null;
}

/**
 * Tells the vault of keys that were added since, and which of them seals now.
 *
 * @throws after that, when there is one that these master keys do not open.
 */
export async function refreshKeys(db: Db, masters: MasterKeys, vault: Vault): Promise<void> {
  const former = { id: vault.keyId, key: vault.cipherKey(vault.keyId) };
  const rows = (await storedKeys(db)).filter(({ purpose }) => purpose === 'cipher');
  const [sealing, ...others] = rows.flatMap(({ id, wrapped }) => {
    const key = vault.cipherKey(id) ?? unwrapKey(masters, wrapped, id);
    return key ? [{ id, key }] : [];
  });
  if (sealing === undefined) throw new Error('no key that the master key opens');
  vault.adopt([sealing, ...others]);
  // Who was cut off during a whole rotation may have sealed with a key that was removed meanwhile: it is needed again.
  if (former.key !== undefined && !rows.some(({ id }) => id === former.id)) {
    await db.sql`
      insert into vault_keys (id, purpose, sealed_key, usable_at)
      values (${former.id}, 'cipher', ${wrapKey(masters, former.key, former.id)}, '-infinity') on conflict do nothing`;
  }
  if (others.length + 1 < rows.length) throw new Error('a key that the master key does not open');
}

/** Adds a key that seals from so many seconds ahead on: until then every instance has read it. @returns its id. */
export async function addCipherKey({ sql }: Db, masters: MasterKeys, secondsAhead: number): Promise<string> {
  const { id, key } = randomCipherKey();
  await sql`
    insert into vault_keys (id, purpose, sealed_key, usable_at)
    values (${id}, 'cipher', ${wrapKey(masters, key, id)}, now() + make_interval(secs => ${secondsAhead}))`;
  return id;
}

/**
 * Which key is to be left once all is sealed by it, and which then go; null as long as there is nothing to do. It has
 * sealed for so many seconds, so nobody seals with another any more.
 */
export async function keysToReplace(
  { sql }: Db,
  seconds: number,
): Promise<{ newest: string; former: readonly string[] } | null> {
  const rows = await sql<{ id: string; isUsed: boolean }[]>`
    select id, usable_at <= now() - make_interval(secs => ${seconds}) as "isUsed" from vault_keys
    where purpose = 'cipher' and usable_at <= now() order by usable_at desc, id`;
  const [newest, ...former] = rows;
  return newest?.isUsed && former.length > 0 ? { newest: newest.id, former: former.map(({ id }) => id) } : null;
}

/** Removes keys that nothing is sealed with any more. Repeatable. */
export async function removeKeys({ sql }: Db, ids: readonly string[]): Promise<void> {
  await sql`delete from vault_keys where purpose = 'cipher' and id = any(${[...ids]}::text[])`;
}

/** Of the cipher keys first the one that seals: the newest whose time has come, by the database's clock. */
function storedKeys({ sql }: Db): Promise<readonly StoredKey[]> {
  return sql<StoredKey[]>`
    select id, purpose, sealed_key as wrapped from vault_keys order by usable_at <= now() desc, usable_at desc, id`;
}

async function firstKeys(db: Db, masters: MasterKeys): Promise<KeyRing | null> {
  const sample = await findSample(db);
  if (sample === null) return { digestKey: randomBytes(KEY_BYTES), cipherKeys: [randomCipherKey()] };
  const rings = [masters.current, ...(masters.previous === null ? [] : [masters.previous])].map(derivedKeys);
  return rings.find((ring) => opens(openVault(ring), sample)) ?? null;
}

/** Of several that begin at once one inserts both keys, and the others none. */
async function insertFirst({ sql }: Db, masters: MasterKeys, { digestKey, cipherKeys: [first] }: KeyRing) {
  await sql`
    with digest as (
      insert into vault_keys (id, purpose, sealed_key)
      values (${DIGEST_KEY}, 'digest', ${wrapKey(masters, digestKey, DIGEST_KEY)}) on conflict do nothing returning 1
    )
    insert into vault_keys (id, purpose, sealed_key)
    select ${first.id}, 'cipher', ${wrapKey(masters, first.key, first.id)} from digest`;
}

/** Only upon the seals that were read: another instance may have been quicker. */
async function rewrap({ sql }: Db, id: string, before: Buffer, after: Buffer): Promise<void> {
  await sql`update vault_keys set sealed_key = ${after} where id = ${id} and sealed_key = ${before}`;
}

function randomCipherKey(): CipherKey {
  return { id: randomBytes(KEY_ID_BYTES).toString('hex'), key: randomBytes(KEY_BYTES) };
}
