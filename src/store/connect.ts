import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { ARRAY_TYPES } from './array-types.ts';
import { composed } from './composed.ts';
import { withDeadline } from './deadline.ts';
import { type StatementWatch, watched } from './statements.ts';

/**
 * The database: `sql` for statements written as SQL, `orm` for those that are put together from parts.
 * Both are the same pool. Dates cross it as text: drizzle switches the driver's own conversion off.
 */
export interface Db {
  readonly sql: postgres.Sql;
  readonly orm: ReturnType<typeof drizzle>;
  /** The most callers of one verb that share a statement. */
  readonly batch: number;
}

export interface PoolOptions {
  readonly connections: number;
  /** The longest that the server works on one statement; nobody waits for one much longer. */
  readonly statementTimeoutMs: number;
  /** True behind a pooler in transaction mode, where each statement may be another connection's. */
  readonly isPooled?: boolean;
  readonly watch?: StatementWatch;
  readonly batch?: number;
  /** True where statements find their few rows by an index, whatever the tables have become since they were counted. */
  readonly isByIndex?: boolean;
  /** True where one plan fits whatever is asked. */
  readonly isPlannedOnce?: boolean;
}

// For the way there and back, and so that the server's own timeout comes first where it can be heard of.
const LINE_MS = 300;
// More would not be cheaper by much, and who is in a statement waits for all of it.
const BATCH = 64;

/**
 * Opens a pool. It connects when it is first used, and again by itself after the server went away; a
 * statement that was under way is then rejected, never repeated.
 */
export function connect(databaseUrl: string, options: PoolOptions): Db {
  const base = postgres(databaseUrl, {
    max: 1,
    fetch_types: false,
    types: ARRAY_TYPES,
    connect_timeout: 3,
    idle_timeout: 60,
    max_lifetime: 30 * 60,
    // The driver's own back-off grows to 20 s, which is 20 s of calls without an answer.
    backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 1),
    // A named statement and a timeout belong to a connection: the pooler's own, which it sets up itself.
    prepare: !options.isPooled,
    connection: { application_name: 'bauta', ...(!options.isPooled && serverSettings(options)) },
    onnotice: () => {},
  });
  const bounded = withDeadline(base, options.connections, options.statementTimeoutMs + LINE_MS);
  const sql = composed(options.watch ? watched(bounded, options.watch) : bounded);
  return { sql, orm: drizzle({ client: sql }), batch: options.batch ?? BATCH };
}

function serverSettings({ statementTimeoutMs, isByIndex = false, isPlannedOnce = false }: PoolOptions) {
  return {
    statement_timeout: statementTimeoutMs,
    lock_timeout: Math.min(1000, statementTimeoutMs),
    idle_in_transaction_session_timeout: 5000,
    // Not for tables as small as they were when they were counted, and as if pages lay in memory, which those of a few
    // rows do: else all callbacks are read to settle sixteen.
    ...(isByIndex && { enable_seqscan: 'off', random_page_cost: 1.1, jit: 'off' }),
    ...(isPlannedOnce && { plan_cache_mode: 'force_generic_plan' }),
  };
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

const TRANSIENT =
  /^(40001|40P01|57P0[123]|08...|53300|CONNECTION_.*|CONNECT_TIMEOUT|ECONN.*|EPIPE|ETIMEDOUT|E(HOST|NET)UNREACH|ENOTFOUND|EAI_AGAIN)$/;
// Cancelled by time, waited too long for a lock, nothing may be written, no room, too late for our own clock.
const UNAVAILABLE = /^(57014|55P03|25006|53...|STATEMENT_LATE)$/;

/** True when the database could not be reached, or did not answer in time: nothing is wrong with the request. */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return TRANSIENT.test(state) || UNAVAILABLE.test(state);
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
