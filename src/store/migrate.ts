import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';

// The same place seen from src/store and from dist/store.
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url));

/**
 * Brings the database up to date. Only one at a time may run, see `whileAlone`: drizzle's own migrator has no
 * lock, and most of several that start together would fail on an empty database.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = postgres(databaseUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await applyMigrations(drizzle({ client }), { migrationsFolder: MIGRATIONS });
  } finally {
    await client.end({ timeout: 5 });
  }
}

// Any number will do as long as nothing else in the database locks it.
const PREPARATION_LOCK = 7_202_611_220;

/** Does what prepares a database (migrations, first rows) while no other instance does. */
export async function whileAlone<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const client = postgres(databaseUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${PREPARATION_LOCK})`;
    return await work();
  } finally {
    // Ending the connection releases the lock.
    await client.end({ timeout: 5 });
  }
}
