import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Phone } from '../core/phone.ts';

/**
 * Keeps phones, PINs and secrets unreadable without the master key, which lives outside the database:
 * a keyed digest to look a value up, a ciphertext to show it. Hashing alone would protect nothing, since
 * all phones and PINs can be tried in minutes.
 */
export interface Vault {
  /** Names the master key in each ciphertext, so that several can live side by side. 8 hex digits. */
  readonly keyId: string;
  phoneDigest(phone: Phone): Buffer;
  /** The digest under which a single-party session takes any caller. */
  readonly anyoneDigest: Buffer;
  /** PINs are looked up per virtual number, so the same PIN on two numbers has two digests. */
  pinDigest(virtualNumber: Phone, pin: string): Buffer;
  secretDigest(secret: string): Buffer;
  /** `context` (table, column and row) is authenticated: a ciphertext moved elsewhere does not open. */
  seal(text: string, context: string): Buffer;
  /** @throws when the key or the context is another, or the ciphertext was changed. */
  open(cipher: Buffer, context: string): string;
}

const DIGEST_BYTES = 16;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param masterKey 32 random bytes. */
export function openVault(masterKey: Buffer): Vault {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', masterKey, '', `bauta ${purpose}`, 32));
  const cipherKey = derive('cipher');
  const digestKey = derive('digest');
  const keyId = createHash('sha256').update(derive('key id')).digest().subarray(0, KEY_ID_BYTES);
  const digest = (kind: string, value: string) =>
    createHmac('sha256', digestKey).update(`${kind}\0${value}`).digest().subarray(0, DIGEST_BYTES);

  return {
    keyId: keyId.toString('hex'),
    phoneDigest: (phone) => digest('phone', phone),
    anyoneDigest: digest('phone', '*'),
    pinDigest: (virtualNumber, pin) => digest('pin', `${virtualNumber}\0${pin}`),
    secretDigest: (secret) => digest('secret', secret),
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', cipherKey, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([keyId, nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      if (!sealed.subarray(0, KEY_ID_BYTES).equals(keyId)) throw new Error('sealed with another master key');
      const body = sealed.subarray(KEY_ID_BYTES + NONCE_BYTES, -TAG_BYTES);
      const nonce = sealed.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', cipherKey, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      return decipher.update(body, undefined, 'utf8') + decipher.final('utf8');
    },
  };
}
