import { createCipheriv, createDecipheriv, createHmac, createSecretKey } from 'node:crypto';
import type { Phone } from '../core/phone.ts';
import { drawing } from './random-bytes.ts';

/**
 * Keeps phones, PINs and secrets unreadable without the master key, which lives outside the database:
 * a keyed digest to look a value up, a ciphertext to show it. Hashing alone would protect nothing, since
 * all phones and PINs can be tried in minutes.
 */
export interface Vault {
  /** Names the key that seals now; each ciphertext begins with that of its own key. 8 hex digits. */
  readonly keyId: string;
  phoneDigest(phone: Phone): Buffer;
  /** The digest under which a single-party session takes any caller. */
  readonly anyoneDigest: Buffer;
  /** PINs are looked up per virtual number, so the same PIN on two numbers has two digests. */
  pinDigest(virtualNumber: Phone, pin: string): Buffer;
  secretDigest(secret: string): Buffer;
  /** `context` (table, column and row) is authenticated: a ciphertext moved elsewhere does not open. */
  seal(text: string, context: string): Buffer;
  /** @throws when the key is not known, the context is another, or the ciphertext was changed. */
  open(cipher: Buffer, context: string): string;
  /** A key that it was told of at some time, by its id. */
  cipherKey(id: string): Buffer | undefined;
  /** Seals with the first of these from now on. Keys that it knew go on opening what was read with them. */
  adopt(cipherKeys: CipherKeys): void;
}

/** A key that seals, and what its ciphertexts begin with: 8 hex digits. */
export interface CipherKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The first one seals. */
export type CipherKeys = readonly [CipherKey, ...CipherKey[]];

/** What a vault is opened with; every key has 32 bytes. */
export interface KeyRing {
  readonly digestKey: Buffer;
  readonly cipherKeys: CipherKeys;
}

const DIGEST_BYTES = 16;
export const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function openVault({ digestKey, cipherKeys }: KeyRing): Vault {
  const keys = new Map(cipherKeys.map(({ id, key }) => [id, key]));
  let [sealing] = cipherKeys;
  // Imported once: each digest would do it anew.
  const hmacKey = createSecretKey(digestKey);
  const digest = (kind: string, value: string) =>
    createHmac('sha256', hmacKey).update(`${kind}\0${value}`).digest().subarray(0, DIGEST_BYTES);

  return {
    get keyId() {
      return sealing.id;
    },
    phoneDigest: (phone) => digest('phone', phone),
    anyoneDigest: digest('phone', '*'),
    pinDigest: (virtualNumber, pin) => digest('pin', `${virtualNumber}\0${pin}`),
    secretDigest: (secret) => digest('secret', secret),
    seal: (text, context) => Buffer.concat([Buffer.from(sealing.id, 'hex'), sealWith(sealing.key, text, context)]),
    open(sealed, context) {
      const key = keys.get(sealed.subarray(0, KEY_ID_BYTES).toString('hex'));
      if (key === undefined) throw new Error('sealed with a key that is not known');
      return openWith(key, sealed.subarray(KEY_ID_BYTES), context).toString('utf8');
    },
    cipherKey: (id) => keys.get(id),
    adopt(given) {
      for (const { id, key } of given) keys.set(id, key);
      [sealing] = given;
    },
  };
}

const freshNonce = drawing(NONCE_BYTES);

/** AES-256-GCM: nonce, ciphertext and tag. */
export function sealWith(key: Buffer, content: string | Buffer, context: string): Buffer {
  const nonce = freshNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** @throws when the key or the context is another, or something was changed. */
export function openWith(key: Buffer, sealed: Buffer, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
