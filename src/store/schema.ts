import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  boolean,
  char,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import type { Phone } from '../core/phone.ts';
import type { HttpMethod, Side } from '../core/session.ts';
import { bytea, instant } from './schema-columns.ts';
import type { StoredSettings } from './stored-settings.ts';

// A column named …_digest holds a keyed digest (to look up), one named …_cipher a ciphertext (to show):
// the key is outside the database, see vault.ts. Virtual numbers are ours and stand in clear.

/** Main accounts (`MA…`) and their subaccounts (`SA…`). */
export const accounts = pgTable(
  'accounts',
  {
    id: text('id').primaryKey(),
    parentId: text('parent_id'),
    name: text('name').notNull(),
    /** The newest token, which callbacks are signed with as Plivo's are. Sign-in knows digests only. */
    tokenCipher: bytea('token_cipher').notNull(),
    /** False: it may neither sign in nor have its calls answered. */
    enabled: boolean('enabled').notNull().default(true),
    /** Of a main account: what its calls may do, see core/policy.ts. */
    policy: jsonb('policy').notNull().default({}),
    createdAt: instant('created_at').notNull().defaultNow(),
    modifiedAt: instant('modified_at').notNull().defaultNow(),
  },
  (t) => [
    check('accounts_id_form', sql`${t.id} ~ '^(M|S)A[A-Z0-9]{18}$'`),
    check('accounts_sub_has_parent', sql`(left(${t.id}, 1) = 'S') = (${t.parentId} is not null)`),
  ],
);

/** Connections to telephony providers. */
export const providers = pgTable(
  'providers',
  {
    id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
    keyDigest: bytea('key_digest').notNull().unique('providers_key'),
    accountId: text('account_id').notNull(),
    dialect: text('dialect').notNull(),
    defaultCountry: char('default_country', { length: 2 }),
    defaultNumber: text('default_number').$type<Phone>(),
    successPlayUrl: text('success_play_url').notNull().default(''),
    failurePlayUrl: text('failure_play_url').notNull().default(''),
    /** JSON with the key, the credentials and the fallback destination. */
    secretsCipher: bytea('secrets_cipher').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    /** By our clocks; written with the exchange log and kept for longer than it. */
    lastWebhookAt: instant('last_webhook_at'),
  },
  (t) => [index('providers_account').on(t.accountId)],
);

/** The pool. A number that left it keeps its row, since sessions and calls of its past name it. */
export const virtualNumbers = pgTable(
  'virtual_numbers',
  {
    id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
    number: text('number').notNull().$type<Phone>().unique('virtual_numbers_number'),
    accountId: text('account_id').notNull(),
    subaccountId: text('subaccount_id'),
    providerId: integer('provider_id')
      .notNull()
      .references(() => providers.id),
    country: char('country', { length: 2 }).notNull(),
    alias: text('alias'),
    addedAt: instant('added_at').notNull().defaultNow(),
    retiredAt: instant('retired_at'),
  },
  (t) => [
    check('virtual_numbers_e164', sql`${t.number} ~ '^\\+[1-9][0-9]{6,14}$'`),
    index('virtual_numbers_pool')
      .on(t.accountId, sql`coalesce(${t.subaccountId}, '')`, t.id)
      .where(sql`${t.retiredAt} is null`),
    index('virtual_numbers_provider').on(t.providerId),
  ],
);

/**
 * A session's seconds between its times as they are shown, cut to the second. In UTC, without which PostgreSQL takes no
 * such expression into an index; as floating-point numbers, which have room for microseconds and cost little to compare.
 */
export const durationOf = (t: { readonly createdAt: AnyPgColumn; readonly expiresAt: AnyPgColumn }) =>
  sql<number>`(floor(date_part('epoch', ${t.expiresAt} at time zone 'UTC')) - floor(date_part('epoch', ${t.createdAt} at time zone 'UTC')))`;

