import { and, eq, sql } from 'drizzle-orm';
import type { Country, Phone } from '../core/phone.ts';
import type { Db } from './connect.ts';
import { providers, virtualNumbers } from './schema.ts';
import type { Vault } from './vault.ts';

/** What a connection keeps sealed. */
export interface ConnectionSecrets {
  /** The unguessable part of its webhook addresses. */
  readonly key: string;
  readonly authToken?: string;
  readonly username?: string;
  readonly password?: string;
  /** A phone in E.164, or an extension at the provider; where callers without a right PIN go. */
  readonly fallbackDestination?: string;
  readonly currency?: string;
  /** Who we are at the provider's API, and where that is; calls can be placed only with the first. */
  readonly authId?: string;
  readonly apiUrl?: string;
}

/** A telephony provider's connection to an account. */
export interface Connection {
  readonly id: number;
  readonly accountId: string;
  readonly dialect: string;
  readonly defaultCountry: Country | null;
  /** The number that a request without callee means; null where that cannot be told. */
  readonly defaultNumber: Phone | null;
  readonly successPlayUrl: string;
  readonly failurePlayUrl: string;
  /** ISO 4217, in which the provider bills. */
  readonly currency: string;
  readonly secrets: ConnectionSecrets;
  /** When a webhook of the connection was answered last; null where none ever was. */
  readonly lastWebhookAt: Date | null;
}

/** The context that a connection's secrets are bound to, see `Vault.seal`. */
export const connectionSeal = (keyDigest: Buffer) => `providers.secrets:${keyDigest.toString('hex')}`;

/** The connection that a webhook's key names; null for an unknown key. */
export async function findConnection(db: Db, vault: Vault, key: string): Promise<Connection | null> {
  const [row] = await db.orm
    .select()
    .from(providers)
    .where(eq(providers.keyDigest, vault.secretDigest(key)));
  return row ? openConnection(db, vault, row) : null;
}

/** The connection over which a number of the account is called; null where the account has no such number. */
export async function connectionOfNumber(
  db: Db,
  vault: Vault,
  accountId: string,
  number: Phone,
): Promise<Connection | null> {
  const [row] = await db.orm
    .select({ provider: providers })
    .from(virtualNumbers)
    .innerJoin(providers, eq(providers.id, virtualNumbers.providerId))
    .where(and(eq(virtualNumbers.accountId, accountId), eq(virtualNumbers.number, number)));
  return row ? openConnection(db, vault, row.provider) : null;
}

/** The connections of an account with their secrets, by id. */
export async function listConnections(db: Db, vault: Vault, accountId: string): Promise<Connection[]> {
  const rows = await db.orm.select().from(providers).where(eq(providers.accountId, accountId)).orderBy(providers.id);
  return Promise.all(rows.map((row) => openConnection(db, vault, row)));
}

async function openConnection(db: Db, vault: Vault, row: typeof providers.$inferSelect): Promise<Connection> {
  // Two are enough to know that a number is not the only one.
  const numbers = await db.orm
    .select({ number: virtualNumbers.number })
    .from(virtualNumbers)
    .where(eq(virtualNumbers.providerId, row.id))
    .limit(2);
  const only = numbers.length === 1 ? (numbers[0]?.number ?? null) : null;
  const secrets: ConnectionSecrets = JSON.parse(vault.open(row.secretsCipher, connectionSeal(row.keyDigest)));
  return {
    id: row.id,
    accountId: row.accountId,
    dialect: row.dialect,
    defaultCountry: row.defaultCountry as Country | null,
    defaultNumber: row.defaultNumber ?? only,
    successPlayUrl: row.successPlayUrl,
    failurePlayUrl: row.failurePlayUrl,
    currency: secrets.currency ?? 'USD',
    secrets,
    lastWebhookAt: row.lastWebhookAt,
  };
}

/** The connections of an account, by id. */
export function connectionsOf(db: Db, accountId: string) {
  return db.orm
    .select({
      id: providers.id,
      keyDigest: providers.keyDigest,
      dialect: providers.dialect,
      defaultCountry: providers.defaultCountry,
    })
    .from(providers)
    .where(eq(providers.accountId, accountId))
    .orderBy(providers.id);
}

/** Writes a connection as it is declared. Repeatable. */
export async function putConnection(
  db: Db,
  vault: Vault,
  connection: Omit<Connection, 'id' | 'currency' | 'lastWebhookAt'>,
): Promise<number> {
  const keyDigest = vault.secretDigest(connection.secrets.key);
  const [row] = await db.orm
    .insert(providers)
    .values({
      keyDigest,
      accountId: connection.accountId,
      dialect: connection.dialect,
      defaultCountry: connection.defaultCountry,
      defaultNumber: connection.defaultNumber,
      successPlayUrl: connection.successPlayUrl,
      failurePlayUrl: connection.failurePlayUrl,
      secretsCipher: vault.seal(JSON.stringify(connection.secrets), connectionSeal(keyDigest)),
    })
    .onConflictDoUpdate({
      target: providers.keyDigest,
      set: {
        accountId: sql`excluded.account_id`,
        dialect: sql`excluded.dialect`,
        defaultCountry: sql`excluded.default_country`,
        defaultNumber: sql`excluded.default_number`,
        successPlayUrl: sql`excluded.success_play_url`,
        failurePlayUrl: sql`excluded.failure_play_url`,
        secretsCipher: sql`excluded.secrets_cipher`,
        updatedAt: sql`now()`,
      },
    })
    .returning({ id: providers.id });
  if (!row) throw new Error('an upsert without a row');
  return row.id;
}
