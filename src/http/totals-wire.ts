import * as z from 'zod';
import { hangupCause } from '../core/hangup-cause.ts';
import {
  answerRate,
  averageLength,
  GROUPINGS,
  type Grouping,
  inProgress,
  moneyText,
  type Sums,
} from '../core/totals.ts';
import { choice, shownAs, whole } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { apiId } from './schemas.ts';

const HOUR_RULE = 'should be a whole hour in UTC such as 2026-01-31T13:00:00Z';
// A date alone is its first hour. Years that PostgreSQL and JavaScript write alike.
const HOUR = /^([12]\d{3}-\d{2}-\d{2})(?:[T ](\d{2})(?::00(?::00(?:\.0{1,6})?)?)?)?(?:Z|[+ ]00:00)?$/;

const hour = () =>
  z
    .string({ error: HOUR_RULE })
    .transform((text, context) => parseHour(text) ?? reject(context))
    .meta(shownAs({ type: 'string', examples: ['2026-01-31T13:00:00Z'] }));

function parseHour(text: string): Date | null {
  const [, day, hour = '00'] = HOUR.exec(text) ?? [];
  if (day === undefined) return null;
  const date = new Date(`${day}T${hour}:00:00.000Z`);
  // JavaScript reads the 31st of February, and 24:00, as times of the next day.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${day}T${hour}`) ? date : null;
}

function reject(context: z.core.$RefinementCtx): never {
  context.issues.push({ code: 'custom', message: HOUR_RULE, input: context.value });
  return z.NEVER;
}

export const totalsQuery = z.object({
  from: hour().optional(),
  to: hour().optional(),
  group_by: choice(GROUPINGS).default('none'),
  limit: whole(1, 1000).default(100),
  offset: whole(0, 2_147_483_647).default(0),
});

const count = z.int();
const sums = {
  sessions: z.object({
    created: count,
    active: count.meta({ description: 'At the end of the range: created before it and not announced as ended.' }),
    expired: count.meta({ description: 'Ended in the range, by time or by a delete.' }),
  }),
  calls: z
    .object({
      offered: count,
      connected: count,
      missed: count,
      refused: z.object({ total: count, by_reason: z.record(z.string(), count) }),
      abandoned: count,
      in_progress: count,
    })
    .meta({ description: 'Calls that began in the range, as they stand now.' }),
  pin: z.object({ successes: count, failures: count }),
  talk_seconds: count,
  billed_seconds: count,
  amounts: z
    .record(z.string(), z.string())
    .meta({ description: 'Exact, by currency.', examples: [{ USD: '12.34500' }] }),
  answer_rate: z.number().nullable().meta({ description: 'Connected among connected and missed.' }),
  call_length: z
    .object({
      average: z.number().nullable(),
      p95: z.int().nullable().meta({ description: 'The smallest length that 95 % of the calls do not exceed.' }),
    })
    .meta({ description: 'Seconds of talk of connected calls.' }),
};

const group = z.object({
  key: z.string().meta({ description: 'A time, status, number without `+` and so on; empty for what has none.' }),
  provider: z
    .object({ id: z.int(), dialect: z.string() })
    .optional()
    .meta({ description: 'Where groups are providers.' }),
  hangup_cause: z
    .object({ code: z.int(), name: z.string() })
    .optional()
    .meta({ description: 'Where groups are hangup causes.' }),
  ...sums,
});

export const totalsSchema = z
  .object({
    api_id: apiId,
    from: z.string().meta({ examples: ['2026-01-30T14:00:00Z'] }),
    to: z.string().meta({ description: 'Not included.', examples: ['2026-01-31T14:00:00Z'] }),
    group_by: z.enum(GROUPINGS),
    total: z.object(sums),
    groups: z.array(group),
    meta: pageMeta,
  })
  .meta({ id: 'Totals' });

export function hourToWire(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

export function groupToWire(
  grouping: Grouping,
  { key, number, dialect, sums }: { key: string; number: string | null; dialect: string | null; sums: Sums },
) {
  return {
    key: number === null ? key : number.slice(1),
    ...(dialect !== null && { provider: { id: Number(key), dialect } }),
    ...(grouping === 'hangup_cause' && key !== '' && { hangup_cause: causeToWire(Number(key)) }),
    ...sumsToWire(sums),
  };
}

function causeToWire(code: number) {
  return { code, name: hangupCause(code).name };
}

export function sumsToWire(sums: Sums) {
  const { offered, connected, missed, refused, refusedByReason, abandoned } = sums;
  return {
    sessions: { created: sums.sessionsCreated, active: sums.sessionsActive, expired: sums.sessionsEnded },
    calls: {
      ...{ offered, connected, missed, refused: { total: refused, by_reason: refusedByReason }, abandoned },
      in_progress: inProgress(sums),
    },
    pin: { successes: sums.pinSuccesses, failures: sums.pinFailures },
    talk_seconds: sums.talkSeconds,
    billed_seconds: sums.billedSeconds,
    amounts: Object.fromEntries(Object.entries(sums.amounts).map(([currency, sum]) => [currency, moneyText(sum)])),
    answer_rate: answerRate(sums),
    call_length: { average: averageLength(sums), p95: sums.lengthP95 },
  };
}
