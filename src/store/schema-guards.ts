import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, instant } from './schema-columns.ts';

/** What accounts sign in with: at most two at a time, so that one can be replaced while the other still works. */
export const accountTokens = pgTable(
  'account_tokens',
  {
    accountId: text('account_id').notNull(),
    digest: bytea('digest').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** Null for the newest, which has no end. */
    expiresAt: instant('expires_at'),
  },
  (t) => [primaryKey({ name: 'account_tokens_once', columns: [t.accountId, t.digest] })],
);

/**
 * How often somebody came within a window of time and the one before it: requests of an account, bad sign-ins.
 * Unlogged, since after a crash of the database everybody may begin anew, and nothing waits for a disk.
 */
export const requestWindows = pgTable('request_windows', {
  subject: text('subject').primaryKey(),
  window: bigint('window', { mode: 'number' }).notNull(),
  hits: integer('hits').notNull(),
  previousHits: integer('previous_hits').notNull(),
});

/**
 * How many wrong PINs are left to a caller on a virtual number, and to all callers there (by the digest of
 * nobody): a budget that fills up again by itself, kept as the one moment at which it is full.
 */
export const pinBudgets = pgTable(
  'pin_budgets',
  {
    virtualNumberId: integer('virtual_number_id').notNull(),
    callerDigest: bytea('caller_digest').notNull(),
    // With its fractions, by which wrong entries within one second are told apart.
    fullAt: timestamp('full_at', { withTimezone: true, mode: 'date' }).notNull(),
  },
  (t) => [
    primaryKey({ name: 'pin_budgets_once', columns: [t.virtualNumberId, t.callerDigest] }),
    index('pin_budgets_full').on(t.fullAt),
  ],
);

/** How many webhooks of a connection were refused since they were not signed as agreed, and when the last one was. */
export const signatureFailures = pgTable('signature_failures', {
  providerId: integer('provider_id').primaryKey(),
  failures: bigint('failures', { mode: 'number' }).notNull(),
  lastAt: instant('last_at').notNull(),
});

/** Answers to requests with an Idempotency-Key. Without an answer the first request is still running, or died. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    accountId: text('account_id').notNull(),
    /** Method and path. */
    route: text('route').notNull(),
    keyDigest: bytea('key_digest').notNull(),
    bodyDigest: bytea('body_digest').notNull(),
    /** The id of what it makes, fixed before it is made: a repetition makes the same thing again. */
    resourceId: uuid('resource_id').notNull(),
    claimedAt: instant('claimed_at').notNull().defaultNow(),
    status: smallint('status'),
    answerCipher: bytea('answer_cipher'),
  },
  (t) => [
    primaryKey({ name: 'idempotency_keys_once', columns: [t.accountId, t.route, t.keyDigest] }),
    check('idempotency_keys_answered', sql`(${t.status} is null) = (${t.answerCipher} is null)`),
    index('idempotency_keys_age').on(t.claimedAt),
    index('idempotency_keys_resource').on(t.resourceId),
  ],
);

/** Who did what, by names only. A trigger refuses every change of a row, see the migration. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant('at').notNull().defaultNow(),
    /** The main account. */
    accountId: text('account_id').notNull(),
    /** The auth id that signed in; `system` for what the service does by itself. */
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    /** An id, never a phone. */
    object: text('object').notNull(),
    /** The names of the fields that were given, read or changed. */
    fields: text('fields').array().notNull(),
    requestId: uuid('request_id'),
  },
  (t) => [index('audit_log_account').on(t.accountId, t.id)],
);

/** Phones that were erased, by digest: to be erased again after a backup from before was restored. */
export const erasures = pgTable(
  'erasures',
  {
    accountId: text('account_id').notNull(),
    phoneDigest: bytea('phone_digest').notNull(),
    erasedAt: instant('erased_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ name: 'erasures_once', columns: [t.accountId, t.phoneDigest] })],
);

/** The keys that digests and ciphertexts are made with, themselves sealed by the master key. */
export const vaultKeys = pgTable(
  'vault_keys',
  {
    /** Of a cipher key: what its ciphertexts begin with, in hex. */
    id: text('id').primaryKey(),
    purpose: text('purpose').notNull().$type<'cipher' | 'digest'>(),
    sealedKey: bytea('sealed_key').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** From when on it seals: late enough that every instance has read it by then. */
    usableAt: instant('usable_at').notNull().defaultNow(),
  },
  (t) => [check('vault_keys_purpose', sql`${t.purpose} in ('cipher', 'digest')`)],
);
