import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import type { PinPolicy } from '../core/call-facts.ts';
import type { CallDirection, HangupSource } from '../core/call-report.ts';
import type { Side } from '../core/session.ts';
import { bytea, instant } from './schema-columns.ts';

/**
 * One row per call of a provider: how far its answer has come, and what was reported of its two legs. Leg A is
 * the one that the provider asks about, leg B the one that it dials for us. Every reported column only ever
 * gains (see call-reports.ts), so the order in which reports arrive does not matter.
 */
export const calls = pgTable(
  'calls',
  {
    id: uuid('id').primaryKey(),
    providerId: integer('provider_id').notNull(),
    /** The provider's id of the call, which is that of leg A. */
    providerCallId: text('provider_call_id').notNull(),
    /** Set when the provider names no call: a digest of caller and callee that its next request shares. */
    anonymousKey: bytea('anonymous_key'),
    accountId: text('account_id').notNull(),
    subaccountId: text('subaccount_id'),
    /** Null for an orphan whose number is none of ours. */
    virtualNumberId: integer('virtual_number_id'),
    direction: text('direction').notNull().default('inbound').$type<CallDirection>(),
    /** Who is on leg A, and who on leg B. */
    callerDigest: bytea('caller_digest'),
    callerCipher: bytea('caller_cipher'),
    calleeDigest: bytea('callee_digest'),
    calleeCipher: bytea('callee_cipher'),
    sessionId: uuid('session_id'),
    callerSide: text('caller_side').$type<Side>(),
    /** `orphan`: reported without ever having been asked about. `placed`, `unplaced`: a call to the first party. */
    outcome: text('outcome').notNull(),
    reason: text('reason').notNull(),
    authenticated: boolean('authenticated').notNull(),
    pinPolicy: jsonb('pin_policy').$type<PinPolicy>(),
    pinTries: text('pin_tries').array().notNull(),
    /** Counts the recorded steps: a step is recorded only upon the one it was decided on. */
    version: integer('version').notNull(),
    recordFormat: text('record_format').$type<'mp3' | 'wav'>(),
    currency: text('currency').notNull().default('USD'),
    /** When it was first heard of. Totals count it in this hour, whatever becomes known later. */
    startedAt: instant('started_at').notNull().defaultNow(),
    decidedAt: instant('decided_at').notNull().defaultNow(),
    aStartedAt: instant('a_started_at'),
    aRingingAt: instant('a_ringing_at'),
    aAnsweredAt: instant('a_answered_at'),
    aEndedAt: instant('a_ended_at'),
    /** Plivo's number of the cause, see hangup-cause.ts. */
    aHangupCode: integer('a_hangup_code'),
    aHangupSource: text('a_hangup_source').$type<HangupSource>(),
    aSeconds: integer('a_seconds'),
    aBilledSeconds: integer('a_billed_seconds'),
    aRate: numeric('a_rate'),
    aCost: numeric('a_cost'),
    /** The provider's id of leg B. */
    bLegId: text('b_leg_id'),
    bStartedAt: instant('b_started_at'),
    bRingingAt: instant('b_ringing_at'),
    bAnsweredAt: instant('b_answered_at'),
    bEndedAt: instant('b_ended_at'),
    bHangupCode: integer('b_hangup_code'),
    bHangupSource: text('b_hangup_source').$type<HangupSource>(),
    bSeconds: integer('b_seconds'),
    bBilledSeconds: integer('b_billed_seconds'),
    bRate: numeric('b_rate'),
    bCost: numeric('b_cost'),
    /** Later figures of an operator or a provider's record; they win over what was reported. */
    aCorrectedBilledSeconds: integer('a_corrected_billed_seconds'),
    aCorrectedRate: numeric('a_corrected_rate'),
    aCorrectedCost: numeric('a_corrected_cost'),
    bCorrectedBilledSeconds: integer('b_corrected_billed_seconds'),
    bCorrectedRate: numeric('b_corrected_rate'),
    bCorrectedCost: numeric('b_corrected_cost'),
    /** When a call whose end was never reported is closed by the sweep, and when that was done. */
    overdueAt: instant('overdue_at'),
    sweptAt: instant('swept_at'),
    recordingMissedAt: instant('recording_missed_at'),
    /** When its phones were removed. */
    erasedAt: instant('erased_at'),
    isOver: boolean('is_over').notNull().generatedAlwaysAs(sql`a_ended_at is not null or swept_at is not null`),
    /** Legs that were started. */
    legs: integer('legs')
      .notNull()
      .generatedAlwaysAs(sql`case when outcome = 'unplaced' then 0 else 1 + (b_leg_id is not null)::int end`),
    billedSeconds: integer('billed_seconds')
      .notNull()
      .generatedAlwaysAs(
        sql`coalesce(a_corrected_billed_seconds, a_billed_seconds, 0) + coalesce(b_corrected_billed_seconds, b_billed_seconds, 0)`,
      ),
    cost: numeric('cost')
      .notNull()
      .generatedAlwaysAs(sql`coalesce(a_corrected_cost, a_cost, 0) + coalesce(b_corrected_cost, b_cost, 0)`),
  },
  (t) => [
    unique('calls_once').on(t.providerId, t.providerCallId),
    check(
      'calls_connected_to_someone',
      sql`${t.outcome} not in ('connected', 'placed', 'unplaced') or ${t.sessionId} is not null`,
    ),
    check('calls_on_a_number', sql`${t.outcome} = 'orphan' or ${t.virtualNumberId} is not null`),
    check(
      'calls_outcome',
      sql`${t.outcome} in ('asked', 'connected', 'pin_failed', 'refused', 'orphan', 'placed', 'unplaced')`,
    ),
    index('calls_session').on(t.sessionId, t.startedAt),
    index('calls_anonymous').on(t.providerId, t.anonymousKey, t.startedAt).where(sql`${t.anonymousKey} is not null`),
    index('calls_running').on(t.sessionId).where(sql`not ${t.isOver} and ${t.outcome} in ('connected', 'placed')`),
    index('calls_running_on')
      .on(t.accountId, t.virtualNumberId)
      .where(sql`not ${t.isOver} and ${t.outcome} in ('connected', 'placed')`),
    index('calls_overdue').on(t.overdueAt).where(sql`not ${t.isOver}`),
    index('calls_unrecorded')
      .on(t.startedAt)
      .where(
        sql`${t.recordFormat} is not null and ${t.isOver} and ${t.bAnsweredAt} is not null and ${t.recordingMissedAt} is null`,
      ),
    index('calls_caller').on(t.callerDigest, t.startedAt).where(sql`${t.callerDigest} is not null`),
    index('calls_callee').on(t.calleeDigest, t.startedAt).where(sql`${t.calleeDigest} is not null`),
    index('calls_age').using('brin', t.startedAt),
    index('calls_newest').on(t.accountId, t.startedAt, t.id),
    index('calls_leg_b').on(t.accountId, t.bLegId).where(sql`${t.bLegId} is not null`),
    index('calls_orphans').on(t.accountId, t.startedAt).where(sql`${t.outcome} = 'orphan'`),
    index('calls_lengths')
      .on(t.virtualNumberId, t.startedAt, t.bSeconds)
      .where(sql`${t.isOver} and ${t.bAnsweredAt} is not null`),
  ],
);

