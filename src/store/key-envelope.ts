import { createHash, hkdfSync } from 'node:crypto';
import { KEY_ID_BYTES, type KeyRing, openWith, sealWith } from './vault.ts';

/** The keys that seal the others. With a previous one, a change of the master key is under way. */
export interface MasterKeys {
  readonly current: Buffer;
  readonly previous: Buffer | null;
}

// The id of the master key, a nonce, the key itself and a tag.
const SEAL_BYTES = KEY_ID_BYTES + 12 + 32 + 16;

const derive = (masterKey: Buffer, purpose: string) =>
  Buffer.from(hkdfSync('sha256', masterKey, '', `bauta ${purpose}`, 32));
const nameOf = (masterKey: Buffer, purpose: string) =>
  createHash('sha256').update(derive(masterKey, purpose)).digest().subarray(0, KEY_ID_BYTES);

/** The keys of a database from before it had a table for them: they follow from its master key. */
export function derivedKeys(masterKey: Buffer): KeyRing {
  const id = nameOf(masterKey, 'key id').toString('hex');
  return { digestKey: derive(masterKey, 'digest'), cipherKeys: [{ id, key: derive(masterKey, 'cipher') }] };
}

/** A key as it is stored: a seal by the current master key, then one by the previous, as long as that is used. */
export function wrapKey({ current, previous }: MasterKeys, key: Buffer, name: string): Buffer {
  const seals = [current, ...(previous === null ? [] : [previous])].map((masterKey) =>
    Buffer.concat([nameOf(masterKey, 'envelope id'), sealWith(derive(masterKey, 'envelope'), key, contextOf(name))]),
  );
  return Buffer.concat(seals);
}

/** The key, opened by whichever master key sealed it; null where it was neither. */
export function unwrapKey({ current, previous }: MasterKeys, wrapped: Buffer, name: string): Buffer | null {
  for (const masterKey of [current, ...(previous === null ? [] : [previous])]) {
    const seal = sealsOf(wrapped).find((one) => isBy(masterKey, one));
    if (seal) return openWith(derive(masterKey, 'envelope'), seal.subarray(KEY_ID_BYTES), contextOf(name));
  }
  return null;
}

/**
 * Whether a stored key has to be sealed anew: the current master key has not sealed it, or it is the newest and
 * another than these could still open it. One that was replaced meanwhile leaves what its successor has made.
 */
export function isToWrapAnew({ current, previous }: MasterKeys, wrapped: Buffer): boolean {
  const seals = sealsOf(wrapped);
  const place = seals.findIndex((seal) => isBy(current, seal));
  if (place !== 0) return place < 0;
  const others = seals.slice(1);
  return previous === null ? others.length > 0 : others.length !== 1 || !others.every((seal) => isBy(previous, seal));
}

function sealsOf(wrapped: Buffer): Buffer[] {
  return Array.from({ length: wrapped.length / SEAL_BYTES }, (_, i) =>
    wrapped.subarray(i * SEAL_BYTES, (i + 1) * SEAL_BYTES),
  );
}

const isBy = (masterKey: Buffer, seal: Buffer) =>
  nameOf(masterKey, 'envelope id').equals(seal.subarray(0, KEY_ID_BYTES));
const contextOf = (name: string) => `vault_keys.sealed_key:${name}`;
