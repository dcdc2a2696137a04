import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { runWatched } from '../../src/store/embedded-watchdog.ts';
import { freePort } from './process.ts';

const NOBODY = { uid: 65534, gid: 65534 };
const PLACES = ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
/** Its connections to PostgreSQL, for each database: far fewer than a service has to it. */
export const SERVER_CONNECTIONS = 3;

/** The folder of the PgBouncer that is installed; null where none is. */
export const bouncerFolder =
  PLACES.find((place) => spawnSync(path.join(place, 'pgbouncer'), ['--version']).status === 0) ?? null;

/** A PgBouncer in transaction mode, set up as the README says, in front of every database of a server. */
export interface Bouncer {
  /** The same database, through it. */
  url(direct: string): string;
  /** What its console shows. */
  show(what: 'pools' | 'stats' | 'clients'): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

/** @param ini as the README has it; of its database only what is asked of each new connection. */
export async function startBouncer(adminUrl: string, ini: string): Promise<Bouncer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bauta-pgbouncer-'));
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? NOBODY : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const { hostname, port, username, password } = new URL(adminUrl);
  const login = `user=${username} password=${password}`;
  const ownPort = await freePort();
  const file = path.join(folder, 'pgbouncer.ini');
  const settings = ini
    .replace(/^\w+ = host=.* (?=connect_query=)/m, `* = host=${hostname} port=${port} ${login} `)
    .replace(/^default_pool_size = .*$/m, `default_pool_size = ${SERVER_CONNECTIONS}`);
  const own = ['listen_addr = 127.0.0.1', `listen_port = ${ownPort}`, 'unix_socket_dir =', 'auth_type = any'];
  writeFileSync(file, `${settings}${own.join('\n')}\n`, { mode: 0o600 });
  // It refuses to run as root.
  if (isRoot) for (const place of [folder, file]) chownSync(place, owner.uid, owner.gid);
  chmodSync(folder, 0o700);
  const runner = { bin: bouncerFolder ?? '', prefix: [], credentials: isRoot ? owner : {}, owner };
  const server = await runWatched(runner, 'pgbouncer', [file], path.join(folder, 'log'));
  server.unref();
  const url = (direct: string) => Object.assign(new URL(direct), { hostname: '127.0.0.1', port: String(ownPort) }).href;
  const console = postgres(url(adminUrl).replace(/\/[^/]*$/, '/pgbouncer'), { max: 1, fetch_types: false });
  const show: Bouncer['show'] = (what) => console.unsafe(`show ${what}`).simple();
  for (let left = 100; ; left -= 1) {
    const said = await show('pools').catch((error: unknown) => error);
    if (!(said instanceof Error)) break;
    if (left === 0) throw new Error(`PgBouncer did not start: ${server.output()}`);
    await sleep(50);
  }
  return {
    url,
    show,
    async stop() {
      await console.end({ timeout: 1 });
      server.stop();
      await server.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let current: { readonly bouncer: Bouncer; readonly port: string } | null = null;

/** From now on services of this test file reach the databases of `adminUrl` through it; null for directly again. */
export function goThrough(bouncer: Bouncer | null, adminUrl: string): void {
  current = bouncer && { bouncer, port: new URL(adminUrl).port };
}

/** The address by which a service of this test file reaches a database. */
export function pooled(direct: string): string {
  return current !== null && new URL(direct).port === current.port ? current.bouncer.url(direct) : direct;
}
