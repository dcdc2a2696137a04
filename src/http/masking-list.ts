import * as z from 'zod';
import { type Phone, type PhoneRules, parsePhone } from '../core/phone.ts';
import { invalid, type Refused } from '../core/problem.ts';
import { boundInTime, type Range, type SessionFilter } from '../core/session-filter.ts';
import { choice, subaccount, whole } from './fields.ts';
import { type Moment, moment } from './moments.ts';

const seconds = () => whole(0, 2_147_483_647);
const number = () =>
  z.string({ error: 'is not a valid phone number' }).max(32, { error: 'is not a valid phone number' });

const SUFFIXES = ['', '__gt', '__gte', '__lt', '__lte'] as const;
type Suffix = (typeof SUFFIXES)[number];

function withSuffixes<const N extends string, F extends z.ZodType>(name: N, field: () => F) {
  const entries = SUFFIXES.map((suffix) => [`${name}${suffix}`, field().optional()]);
  return Object.fromEntries(entries) as Record<`${N}${Suffix}`, z.ZodOptional<F>>;
}

/** Names and rules of Plivo's documentation; unknown names are ignored. */
export const listQuery = z.object({
  first_party: number().optional(),
  second_party: number().optional(),
  virtual_number: number().optional(),
  status: choice(['active', 'in-progress', 'expired', 'all']).optional(),
  subaccount: subaccount().optional(),
  ...withSuffixes('created_time', moment),
  ...withSuffixes('expiry_time', moment),
  ...withSuffixes('duration', seconds),
  limit: whole(1, 20).default(20),
  offset: whole(0, 2_147_483_647).default(0),
});

/**
 * The query with today's names: SDKs send `created_times`, `duration_gt` and `sub_account`, older pages name
 * `session_duration`.
 */
export function canonicalQuery(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  const entries = Object.entries(query).filter(([, value]) => value !== '');
  return Object.fromEntries(entries.map(([name, value]) => [canonicalName(name), value]));
}

function canonicalName(name: string): string {
  if (name === 'sub_account') return 'subaccount';
  const match = /^(?:session_)?(created_time|expiry_time|duration)(s|_{1,2}(?:gte|gt|lte|lt))?$/.exec(name);
  if (!match) return name;
  const [, field, suffix = ''] = match;
  return `${field}${suffix === 's' ? '' : suffix.replace(/^_+/, '__')}`;
}

/** The filter that a query means, bounded in time; phones are read as those of new sessions are. */
export function toFilter(query: z.output<typeof listQuery>, rules: PhoneRules, now: Date): SessionFilter | Refused {
  const phones = ['first_party', 'second_party', 'virtual_number'] as const;
  const parsed: Partial<Record<(typeof phones)[number], Phone>> = {};
  for (const name of phones) {
    const text = query[name];
    if (text === undefined) continue;
    // In a query a bare '+' is a space, so a leading space was a '+'.
    const phone = parsePhone(text.replace(/^ (?=\d)/, '+').trim(), rules);
    if (phone === null) return invalid(name, 'is not a valid phone number');
    parsed[name] = phone;
  }
  const filter: SessionFilter = {
    ...(parsed.first_party && { firstParty: parsed.first_party }),
    ...(parsed.second_party && { secondParty: parsed.second_party }),
    ...(parsed.virtual_number && { virtualNumber: parsed.virtual_number }),
    ...(query.status && query.status !== 'all' && { status: query.status }),
    ...(query.subaccount && { subaccountId: query.subaccount }),
    createdAt: namedRange(query, 'created_time'),
    expiresAt: namedRange(query, 'expiry_time'),
    durationSeconds: secondsRange(query),
  };
  const bounded = boundInTime(filter, now);
  if (bounded === 'createdAt') return invalid('created_time', 'spans more than 30 days');
  if (bounded === 'expiresAt') return invalid('expiry_time', 'spans more than 30 days');
  return {
    ...bounded,
    createdAt: { ...bounded.createdAt, ...meantRange(query, 'created_time') },
    expiresAt: { ...bounded.expiresAt, ...meantRange(query, 'expiry_time') },
  };
}

type TimeName = 'created_time' | 'expiry_time';

/** From one named time to the other, which is what a window's length is judged by. */
function namedRange(query: z.output<typeof listQuery>, name: TimeName): Range<Date> {
  return rangeOf(query, name, ({ from }) => from);
}

/** A session shows its times cut to the second: past means past the second named, up to means with it. */
function meantRange(query: z.output<typeof listQuery>, name: TimeName): Range<Date> {
  return rangeOf(query, name, ({ before }) => before);
}

function rangeOf(query: z.output<typeof listQuery>, name: TimeName, endOf: (moment: Moment) => Date): Range<Date> {
  const at = query[name];
  if (at) return { gte: at.from, lt: endOf(at) };
  const { [`${name}__gt` as const]: gt, [`${name}__gte` as const]: gte } = query;
  const { [`${name}__lt` as const]: lt, [`${name}__lte` as const]: lte } = query;
  const lower = [gt && endOf(gt), gte?.from].filter((date) => date !== undefined).map(Number);
  const upper = [lt?.from, lte && endOf(lte)].filter((date) => date !== undefined).map(Number);
  return {
    ...(lower.length > 0 && { gte: new Date(Math.max(...lower)) }),
    ...(upper.length > 0 && { lt: new Date(Math.min(...upper)) }),
  };
}

function secondsRange(query: z.output<typeof listQuery>): Range<number> {
  const { duration, duration__gt: gt, duration__gte: gte, duration__lt: lt, duration__lte: lte } = query;
  if (duration !== undefined) return { gte: duration, lte: duration };
  return {
    ...(gt === undefined ? {} : { gt }),
    ...(gte === undefined ? {} : { gte }),
    ...(lt === undefined ? {} : { lt }),
    ...(lte === undefined ? {} : { lte }),
  };
}
