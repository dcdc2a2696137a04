import type { Phone } from './phone.ts';

/** A source of uniformly random whole numbers in [0, below). */
export type RandomInt = (below: number) => number;

/**
 * Two different PINs of the given length (4–15 digits). PINs that people try first are left out: one digit
 * repeated, runs such as 1234 and 4321, years, and the last digits of either party's phone.
 */
export function generatePins(
  length: number,
  parties: readonly (Phone | null)[],
  random: RandomInt,
): { first: string; second: string } {
  const first = generatePin(length, parties, random);
  let second = generatePin(length, parties, random);
  while (second === first) second = generatePin(length, parties, random);
  return { first, second };
}

function generatePin(length: number, parties: readonly (Phone | null)[], random: RandomInt): string {
  for (;;) {
    const pin = Array.from({ length }, () => random(10)).join('');
    if (!isGuessable(pin) && !parties.some((party) => party?.endsWith(pin))) return pin;
  }
}

function isGuessable(pin: string): boolean {
  const steps = new Set(Array.from(pin.slice(1), (digit, i) => (Number(digit) - Number(pin[i]) + 10) % 10));
  const isRun = steps.size === 1 && (steps.has(0) || steps.has(1) || steps.has(9));
  return isRun || (pin.length === 4 && /^(19|20)/.test(pin));
}