/** Recordings as their provider reports them; each may be heard of before its call is. */
export const recordings = pgTable(
  'recordings',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    providerId: integer('provider_id').notNull(),
    recordingId: text('recording_id').notNull(),
    providerCallId: text('provider_call_id').notNull(),
    accountId: text('account_id').notNull(),
    url: text('url'),
    format: text('format').$type<'mp3' | 'wav'>(),
    durationMs: bigint('duration_ms', { mode: 'number' }),
    /** By the provider's clock. */
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
    addedAt: instant('added_at').notNull().defaultNow(),
    isComplete: boolean('is_complete').notNull(),
  },
  (t) => [
    unique('recordings_once').on(t.providerId, t.recordingId),
    index('recordings_call').on(t.providerId, t.providerCallId),
    index('recordings_newest').on(t.accountId, t.addedAt),
  ],
);

/**
 * Calls to a first party that are to be placed: booked with the session, taken once. `taken` is written before
 * the provider is asked, so that a process that dies then never makes a second call.
 */
export const placements = pgTable(
  'placements',
  {
    sessionId: uuid('session_id').primaryKey(),
    accountId: text('account_id').notNull(),
    virtualNumberId: integer('virtual_number_id').notNull(),
    state: text('state').notNull().default('due'),
    takenAt: instant('taken_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    check('placements_state', sql`${t.state} in ('due', 'taken', 'placed', 'failed')`),
    index('placements_open').on(t.createdAt).where(sql`${t.state} in ('due', 'taken')`),
  ],
);
