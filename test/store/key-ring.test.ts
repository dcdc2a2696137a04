import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { connect, type Db, disconnect } from '../../src/store/connect.ts';
import { derivedKeys } from '../../src/store/key-envelope.ts';
import { addCipherKey, prepareKeys, refreshKeys } from '../../src/store/key-ring.ts';
import { openVault, type Vault } from '../../src/store/vault.ts';
import { putSample } from '../../src/store/vault-check.ts';
import { freshDatabase } from '../database.ts';

const [OLD, NEW, WRONG] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)] as const;
const PHONE = '+14155550100' as Phone;
const database = await freshDatabase();
const db: Db = connect(database.url, { connections: 4, statementTimeoutMs: 5_000 });

beforeEach(() => db.sql`truncate vault_keys, vault_checks`);
afterAll(async () => {
  await disconnect(db, 1);
  await database.drop();
});

async function start(current: Buffer, previous: Buffer | null = null): Promise<Vault> {
  const keys = await prepareKeys(db, { current, previous });
  if (keys === null) throw new Error('refused');
  return openVault(keys);
}
const isRefused = async (current: Buffer, previous: Buffer | null = null) =>
  (await prepareKeys(db, { current, previous })) === null;

test('the keys of an empty database are random, sealed, and one pair for all instances that start at once', async () => {
  const vaults = await Promise.all(Array.from({ length: 8 }, () => start(OLD)));
  const sealed = vaults.map((vault) => vault.seal(PHONE, 'x'));
  expect(vaults.flatMap((vault) => sealed.map((cipher) => vault.open(cipher, 'x')))).toEqual(Array(64).fill(PHONE));
  expect(new Set(vaults.map((vault) => vault.phoneDigest(PHONE).toString('hex'))).size).toBe(1);
  const derived = openVault(derivedKeys(OLD));
  expect(vaults[0]?.keyId).not.toBe(derived.keyId);
  expect(vaults[0]?.phoneDigest(PHONE)).not.toEqual(derived.phoneDigest(PHONE));
  expect(await db.sql`select from vault_keys`).toHaveLength(2);
  expect(await isRefused(WRONG)).toBe(true);
});

test('a database from before there were keys keeps those that followed from its master key', async () => {
  const before = openVault(derivedKeys(OLD));
  await putSample(db, before);
  const sealed = before.seal(PHONE, 'x');
  expect([await isRefused(NEW), await isRefused(NEW, WRONG)]).toEqual([true, true]);
  expect(await db.sql`select from vault_keys`).toHaveLength(0);
  const after = await start(NEW, OLD);
  expect([after.keyId, after.open(sealed, 'x')]).toEqual([before.keyId, PHONE]);
  expect(after.phoneDigest(PHONE)).toEqual(before.phoneDigest(PHONE));
  expect(before.open(after.seal(PHONE, 'x'), 'x')).toBe(PHONE);
});

test('the master key is replaced while instances with the former one go on, start, and learn of new keys', async () => {
  const first = await start(OLD);
  const sealed = first.seal(PHONE, 'x');
  expect(await isRefused(NEW)).toBe(true);
  const second = await start(NEW, OLD);
  const third = await start(OLD);
  const added = await addCipherKey(db, { current: NEW, previous: OLD }, 0);
  for (const vault of [first, third]) await refreshKeys(db, { current: OLD, previous: null }, vault);
  await refreshKeys(db, { current: NEW, previous: OLD }, second);
  const all = [first, second, third, await start(NEW, OLD), await start(OLD)];
  expect(all.map(({ keyId }) => keyId)).toEqual(all.map(() => added));
  for (const one of all) {
    expect([one.open(sealed, 'x'), one.phoneDigest(PHONE)]).toEqual([PHONE, first.phoneDigest(PHONE)]);
    for (const other of all) expect(one.open(other.seal(PHONE, 'y'), 'y')).toBe(PHONE);
  }
  // Started with the new one alone, the change is over: what the former one sealed is gone.
  const last = await start(NEW);
  expect([last.open(sealed, 'x'), await isRefused(OLD)]).toEqual([PHONE, true]);
  expect(await isRefused(WRONG, OLD)).toBe(true);
});

test('an instance whose master key does not open a new key goes on with those that it has, and says so', async () => {
  const first = await start(OLD);
  const former = first.keyId;
  await start(NEW, OLD);
  await addCipherKey(db, { current: NEW, previous: null }, 0);
  await expect(refreshKeys(db, { current: OLD, previous: null }, first)).rejects.toThrow('does not open');
  expect(first.keyId).toBe(former);
});

test('a key that is to be used later is known before, and does not seal yet', async () => {
  const masters = { current: OLD, previous: null };
  const [first, second] = [await start(OLD), await start(OLD)];
  const former = first.keyId;
  const added = await addCipherKey(db, masters, 60);
  await refreshKeys(db, masters, first);
  expect([first.keyId, first.cipherKey(added)?.length]).toEqual([former, 32]);
  await db.sql`update vault_keys set usable_at = now() where id = ${added}`;
  await refreshKeys(db, masters, second);
  expect(first.open(second.seal(PHONE, 'x'), 'x')).toBe(PHONE);
  expect(second.open(first.seal(PHONE, 'x'), 'x')).toBe(PHONE);
});
