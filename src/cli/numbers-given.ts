import type { Phone } from '../core/phone.ts';
import { readNumber } from '../http/number-wire.ts';
import { Failed } from './command.ts';

const MOST = 10_000;

/** The numbers that words name: each is one, or the first and the last of a range, as `+14155550100..+14155550199`. */
export function numbersOf(words: readonly string[]): readonly Phone[] {
  const numbers = words.flatMap((word, at) => {
    const [first = '', last, ...more] = word.split('..');
    const all = more.length > 0 ? null : last === undefined ? [readNumber(first)] : rangeOf(first, last);
    if (all === null || all.includes(null)) {
      throw new Failed(`The one at place ${at + 1} is no number with its country code, and no range of such.`);
    }
    return all as Phone[];
  });
  if (numbers.length > MOST) throw new Failed(`These are more than ${MOST} numbers at once.`);
  return [...new Set(numbers)];
}

/** What stands first in each line of a CSV file, without a heading and empty lines. */
export function wordsOfCsv(text: string): readonly string[] {
  const cells = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => (line.split(/[,;\t]/)[0] ?? '').trim().replace(/^"(.*)"$/, '$1'));
  return cells.filter((cell, at) => cell !== '' && !(at === 0 && !/\d/.test(cell)));
}

function rangeOf(from: string, to: string): (Phone | null)[] | null {
  const [first, last] = [readNumber(from), readNumber(to)];
  if (first === null || last === null || first.length !== last.length || last < first) return null;
  const length = Number(last.slice(1)) - Number(first.slice(1)) + 1;
  // One more than may be is enough to see that they are too many.
  return Array.from({ length: Math.min(length, MOST + 1) }, (_, at) => readNumber(`+${Number(first.slice(1)) + at}`));
}
