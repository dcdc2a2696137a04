import type { GatherInstruction } from './instruction.ts';

/** How the two people and their provider behave. */
export interface Script {
  /** What the caller keys, one entry for each question; without one more, silence. */
  readonly entries: readonly string[];
  /** Keys so slowly that a provider which waits only so long between two keys takes the first for all. */
  readonly keysSlowly: boolean;
  readonly callee: 'answers' | 'busy' | 'silent';
  /** Hangs up when asked for more than the entries, instead of being silent. */
  readonly givesUp: boolean;
  readonly talkSeconds: number;
  readonly whoHangsUp: 'caller' | 'callee';
  /** The provider sends each question twice, as one does that missed the answer. */
  readonly asksTwice: boolean;
}

export const PLAIN_SCRIPT: Script = {
  entries: [],
  keysSlowly: false,
  callee: 'answers',
  givesUp: false,
  talkSeconds: 30,
  whoHangsUp: 'callee',
  asksTwice: false,
};

/** What a provider takes of what is keyed; '' where it would have taken nothing. */
export function collect(keys: string, gather: GatherInstruction, keysSlowly: boolean): string {
  const { maxDigits, finishKey, validKeys, betweenKeysSeconds } = gather;
  const ends = finishKey === '' ? -1 : keys.indexOf(finishKey);
  const entry = (ends < 0 ? keys : keys.slice(0, ends)).slice(0, maxDigits);
  const taken = keysSlowly && betweenKeysSeconds !== null ? entry.slice(0, 1) : entry;
  return [...taken].every((key) => validKeys.includes(key)) ? taken : '';
}
