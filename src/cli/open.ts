import { randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { readConfig } from '../config.ts';
import type { StoreDeps } from '../deps.ts';
import { connect, disconnect, sqlState } from '../store/connect.ts';
import { startEmbedded } from '../store/embedded.ts';
import { runningUrl } from '../store/embedded-url.ts';
import { prepareKeys } from '../store/key-ring.ts';
import { isMigrated } from '../store/migrate.ts';
import { openVault } from '../store/vault.ts';
import { Failed } from './command.ts';

const CONNECTIONS = 2;
// No such table, no such schema.
const NOTHING_THERE = ['42P01', '3F000'];

/** Does work on the store of the service's settings, beside the service or without it. */
export async function withStore<T>(statementTimeoutMs: number, work: (deps: StoreDeps) => Promise<T>): Promise<T> {
  const config = readConfig(process.env);
  const directory = join(config.dataDir, 'pg');
  const running = config.databaseDirectUrl ?? config.databaseUrl ?? runningUrl(directory);
  const server = running === null ? await startEmbedded({ directory }) : null;
  const db = connect(running ?? server?.url ?? '', { connections: CONNECTIONS, statementTimeoutMs });
  try {
    const isThere = await isMigrated(db).catch((error: unknown) => {
      if (NOTHING_THERE.includes(sqlState(error) ?? '')) return false;
      throw error;
    });
    if (!isThere) throw new Failed('The database is not that of this version: start the service once.');
    const keys = await prepareKeys(db, { current: config.masterKey, previous: config.masterKeyPrevious });
    if (keys === null) throw new Failed('MASTER_KEY is not the key that this database was written with.');
    return await work({
      config,
      db,
      vault: openVault(keys),
      now: () => new Date(),
      random: (below) => randomInt(below),
      newUuid: randomUUID,
      newKey: () => nanoid(32),
      // The service itself looks for calls to place.
      placer: { wake: () => {} },
    });
  } finally {
    await disconnect(db, 1);
    await server?.stop();
  }
}
