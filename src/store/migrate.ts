import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import type { Db } from './connect.ts';

// The same place seen from src/store, from dist/store and from the bundle.
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url));

// Whatever limit its role has. And a pooler, which would keep the lock when its client is gone, refuses to be told.
const PREPARING = {
  max: 1,
  connect_timeout: 10,
  onnotice: () => {},
  connection: { statement_timeout: 24 * 60 * 60_000 },
};

// Any number will do as long as nothing else in the database locks it.
const PREPARATION_LOCK = 7_202_611_220;

/**
 * Brings the database up to date, and then prepares what else has to be there (keys, first rows), while no other
 * instance does: drizzle's own migrator has no lock, and most of several that start together would fail on an empty
 * database.
 *
 * @param databaseUrl PostgreSQL itself: the lock belongs to a connection.
 */
export async function migrate<T>(databaseUrl: string, prepare: () => Promise<T>): Promise<T> {
  const client = postgres(databaseUrl, PREPARING);
  try {
    await client`select pg_advisory_lock(${PREPARATION_LOCK})`;
    await applyMigrations(drizzle({ client }), { migrationsFolder: MIGRATIONS });
    return await prepare();
  } finally {
    // Ending the connection releases the lock.
    await client.end({ timeout: 5 });
  }
}

/**
 * True when the database has the last migration that this build knows, or a later one: while instances are replaced
 * one by one, the old ones go on with what the first new one has made.
 */
export async function isMigrated({ sql }: Db): Promise<boolean> {
  const [row] = await sql<{ is: boolean }[]>`
    select exists(select from drizzle.__drizzle_migrations where created_at >= ${lastMigration()})
      and exists(select from vault_checks) as is`;
  return row?.is ?? false;
}

/** When it was made, in milliseconds since 1970: drizzle's order of migrations. */
function lastMigration(): number {
  const journal = JSON.parse(readFileSync(join(MIGRATIONS, 'meta/_journal.json'), 'utf8'));
  return (journal as { entries: { when: number }[] }).entries.at(-1)?.when ?? 0;
}
