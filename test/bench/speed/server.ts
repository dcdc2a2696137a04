import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { startEmbedded } from '../../../src/store/embedded.ts';
import type { Runner } from '../../../src/store/embedded-binaries.ts';
import { runWatched } from '../../../src/store/embedded-watchdog.ts';
import { freePort } from '../../support/process.ts';

/** A PostgreSQL that is only there to be measured on. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const NOBODY = { uid: 65_534, gid: 65_534 };
const PATIENCE_MS = 20_000;

/**
 * Starts a durable PostgreSQL with its cluster in `directory`: the machine's own where one is installed, since a service
 * of this size would have such a one, else the one that comes along, which is compiled to be small.
 */
export async function startServer(directory: string, settings: Readonly<Record<string, string>>): Promise<Server> {
  const runner = installed();
  if (runner === null) return startEmbedded({ directory, extraSettings: settings });
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, runner.owner.uid, runner.owner.gid);
  const log = `${directory}.log`;
  const how = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--data-checksums'];
  const initdb = await runWatched(runner, 'initdb', ['-D', directory, ...how], log);
  if ((await initdb.ended) !== 0) throw new Error(`initdb said: ${initdb.output()}`);
  const port = await freePort();
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', port, ...settings };
  const pairs = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = await runWatched(runner, 'postgres', ['-D', directory, ...pairs], log);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await untilReady(url, server.output);
  return {
    url,
    async stop() {
      server.stop();
      await server.ended;
    },
  };
}

/** How the machine's own PostgreSQL is run, not as root; null where none is installed, or its client alone. */
function installed(): Runner | null {
  const told = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  const bin = told.status === 0 ? told.stdout.trim() : '';
  if (!existsSync(path.join(bin, 'postgres')) || !existsSync(path.join(bin, 'initdb'))) return null;
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const owner = self.uid === 0 ? NOBODY : self;
  return { bin, prefix: [], credentials: owner, owner };
}

async function untilReady(url: string, output: () => string): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(50)) {
    const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
    const isReady = await sql`select 1`.then(
      () => true,
      () => false,
    );
    await sql.end({ timeout: 1 });
    if (isReady) return;
  }
  throw new Error(`PostgreSQL did not start: ${output()}`);
}
