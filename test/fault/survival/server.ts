import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { type Embedded, startEmbedded } from '../../../src/store/embedded.ts';

/** A PostgreSQL of the test's own that may be stopped, killed and starved of disk. */
export interface Server {
  readonly port: number;
  readonly url: string;
  /** The test's own look at it, past every fault of the line. Not usable while the server is down. */
  readonly sql: postgres.Sql;
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void;
  /** Starts it again where it is gone; recovery included. */
  restart(): Promise<void>;
  /**
   * Leaves no byte on its disk, until the function that it gives is called. Where it has no disk of its own, every
   * insert is refused as if it were full.
   */
  fillDisk(): Promise<() => Promise<void>>;
  /** Takes every connection away from the service, for so long. */
  exhaust(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

// Six instances hold 22 each when four more are started.
const MAX_CONNECTIONS = 150;
const LESS_URGENT = 5;
const DISK = '1500m';

export async function startServer(): Promise<Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bauta-fault-'));
  const hasDisk = mountDisk(folder);
  chmodSync(folder, 0o711); // run by root, PostgreSQL is nobody and has to pass through
  const extraSettings = {
    max_connections: String(MAX_CONNECTIONS),
    max_wal_size: '128MB',
    min_wal_size: '32MB',
    // A slow statement of another server process is no fault of the service.
    autovacuum_naptime: '5s',
  };
  let gone = Promise.resolve();
  const start = async (port?: number): Promise<Embedded> => {
    let leave = () => {};
    gone = new Promise((resolve) => {
      leave = resolve;
    });
    const directory = path.join(folder, 'pg');
    const embedded = await startEmbedded({ directory, ...(port && { port }), extraSettings, onExit: () => leave() });
    // On a machine of its own it would not take the processors from the services when all reconnect at once.
    setPriority(embedded.pid, LESS_URGENT);
    return embedded;
  };
  let server = await start();
  const { url } = server;
  const port = Number(new URL(url).port);
  const sql = postgres(url, { max: 3, onnotice: () => {}, backoff: () => 0.1 });
  return {
    port,
    url,
    sql,
    signal(signal) {
      for (const pid of [server.pid, ...childrenOf(server.pid)]) send(pid, signal);
    },
    async restart() {
      if (!isUp(server.pid)) {
        await gone;
        server = await start(port);
      }
      for (;;) {
        const works = await sql`select 1`.then(
          () => true,
          () => false,
        );
        if (works) return;
      }
    },
    async fillDisk() {
      if (!hasDisk) return refuseInserts(sql);
      const file = path.join(folder, 'filler');
      try {
        for (let piece = 0; ; piece++) writeFileSync(`${file}${piece}`, Buffer.alloc(2 ** 20));
      } catch {
        // Full, as it should be.
      }
      return async () => void execFileSync('sh', ['-c', `rm -f ${file}*`]);
    },
    async exhaust(milliseconds) {
      const hogs = postgres(url, { max: MAX_CONNECTIONS, onnotice: () => {}, backoff: () => 0.05 });
      const until = Date.now() + milliseconds;
      while (Date.now() < until) {
        const taken = Array.from({ length: MAX_CONNECTIONS }, () => hogs`select pg_sleep(0.5)`.catch(() => {}));
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bauta'`;
        await Promise.race([Promise.all(taken), sleep(600)]);
      }
      await hogs.end({ timeout: 0 });
    },
    async close() {
      await sql.end({ timeout: 1 });
      await server.stop();
      if (hasDisk) execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const GROWING = ['sessions', 'calls', 'callbacks', 'tallies', 'exchanges'];

async function refuseInserts(sql: postgres.Sql): Promise<() => Promise<void>> {
  await sql.unsafe(`create or replace function disk_full() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`);
  for (const table of GROWING) {
    await sql.unsafe(`create trigger disk_full before insert on ${table} execute function disk_full()`);
  }
  return async () => void (await sql.unsafe('drop function disk_full cascade'));
}

/** Only root can; without it the server shares the machine's disk. */
function mountDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function childrenOf(parent: number): number[] {
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

function isUp(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
