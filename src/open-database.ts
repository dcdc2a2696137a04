import { join } from 'node:path';
import { type Config, ConfigError, readConfig } from './config.ts';
import { describeError } from './log.ts';
import { connect, type Db, disconnect } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { runningUrl } from './store/embedded-url.ts';
import { prepareKeys } from './store/key-ring.ts';
import type { KeyRing } from './store/vault.ts';

const CONNECTIONS = 2;

/** Does work on the database of the service's settings, beside the service or without it. */
export async function withDatabase<T>(
  statementTimeoutMs: number,
  work: (db: Db, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig(process.env);
  const directory = join(config.dataDir, 'pg');
  const running = config.databaseDirectUrl ?? config.databaseUrl ?? runningUrl(directory);
  const server = running === null ? await startEmbedded({ directory }) : null;
  const db = connect(running ?? server?.url ?? '', { connections: CONNECTIONS, statementTimeoutMs });
  try {
    return await work(db, config);
  } finally {
    await disconnect(db, 1);
    await server?.stop();
  }
}

/**
 * The keys of a database; a new one gets its first.
 *
 * @throws ConfigError where they were sealed with another MASTER_KEY.
 */
export async function openKeys(db: Db, { masterKey, masterKeyPrevious }: Config): Promise<KeyRing> {
  const keys = await prepareKeys(db, { current: masterKey, previous: masterKeyPrevious });
  if (keys === null) throw new ConfigError('MASTER_KEY is not the key that this database was written with');
  return keys;
}

/** What went wrong, in words where there are some. The driver's own errors may repeat what was sent. */
export function reasonOf(error: unknown): string {
  return error instanceof ConfigError ? error.message : JSON.stringify(describeError(error));
}

/** Runs a command and ends with the code that it gives, or with 1 and the reason why it failed. */
export async function runCommand(command: () => Promise<number>): Promise<void> {
  process.exitCode = await command().catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  });
}