/** Masking sessions. Live means `ended_at is null and expires_at > now()`, whatever any job has done. */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    accountId: text('account_id').notNull(),
    subaccountId: text('subaccount_id'),
    virtualNumberId: integer('virtual_number_id').notNull(),
    firstPartyDigest: bytea('first_party_digest'),
    firstPartyCipher: bytea('first_party_cipher'),
    secondPartyDigest: bytea('second_party_digest'),
    secondPartyCipher: bytea('second_party_cipher'),
    pinRequired: boolean('pin_required').notNull(),
    firstPinCipher: bytea('first_pin_cipher'),
    secondPinCipher: bytea('second_pin_cipher'),
    singleParty: boolean('single_party').notNull(),
    lastCallerCipher: bytea('last_caller_cipher'),
    cooloffSeconds: integer('cooloff_seconds').notNull(),
    callbackUrl: text('callback_url').notNull(),
    callbackMethod: text('callback_method').notNull().$type<HttpMethod>(),
    callbackSequence: integer('callback_sequence').notNull().default(0),
    hasUnknownCallerPlay: boolean('has_unknown_caller_play').notNull(),
    settings: jsonb('settings').notNull().$type<StoredSettings>(),
    createdAt: instant('created_at').notNull(),
    modifiedAt: instant('modified_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** When the end was announced: by the expiry job, by a delete, or by whoever took over a lease. */
    endedAt: instant('ended_at'),
    /** Sums over the calls that are over: legs, billed seconds, money. See call-books.ts. */
    totalCalls: integer('total_calls').notNull().default(0),
    totalBilledSeconds: integer('total_billed_seconds').notNull().default(0),
    totalAmount: numeric('total_amount').notNull().default('0'),
    lastInteractionAt: instant('last_interaction_at'),
    /** When its phones and PINs were removed: by a request, or since it was over for long enough. */
    erasedAt: instant('erased_at'),
  },
  (t) => [
    check('sessions_parties_differ', sql`${t.firstPartyDigest} <> ${t.secondPartyDigest}`),
    check(
      'sessions_parties_present',
      sql`${t.erasedAt} is not null or num_nonnulls(${t.firstPartyDigest}, ${t.secondPartyDigest}) = 2 or (${t.singleParty} and num_nonnulls(${t.firstPartyDigest}, ${t.secondPartyDigest}) = 1)`,
    ),
    check(
      'sessions_pins_present',
      sql`${t.erasedAt} is not null or not ${t.pinRequired} or num_nulls(${t.firstPinCipher}, ${t.secondPinCipher}) = 0`,
    ),
    check('sessions_erased_when_over', sql`${t.erasedAt} is null or ${t.endedAt} is not null`),
    check('sessions_cooloff_bounds', sql`${t.cooloffSeconds} between 0 and 3600`),
    index('sessions_due').on(t.expiresAt).where(sql`${t.endedAt} is null`),
    // With what lists judge a session by and put it in order by, so that they count them without reading them.
    index('sessions_newest').on(t.accountId, t.createdAt, t.id, t.expiresAt),
    index('sessions_number').on(t.virtualNumberId, t.createdAt, t.id),
    index('sessions_subaccount').on(t.subaccountId, t.createdAt, t.id).where(sql`${t.subaccountId} is not null`),
    index('sessions_expiry').on(t.accountId, t.expiresAt, t.createdAt, t.id),
    index('sessions_duration').on(t.accountId, durationOf(t), t.createdAt, t.id, t.expiresAt),
    index('sessions_to_erase').on(t.endedAt).where(sql`${t.erasedAt} is null and ${t.endedAt} is not null`),
    index('sessions_first_party').on(t.firstPartyDigest, t.createdAt),
    index('sessions_second_party').on(t.secondPartyDigest, t.createdAt),
    index('sessions_askers').on(t.virtualNumberId, t.createdAt).where(sql`${t.endedAt} is null and ${t.pinRequired}`),
    index('sessions_announcers')
      .on(t.virtualNumberId, t.createdAt)
      .where(sql`${t.endedAt} is null and ${t.hasUnknownCallerPlay}`),
  ],
);

const hold = {
  virtualNumberId: integer('virtual_number_id').notNull(),
  sessionId: uuid('session_id')
    .notNull()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  side: text('side').notNull().$type<Side>(),
  /** The session's expiry plus its cool-off. Until then nobody else may have the place. */
  heldUntil: instant('held_until').notNull(),
};

/**
 * A party's hold on a virtual number, one row per (virtual number, party): the next session that wants the
 * place takes the row over once it has run out. Nothing has to clean up for the pool to stay usable.
 */
export const leases = pgTable('leases', { ...hold, partyDigest: bytea('party_digest').notNull() }, (t) => [
  primaryKey({ name: 'leases_party_once', columns: [t.virtualNumberId, t.partyDigest] }),
  index('leases_session').on(t.sessionId),
  // For all places of a party, which whoever asks for them says by this condition. Without it a look-up of one place may
  // go by the party alone, whose places may be very many: those of sessions that take any caller all have one digest.
  index('leases_party').on(t.partyDigest, t.heldUntil).where(sql`${t.virtualNumberId} > 0`),
]);

/** A PIN's hold on a virtual number, kept in the same way: a PIN names one person per virtual number. */
export const pins = pgTable(
  'pins',
  { ...hold, pinDigest: bytea('pin_digest').notNull(), length: smallint('length').notNull() },
  (t) => [
    primaryKey({ name: 'pins_pin_once', columns: [t.virtualNumberId, t.pinDigest] }),
    index('pins_session').on(t.sessionId),
    index('pins_living').on(t.virtualNumberId, t.length, t.heldUntil),
  ],
);

/** Proof that MASTER_KEY is the one this database was written with. */
export const vaultChecks = pgTable(
  'vault_checks',
  {
    slot: smallint('slot').primaryKey().default(1),
    sampleCipher: bytea('sample_cipher').notNull(),
  },
  (t) => [check('vault_checks_one', sql`${t.slot} = 1`)],
);
