import { sql } from 'drizzle-orm';
import { check, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { CallbackEvent } from '../core/callback.ts';
import type { HttpMethod } from '../core/session.ts';
import { bytea, instant } from './schema-columns.ts';

/** What apps are to be told. A row exists exactly when its fact was committed: both are one statement. */
export const callbacks = pgTable(
  'callbacks',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    eventKey: text('event_key').notNull().unique('callbacks_event_once'),
    accountId: text('account_id').notNull(),
    subaccountId: text('subaccount_id'),
    sessionId: uuid('session_id').notNull(),
    virtualNumberId: integer('virtual_number_id').notNull(),
    callId: uuid('call_id'),
    recordingId: uuid('recording_id'),
    event: text('event').notNull().$type<CallbackEvent>(),
    sequence: integer('sequence').notNull(),
    /** What it says beside its columns; of a call, it is fixed when it is first taken to be sent. */
    details: jsonb('details').notNull().default({}),
    url: text('url').notNull(),
    method: text('method').notNull().$type<HttpMethod>(),
    /** Scheme, host and port: what is slow or dead as a whole. */
    endpoint: text('endpoint').notNull().generatedAlwaysAs(sql`lower(substring(url from '^[A-Za-z]+://[^/?#]+'))`),
    occurredAt: instant('occurred_at').notNull().defaultNow(),
    state: text('state').notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    /** Attempts before this one belong to earlier rounds of the schedule: a resend begins a new one. */
    scheduleStart: integer('schedule_start').notNull().default(0),
    nextAttemptAt: instant('next_attempt_at').notNull().defaultNow(),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    deliveredAt: instant('delivered_at'),
  },
  (t) => [
    check('callbacks_state', sql`${t.state} in ('pending', 'paused', 'delivered', 'given_up')`),
    index('callbacks_due').on(t.endpoint, t.nextAttemptAt).where(sql`${t.state} = 'pending'`),
    index('callbacks_age').using('brin', t.occurredAt),
    index('callbacks_session').on(t.sessionId, t.sequence),
    index('callbacks_newest').on(t.accountId, t.occurredAt, t.id),
    index('callbacks_call').on(t.callId).where(sql`${t.callId} is not null`),
    index('callbacks_paused').on(t.accountId, t.endpoint).where(sql`${t.state} = 'paused'`),
  ],
);

/** One row per attempt: never the body, never the address of the receiver's answer. */
export const callbackAttempts = pgTable(
  'callback_attempts',
  {
    callbackId: uuid('callback_id').notNull(),
    attempt: integer('attempt').notNull(),
    at: instant('at').notNull(),
    status: integer('status'),
    error: text('error'),
    durationMs: integer('duration_ms').notNull(),
  },
  (t) => [primaryKey({ name: 'callback_attempts_once', columns: [t.callbackId, t.attempt] })],
);

/** Receivers of an account that fail or are paused; one that is well has no row, or one without failures. */
export const endpoints = pgTable(
  'endpoints',
  {
    accountId: text('account_id').notNull(),
    endpoint: text('endpoint').notNull(),
    failures: integer('failures').notNull().default(0),
    failingSince: instant('failing_since'),
    pausedAt: instant('paused_at'),
    /** `failing`: nothing but failures for five days. `operator`: by hand. */
    pauseReason: text('pause_reason').$type<'failing' | 'operator'>(),
  },
  (t) => [
    primaryKey({ name: 'endpoints_once', columns: [t.accountId, t.endpoint] }),
    check('endpoints_pause', sql`(${t.pausedAt} is null) = (${t.pauseReason} is null)`),
  ],
);

/** What callbacks are signed with once an account has rotated; until then its auth token. */
export const signingSecrets = pgTable(
  'signing_secrets',
  {
    id: uuid('id').primaryKey(),
    accountId: text('account_id').notNull(),
    secretCipher: bytea('secret_cipher').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** Null for the newest, which has no end. */
    expiresAt: instant('expires_at'),
  },
  (t) => [unique('signing_secrets_newest').on(t.accountId, t.expiresAt).nullsNotDistinct()],
);
