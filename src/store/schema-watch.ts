import { bigint, index, integer, numeric, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, instant } from './schema-columns.ts';

/** Every exchange with a telephony provider, as an operator may follow it. Kept for some days. */
export const exchanges = pgTable(
  'exchanges',
  {
    /** In the order of commits: writers take turns, so that a reader who waits for the next misses none. */
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant('at').notNull(),
    accountId: text('account_id').notNull(),
    providerId: integer('provider_id').notNull(),
    /** `answer`, `hangup` and so on: which webhook. */
    webhook: text('webhook').notNull(),
    providerCallId: text('provider_call_id'),
    virtualNumber: text('virtual_number'),
    status: integer('status').notNull(),
    /** In words, without digits and phones. */
    decision: text('decision').notNull(),
    milliseconds: numeric('milliseconds', { mode: 'number' }).notNull(),
    /** JSON of the request's fields and the document answered, sealed since phones are in both. */
    contentKey: uuid('content_key').notNull(),
    contentCipher: bytea('content_cipher').notNull(),
  },
  (t) => [
    index('exchanges_account').on(t.accountId, t.id),
    index('exchanges_call').on(t.providerId, t.providerCallId, t.id),
    index('exchanges_number').on(t.virtualNumber, t.id),
    index('exchanges_at').on(t.at),
  ],
);

const metrics = {
  sessionsCreated: bigint('sessions_created', { mode: 'number' }).notNull().default(0),
  sessionsEnded: bigint('sessions_ended', { mode: 'number' }).notNull().default(0),
  offered: bigint('offered', { mode: 'number' }).notNull().default(0),
  connected: bigint('connected', { mode: 'number' }).notNull().default(0),
  missed: bigint('missed', { mode: 'number' }).notNull().default(0),
  refused: bigint('refused', { mode: 'number' }).notNull().default(0),
  abandoned: bigint('abandoned', { mode: 'number' }).notNull().default(0),
  pinSuccesses: bigint('pin_successes', { mode: 'number' }).notNull().default(0),
  pinFailures: bigint('pin_failures', { mode: 'number' }).notNull().default(0),
  talkSeconds: bigint('talk_seconds', { mode: 'number' }).notNull().default(0),
  billedSeconds: bigint('billed_seconds', { mode: 'number' }).notNull().default(0),
};

/**
 * What totals have to learn: a row per change, written with it, taken back by its negative. Folded into `totals`
 * in batches, so that no statement waits for another one's counter.
 */
export const tallies = pgTable('tallies', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  accountId: text('account_id').notNull(),
  subaccountId: text('subaccount_id').notNull(),
  virtualNumberId: integer('virtual_number_id').notNull(),
  providerId: integer('provider_id'),
  hour: instant('hour').notNull(),
  /** Of the call; '' for a row about a session. */
  status: text('status').notNull().default(''),
  hangupCode: integer('hangup_code'),
  refusal: text('refusal'),
  currency: text('currency'),
  amount: numeric('amount').notNull().default('0'),
  /** Seconds of talk whose frequency changes by `lengthCount`. */
  lengthSeconds: integer('length_seconds'),
  lengthCount: integer('length_count').notNull().default(0),
  ...metrics,
});

const cell = {
  accountId: text('account_id').notNull(),
  /** '' for the main account's own. */
  subaccountId: text('subaccount_id').notNull(),
  /** `all`, `status`, `virtual_number` and so on, and its value. */
  dimension: text('dimension').notNull(),
  key: text('key').notNull(),
  grain: text('grain').notNull().$type<'hour' | 'day' | 'month'>(),
  period: instant('period').notNull(),
};

/** Sums of the folded tallies, by each dimension, hour, day and month (UTC). */
export const totals = pgTable('totals', { ...cell, ...metrics }, (t) => [
  primaryKey({
    name: 'totals_cell',
    columns: [t.accountId, t.dimension, t.grain, t.period, t.key, t.subaccountId],
  }),
]);

/**
 * The same for what has many values: `refused` by reason, `amount` by currency, and how many calls were so long, by
 * `minutes` and by `seconds`.
 */
export const totalsByValue = pgTable(
  'totals_by_value',
  { ...cell, metric: text('metric').notNull(), value: text('value').notNull(), sum: numeric('sum').notNull() },
  (t) => [
    primaryKey({
      name: 'totals_by_value_cell',
      columns: [t.accountId, t.dimension, t.grain, t.period, t.key, t.subaccountId, t.metric, t.value],
    }),
  ],
);

/** The most sessions that one phone was in at a time, per day and country: what the pool must hold. */
export const poolPeaks = pgTable(
  'pool_peaks',
  {
    accountId: text('account_id').notNull(),
    subaccountId: text('subaccount_id').notNull(),
    country: text('country').notNull(),
    day: instant('day').notNull(),
    sessions: integer('sessions').notNull(),
  },
  (t) => [primaryKey({ name: 'pool_peaks_day', columns: [t.accountId, t.subaccountId, t.country, t.day] })],
);
