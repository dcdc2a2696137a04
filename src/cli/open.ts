import { randomInt } from 'node:crypto';
import type { StoreDeps } from '../deps.ts';
import { newKey, newUuid } from '../ids.ts';
import { openKeys, withDatabase } from '../open-database.ts';
import { sqlState } from '../store/connect.ts';
import { isMigrated } from '../store/migrate.ts';
import { openVault } from '../store/vault.ts';
import { Failed } from './command.ts';

// No such table, no such schema.
const NOTHING_THERE = ['42P01', '3F000'];

/** Does work with all that verbs need, on a database of this version. */
export function withStore<T>(statementTimeoutMs: number, work: (deps: StoreDeps) => Promise<T>): Promise<T> {
  return withDatabase(statementTimeoutMs, async (db, config) => {
    const isThere = await isMigrated(db).catch((error: unknown) => {
      if (NOTHING_THERE.includes(sqlState(error) ?? '')) return false;
      throw error;
    });
    if (!isThere) throw new Failed('The database is not that of this version: start the service once.');
    return work({
      config,
      db,
      vault: openVault(await openKeys(db, config)),
      now: () => new Date(),
      random: (below) => randomInt(below),
      newUuid,
      newKey,
      // The service itself looks for calls to place.
      placer: { wake: () => {} },
    });
  });
}
