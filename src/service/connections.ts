import type { Deps } from '../deps.ts';
import { type Connection, findConnection } from '../store/providers.ts';

/** Finds the connection that a webhook's key names; null for an unknown key. */
export type ConnectionFinder = (key: string) => Promise<Connection | null>;

const FRESH_MS = 5_000;
const PATIENCE_MS = 500;

/**
 * Remembers connections for a few seconds, so that a request with a wrong signature never reaches the
 * database, and for as long as the database is silent, so that every call still gets an answer in its own
 * dialect. Only what a connection is: whom a call is connected to is read for each call.
 */
export function rememberConnections({ answerDb, vault, now }: Deps): ConnectionFinder {
  const known = new Map<string, { readonly connection: Connection; readonly readAt: number }>();

  async function read(key: string): Promise<Connection | null> {
    const connection = await findConnection(answerDb, vault, key);
    if (connection) known.set(key, { connection, readAt: now().getTime() });
    else known.delete(key);
    return connection;
  }

  return async (key) => {
    const entry = known.get(key);
    if (entry === undefined) return read(key);
    if (now().getTime() - entry.readAt < FRESH_MS) return entry.connection;
    return orAfter(PATIENCE_MS, read(key), entry.connection);
  };
}

/** What the work gives, or the substitute where it fails or takes too long. */
async function orAfter<T>(ms: number, work: Promise<T>, substitute: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, ms, substitute);
  });
  return Promise.race([work.catch(() => substitute), late]).finally(() => clearTimeout(timer));
}
