import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { ARRAY_TYPES } from './array-types.ts';

/**
 * The database: `sql` for statements written as SQL, `orm` for those that are put together from parts.
 * Both are the same pool. Dates cross it as text: drizzle switches the driver's own conversion off.
 */
export interface Db {
  readonly sql: postgres.Sql;
  readonly orm: ReturnType<typeof drizzle>;
}

export interface PoolOptions {
  readonly connections: number;
  /** The longest that the server works on one statement. */
  readonly statementTimeoutMs: number;
}

/**
 * Opens a pool. It connects when it is first used, and again by itself after the server went away; a
 * statement that was under way is then rejected, never repeated.
 */
export function connect(databaseUrl: string, options: PoolOptions): Db {
  const sql = postgres(databaseUrl, {
    max: options.connections,
    fetch_types: false,
    types: ARRAY_TYPES,
    connect_timeout: 5,
    idle_timeout: 60,
    max_lifetime: 30 * 60,
    // The driver's own back-off grows to 20 s, which is 20 s of calls without an answer.
    backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 1),
    connection: {
      application_name: 'bauta',
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: Math.min(1000, options.statementTimeoutMs),
      idle_in_transaction_session_timeout: 5000,
    },
    onnotice: () => {},
  });
  return { sql, orm: drizzle({ client: sql }) };
}

/** Ends the pool; statements under way get `seconds` to finish. */
export async function disconnect(db: Db, seconds: number): Promise<void> {
  await db.sql.end({ timeout: seconds });
}

/** The SQLSTATE of a failed statement, whichever layer reports it; null for any other error. */
export function sqlState(error: unknown): string | null {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return typeof code === 'string' ? code : null;
}

const TRANSIENT = /^(40001|40P01|57P0[123]|08...|53300|CONNECTION_.*|CONNECT_TIMEOUT|ECONN.*|EPIPE)$/;

/** True when the database could not be reached, or did not answer in time: nothing is wrong with the request. */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return TRANSIENT.test(state) || state === '57014' || state === '55P03' || state === '25006';
}

/**
 * Runs a keyed statement, and once more where the server or the connection failed under it. Only for
 * statements that may be repeated: the outcome of the first try can be unknown.
 */
export async function keyed<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (!TRANSIENT.test(sqlState(error) ?? '')) throw error;
    return await statement();
  }
}
