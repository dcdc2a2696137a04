import type { MalformedRequest } from './dialect.ts';

/** How one parameter is read; null where it breaks the rule, which says in words what it must be. */
export interface Param<T> {
  readonly rule: string;
  readonly read: (value: unknown) => T | null;
}

export type Params = Readonly<Record<string, Param<unknown>>>;

/** What was read: each parameter that was given. */
export type Values<P extends Params> = {
  readonly [Name in keyof P]?: P[Name] extends Param<infer Value> ? Value : never;
};

/**
 * Reads the wanted parameters. Null and empty text are as good as absent.
 *
 * @param prefix stands before a name where a fault is told.
 */
export function readParams<P extends Params>(
  given: Readonly<Record<string, unknown>>,
  wanted: P,
  prefix = '',
): Values<P> | MalformedRequest {
  const values: Record<string, unknown> = {};
  for (const [name, { rule, read }] of Object.entries(wanted)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined || value === null || value === '') continue;
    const result = read(value);
    if (result === null) return malformed(prefix + name, rule);
    values[name] = result;
  }
  return values as Values<P>;
}

/** Text of this form. */
export function textOf(form: RegExp, rule: string): Param<string> {
  return { rule, read: (value) => (typeof value === 'string' && form.test(value) ? value : null) };
}

/** One of these words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Param<Word> {
  return { rule: `must be ${words.join(' or ')}`, read: (value) => words.find((word) => word === value) ?? null };
}

/** A whole number, also as text. */
export function wholeNumber(least: number, greatest: number): Param<number> {
  return {
    rule: `must be a whole number, ${least} to ${greatest}`,
    read: (value) => {
      const written = typeof value === 'number' ? String(value) : value;
      if (typeof written !== 'string' || !/^-?\d{1,15}$/.test(written)) return null;
      const number = Number(written);
      return number >= least && number <= greatest ? number : null;
    },
  };
}

// No call is longer than a day, which Plivo cuts it at.
const A_DAY = 86_400;

export const seconds = wholeNumber(0, A_DAY);
export const milliseconds = wholeNumber(-1, A_DAY * 1000);
export const callId = textOf(/^[\w-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
/** An exact decimal, kept as it is written. */
export const money = textOf(/^\d{1,7}(?:\.\d{1,10})?$/, 'must be a decimal such as 0.00500');
export const webAddress = textOf(/^https?:\/\/[^\s"'<>\\]{1,8000}$/, 'must be a web address');
/** Anything; whether it is a phone is seen later. */
export const anyText: Param<string> = {
  rule: 'must be text',
  read: (value) => (typeof value === 'string' ? value : null),
};

/** The instant of a date `YYYY-MM-DD` and a time `HH:MM:SS` in UTC; null for one that the calendar does not have. */
export function utcInstant(date: string, time: string): Date | null {
  const at = new Date(`${date}T${time}Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date) && isThisAge(at) ? at : null;
}

/** False for what is no time of any call, such as a 0 that means none. */
export function isThisAge(at: Date): boolean {
  return at.getUTCFullYear() >= 2000 && at.getUTCFullYear() < 2100;
}

/** The same without what is undefined. */
export function known<T extends object>(facts: { readonly [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as T;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function malformed(field: string, rule: string): MalformedRequest {
  return { malformed: { field, rule } };
}

/** The format that a recording's address ends in, before its query. */
export function recordingFormat(url: string): 'mp3' | 'wav' | undefined {
  const ending = /\.(mp3|wav)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase();
  return ending === 'mp3' || ending === 'wav' ? ending : undefined;
}
