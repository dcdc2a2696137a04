import * as z from 'zod';
import { shownAs } from './fields.ts';

const TIME_RULE = 'should be a time such as 2024-01-31 13:35:51';
// Years that PostgreSQL and JavaScript write alike, also 30 days before and after.
const TIME = /^([12]\d{3}-\d{2}-\d{2})[ T](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;

/** One instant, or the whole minute, second or millisecond that a text names. */
export interface Moment {
  readonly from: Date;
  readonly before: Date;
}

/** A time as apps write it in queries and bodies, in UTC. */
export const moment = () =>
  z
    .string({ error: TIME_RULE })
    .transform((text, context) => parseMoment(text) ?? reject(context))
    .meta(shownAs({ type: 'string', examples: ['2024-01-31 13:35:51'] }));

function parseMoment(text: string): Moment | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, day, minute, second, fraction] = match;
  const from = new Date(`${day}T${minute}:${second ?? '00'}.${(fraction ?? '').slice(0, 3).padEnd(3, '0')}Z`);
  // JavaScript reads the 31st of February, and 24:00, as times of the next day.
  if (Number.isNaN(from.getTime()) || !from.toISOString().startsWith(`${day}T${minute}`)) return null;
  const length = fraction ? 1 : second ? 1000 : 60_000;
  return { from, before: new Date(from.getTime() + length) };
}

function reject(context: z.core.$RefinementCtx): never {
  context.issues.push({ code: 'custom', message: TIME_RULE, input: context.value });
  return z.NEVER;
}
