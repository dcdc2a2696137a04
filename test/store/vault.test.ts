import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { derivedKeys } from '../../src/store/key-envelope.ts';
import { openVault } from '../../src/store/vault.ts';

const key = Buffer.alloc(32, 1);
const vault = openVault(derivedKeys(key));
const other = openVault(derivedKeys(Buffer.alloc(32, 2)));
const PHONE = '+14155550100' as Phone;
const NUMBER = '+14155550199' as Phone;

describe('a sealed text', () => {
  test('opens with the same key and context, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, context) => {
        expect(openVault(derivedKeys(key)).open(vault.seal(text, context), context)).toBe(text);
      }),
    );
  });

  test('does not open with another key, in another place, or changed in any of its bits', () => {
    const sealed = vault.seal(PHONE, 'sessions.first_party:1');
    expect(() => other.open(sealed, 'sessions.first_party:1')).toThrow('a key that is not known');
    for (const place of ['sessions.first_party:2', 'sessions.second_party:1', '']) {
      expect(() => vault.open(sealed, place)).toThrow();
    }
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => vault.open(changed, 'sessions.first_party:1')).toThrow();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => vault.open(sealed.subarray(0, length), 'sessions.first_party:1')).toThrow();
    }
  });

  test('is another one each time, names its key, and shows nothing of the text', () => {
    const all = Array.from({ length: 1000 }, () => vault.seal('2741', 'x').toString('hex'));
    expect(new Set(all).size).toBe(1000);
    expect(all.every((hex) => hex.startsWith(vault.keyId))).toBe(true);
    expect(vault.keyId).not.toBe(other.keyId);
    expect(vault.seal(PHONE, 'x').toString('latin1')).not.toContain(PHONE.slice(-6));
  });
});

test('a vault that is given new keys seals with the first of them and goes on opening what it has read before', () => {
  const held = openVault(derivedKeys(key));
  const before = held.seal(PHONE, 'x');
  const [added] = derivedKeys(Buffer.alloc(32, 2)).cipherKeys;
  held.adopt([added]);
  expect([held.keyId, other.open(held.seal(PHONE, 'x'), 'x'), held.open(before, 'x')]).toEqual([
    added.id,
    PHONE,
    PHONE,
  ]);
});

describe('a digest', () => {
  test('is the same for the same value and key, and for nothing else', () => {
    expect(openVault(derivedKeys(key)).phoneDigest(PHONE)).toEqual(vault.phoneDigest(PHONE));
    const all = [
      vault.phoneDigest(PHONE),
      vault.phoneDigest(NUMBER),
      other.phoneDigest(PHONE),
      vault.anyoneDigest,
      other.anyoneDigest,
      vault.secretDigest(PHONE),
      vault.pinDigest(NUMBER, '2741'),
      vault.pinDigest(PHONE, '2741'),
      vault.pinDigest(NUMBER, '2742'),
      other.pinDigest(NUMBER, '2741'),
    ].map((digest) => digest.toString('hex'));
    expect(new Set(all).size).toBe(all.length);
    expect(new Set(all.map((hex) => hex.length))).toEqual(new Set([32]));
  });

  test('of a PIN cannot be made by moving digits between the number and the PIN', () => {
    expect(vault.pinDigest('+141555501' as Phone, '992741')).not.toEqual(
      vault.pinDigest('+14155550199' as Phone, '2741'),
    );
  });
});
