import { z } from 'zod';
import { type Phone, parsePhone } from '../core/phone.ts';
import { invalid, type Refused } from '../core/problem.ts';
import { boundInTime, type Range, type SessionFilter } from '../core/session-filter.ts';
import { choice, shownAs, subaccount, whole } from './fields.ts';

const TIME_RULE = 'should be a time such as 2024-01-31 13:35:51';
// One instant, or the whole minute, second or millisecond that the text names.
const TIME = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;

interface Moment {
  readonly from: Date;
  readonly before: Date;
}

const moment = () =>
  z
    .string({ error: TIME_RULE })
    .transform((text, context) => parseMoment(text) ?? reject(context))
    .meta(shownAs({ type: 'string', examples: ['2024-01-31 13:35:51'] }));

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

/** The query with today's names: SDKs send `created_times`, `duration_gt`, and older pages `session_duration`. */
export function canonicalQuery(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  const entries = Object.entries(query).filter(([, value]) => value !== '');
  return Object.fromEntries(entries.map(([name, value]) => [canonicalName(name), value]));
}

function canonicalName(name: string): string {
  const match = /^(?:session_)?(created_time|expiry_time|duration)(s|_{1,2}(?:gte|gt|lte|lt))?$/.exec(name);
  if (!match) return name;
  const [, field, suffix = ''] = match;
  return `${field}${suffix === 's' ? '' : suffix.replace(/^_+/, '__')}`;
}

/** The filter that a query means, bounded in time. */
export function toFilter(query: z.output<typeof listQuery>, now: Date): SessionFilter | Refused {
  const phones = ['first_party', 'second_party', 'virtual_number'] as const;
  const parsed: Partial<Record<(typeof phones)[number], Phone>> = {};
  for (const name of phones) {
    const text = query[name];
    if (text === undefined) continue;
    const phone = parsePhone(text.trim(), { defaultCountry: null, strict: false });
    if (phone === null) return invalid(name, 'is not a valid phone number');
    parsed[name] = phone;
  }
  const filter: SessionFilter = {
    ...(parsed.first_party && { firstParty: parsed.first_party }),
    ...(parsed.second_party && { secondParty: parsed.second_party }),
    ...(parsed.virtual_number && { virtualNumber: parsed.virtual_number }),
    ...(query.status && query.status !== 'all' && { status: query.status }),
    ...(query.subaccount && { subaccountId: query.subaccount }),
    createdAt: timeRange(query, 'created_time'),
    expiresAt: timeRange(query, 'expiry_time'),
    durationSeconds: secondsRange(query),
  };
  const bounded = boundInTime(filter, now);
  if (bounded === 'createdAt') return invalid('created_time', 'spans more than 30 days');
  if (bounded === 'expiresAt') return invalid('expiry_time', 'spans more than 30 days');
  return bounded;
}

function timeRange(query: z.output<typeof listQuery>, name: 'created_time' | 'expiry_time'): Range<Date> {
  const at = query[name];
  if (at) return { gte: at.from, lt: at.before };
  const { [`${name}__gt` as const]: gt, [`${name}__gte` as const]: gte } = query;
  const { [`${name}__lt` as const]: lt, [`${name}__lte` as const]: lte } = query;
  // A session shows its times cut to the second: past means past the second named, up to means with it.
  const lower = [gt?.before, gte?.from].filter((date) => date !== undefined).sort((a, b) => Number(b) - Number(a))[0];
  const upper = [lt?.from, lte?.before].filter((date) => date !== undefined).sort((a, b) => Number(a) - Number(b))[0];
  return { ...(lower && { gte: lower }), ...(upper && { lt: upper }) };
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

function parseMoment(text: string): Moment | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, day, minute, second, fraction] = match;
  const from = new Date(`${day}T${minute}:${second ?? '00'}.${(fraction ?? '').slice(0, 3).padEnd(3, '0')}Z`);
  if (Number.isNaN(from.getTime())) return null;
  const length = fraction ? 1 : second ? 1000 : 60_000;
  return { from, before: new Date(from.getTime() + length) };
}

function reject(context: z.core.$RefinementCtx): never {
  context.issues.push({ code: 'custom', message: TIME_RULE, input: context.value });
  return z.NEVER;
}
