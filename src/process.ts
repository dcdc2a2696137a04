import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Config, ConfigError } from './config.ts';
import { startEmbedded } from './store/embedded.ts';

/** What there is from the beginning. What is opened later is closed in reverse. */
export interface Process {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: (() => Promise<void>)[];
}

export const API_CONNECTIONS = 10;
export const ANSWER_CONNECTIONS = 10;
export const WATCH_CONNECTIONS = 2;
// For operators, migrations and the server itself.
const SPARE_CONNECTIONS = 20;

const DATABASE_GRACE_MS = 1_500;

/** Starts the PostgreSQL that comes along. @returns its address. */
export async function startOwnDatabase({ config, log, closers }: Process): Promise<string> {
  const onExit = (code: number) => {
    // Without it every request fails, and only a new start brings it back.
    log.fatal({ code }, 'database.ended');
    process.exit(1);
  };
  const connections = config.workers * (API_CONNECTIONS + ANSWER_CONNECTIONS + WATCH_CONNECTIONS);
  const extraSettings = { max_connections: String(Math.max(100, connections + SPARE_CONNECTIONS)) };
  const server = await startEmbedded({ directory: join(config.dataDir, 'pg'), onExit, extraSettings }).catch(
    (cause: unknown) => {
      throw new ConfigError(cause instanceof Error ? cause.message : 'PostgreSQL did not start', { cause });
    },
  );
  // Its watchdog goes on with it when we are gone.
  closers.push(() => atMost(DATABASE_GRACE_MS, server.stop()));
  return server.url;
}

/** What is not done by then is cut off by what is closed next. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, new Promise<void>((resolve) => setTimeout(resolve, ms))]);
}
