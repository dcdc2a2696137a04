import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { generatePins, type RandomInt } from '../../src/core/pin.ts';

/** A repeatable source of chance. */
function randomFrom(seed: number): RandomInt {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const parties = ['+905326202911', '+14155550111'] as Phone[];
const lengths = () => fc.integer({ min: 4, max: 15 });

/** Chance that comes to each of these PINs in turn, then goes on at random. */
function chanceOf(...pins: string[]): RandomInt {
  const digits = pins.join('').split('').map(Number);
  const rest = randomFrom(1);
  return (below) => digits.shift() ?? rest(below);
}

describe('generated PINs', () => {
  it('have the length asked for, are digits, and differ from each other', () => {
    fc.assert(
      fc.property(lengths(), fc.nat(), (length, seed) => {
        const { first, second } = generatePins(length, parties, randomFrom(seed));
        for (const pin of [first, second]) expect(pin).toMatch(new RegExp(`^[0-9]{${length}}$`));
        expect(first).not.toBe(second);
      }),
    );
  });

  it('are never what people try first', () => {
    const tried = ['0000', '7777', '1234', '4321', '7890', '0987', '9012', '1984', '2026', '2911', '0111'];
    for (const guess of tried) {
      const { first, second } = generatePins(4, parties, chanceOf(guess, guess, '5831', guess, '6042'));
      expect([first, second], guess).toEqual(['5831', '6042']);
    }
    for (const guess of ['000000', '123456', '987654', '202911', '550111']) {
      expect(generatePins(6, parties, chanceOf(guess, '583164')).first, guess).toBe('583164');
    }
  });

  it('of four digits hold no repeated digit, run, year or end of a phone in any of many draws', () => {
    const random = randomFrom(42);
    for (let i = 0; i < 5_000; i++) {
      for (const pin of Object.values(generatePins(4, parties, random))) {
        expect(pin).not.toMatch(/^(\d)\1+$|^(19|20)/);
        expect('01234567890123 98765432109876'.includes(pin), pin).toBe(false);
        expect(parties.some((party) => party.endsWith(pin))).toBe(false);
      }
    }
  });

  it('are drawn again where the second comes out as the first', () => {
    expect(generatePins(4, [null, null], chanceOf('5831', '5831', '6042'))).toEqual({ first: '5831', second: '6042' });
  });

  it('use every digit at every place', () => {
    const random = randomFrom(7);
    const seen = Array.from({ length: 6 }, () => new Set<string>());
    for (let i = 0; i < 500; i++) {
      for (const [place, digit] of [...generatePins(6, parties, random).first].entries()) seen[place]?.add(digit);
    }
    expect(seen.map((digits) => digits.size)).toEqual([10, 10, 10, 10, 10, 10]);
  });
});
