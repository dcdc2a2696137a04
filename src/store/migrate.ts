import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';

// The same place seen from src/store and from dist/store.
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url));
// Any number will do as long as nothing else in the database locks it.
const MIGRATION_LOCK = 7_202_611_220;

/**
 * Brings the database up to date. Instances that start at the same time wait for each other: drizzle's
 * own migrator has no lock, and most of them would fail on an empty database.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = postgres(databaseUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await applyMigrations(drizzle({ client }), { migrationsFolder: MIGRATIONS });
  } finally {
    // Ending the connection releases the lock.
    await client.end({ timeout: 5 });
  }
}
