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
 *
 * All who ask while a connection is read share that reading. A busy service would send one for each caller of that
 * moment, and those who wait for it would keep each other waiting.
 */
export function rememberConnections({ answerDb, vault, now }: Deps): ConnectionFinder {
  const known = new Map<string, { readonly connection: Connection; readonly readAt: number }>();
  const readings = new Map<string, Promise<Connection | null>>();

  async function read(key: string): Promise<Connection | null> {
    const readAt = now().getTime();
    const connection = await findConnection(answerDb, vault, key);
    if (connection) known.set(key, { connection, readAt });
    else known.delete(key);
    return connection;
  }

  function begin(key: string, substitute: Connection | undefined): Promise<Connection | null> {
    const reading = read(key).finally(() => readings.delete(key));
    const shared = substitute === undefined ? reading : orAfter(PATIENCE_MS, reading, substitute);
    readings.set(key, shared);
    return shared;
  }

  return async (key) => {
    const entry = known.get(key);
    if (entry && now().getTime() - entry.readAt < FRESH_MS) return entry.connection;
    return readings.get(key) ?? begin(key, entry?.connection);
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
