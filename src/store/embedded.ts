import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, findRunner, type Runner } from './embedded-binaries.ts';
import { isAlive, ownerSetting, readLock, untilFree } from './embedded-lock.ts';
import { runWatched, type Watched } from './embedded-watchdog.ts';

interface EmbeddedOptions {
  /** The cluster. Beside it: `<directory>.password` and `<directory>.log`. Parents are created. */
  readonly directory: string;
  /** On 127.0.0.1; a free one unless given. */
  readonly port?: number;
  /** False trades safety for speed: a crash may corrupt the cluster. For tests. */
  readonly durable?: boolean;
  /** Server settings that win over ours. */
  readonly extraSettings?: Readonly<Record<string, string>>;
  /** Called when PostgreSQL ends without having been asked to. */
  readonly onExit?: (code: number) => void;
}

export interface Embedded {
  /** Connects as superuser to the database `postgres`. Contains the password. */
  readonly url: string;
  /** PostgreSQL's main process. */
  readonly pid: number;
  /** Fast shutdown: ends every connection, waits for the end. May be called more than once. */
  stop(): Promise<void>;
}

const LOCK_WAIT_MS = 10_000;
const DRAFT = '.init-'; // then the number of the process that makes it
const LOG_LIMIT_BYTES = 5_000_000;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Phone numbers travel as parameters, and an error may repeat one in its message ("invalid input syntax
  // … "+1415…") or its detail ("Key (party)=(…)"). Errors go to the client, which knows what to hide; the
  // log keeps what concerns the server.
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};

const FAST_AND_UNSAFE = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };

/**
 * Starts the PostgreSQL that comes with the package, as any user, root included, and creates the cluster
 * where there is none. It never outlives this process.
 *
 * @throws Error for people to read: not available on this machine, directory in use, or what PostgreSQL said.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const directory = path.resolve(options.directory);
  const durable = options.durable ?? true;
  const deadline = Date.now() + LOCK_WAIT_MS;
  fs.mkdirSync(path.dirname(directory), { recursive: true });
  await untilFree(directory, deadline);

  const runner = findRunner(directory);
  await removeLeftovers(directory);
  if (!isCluster(directory)) await createCluster(runner, directory, durable);
  giveTo(runner, directory);
  const password = fs.readFileSync(passwordFile(directory), 'utf8').trim();

  for (;;) {
    const port = options.port ?? (await freePort());
    const settings = { ...SETTINGS, port, ...(durable ? {} : FAST_AND_UNSAFE), ...options.extraSettings };
    const pairs = [ownerSetting(), ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)];
    const parameters = ['-D', directory, ...pairs.flatMap((pair) => ['-c', pair])];
    const server = await runWatched(runner, 'postgres', parameters, logFile(directory));
    if (await becomesReady(server, directory)) {
      const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
      return { url, pid: server.pid, stop: lifeOf(server, options.onExit) };
    }
    if (!isWorthAnotherTry(server, options.port) || Date.now() > deadline) throw failure(server, directory);
    await sleep(100);
    await untilFree(directory, deadline);
  }
}

/** False when the server ended first. Recovery after a crash takes as long as it takes. */
async function becomesReady(server: Watched, directory: string): Promise<boolean> {
  const ended = server.ended.then(() => true);
  for (;;) {
    const lock = readLock(directory);
    if (lock?.pid === server.pid && lock.status === 'ready') return true;
    if (await Promise.race([ended, sleep(10, false)])) return false;
  }
}

/** Lost a race for the lock or the port, or the last processes of a crashed server are still leaving. */
function isWorthAnotherTry(server: Watched, givenPort: number | undefined): boolean {
  const output = server.output();
  if (/lock file ".*" already exists|shared memory block .* still in use/.test(output)) return true;
  return givenPort === undefined && output.includes('Address already in use');
}

function lifeOf(server: Watched, onExit: EmbeddedOptions['onExit']): () => Promise<void> {
  let stopping = false;
  server.unref();
  server.ended.then((code) => {
    if (!stopping) onExit?.(code);
  });
  return async () => {
    stopping = true;
    server.stop();
    await server.ended;
  };
}

/**
 * Makes the cluster in a folder beside its place and moves it there when it is whole, so that a kill
 * during the first boot leaves nothing half made.
 */
async function createCluster(runner: Runner, directory: string, durable: boolean): Promise<void> {
  if (fs.existsSync(directory) && fs.readdirSync(directory).length > 0) {
    throw new Error(`${directory} is neither empty nor a PostgreSQL cluster; set DATA_DIR to another directory.`);
  }
  const draft = `${directory}${DRAFT}${process.pid}`;
  fs.mkdirSync(draft, { mode: 0o700 });
  ensurePassword(directory);
  for (const place of [draft, passwordFile(directory)]) chown(runner, place);

  const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile(directory)}`];
  const format = ['--encoding=UTF8', '--locale=C', '--data-checksums', '--no-instructions'];
  const parameters = ['-D', draft, ...access, ...format, ...(durable ? [] : ['--no-sync'])];
  const initdb = await runWatched(runner, 'initdb', parameters, logFile(directory));
  if ((await initdb.ended) !== 0) throw failure(initdb, directory);

  try {
    fs.renameSync(draft, directory);
  } catch (cause) {
    fs.rmSync(draft, { recursive: true, force: true });
    if (isCluster(directory)) return; // another process was quicker
    throw new Error(`${directory} cannot be replaced; if it is a mount point, use a folder inside it.`, { cause });
  }
  if (durable) syncFolder(path.dirname(directory));
}

/** Written once, whole or not at all: a cluster is made with the password that is there, never the reverse. */
function ensurePassword(directory: string): void {
  const draft = `${directory}${DRAFT}${process.pid}.password`;
  fs.writeFileSync(draft, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flush: true });
  try {
    fs.linkSync(draft, passwordFile(directory));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(draft);
  }
}

/** Removes what starts left behind that were killed in the middle. */
async function removeLeftovers(directory: string): Promise<void> {
  const parent = path.dirname(directory);
  for (const name of fs.readdirSync(parent)) {
    if (!name.startsWith(path.basename(directory) + DRAFT)) continue;
    const maker = Number.parseInt(name.slice(path.basename(directory).length + DRAFT.length), 10);
    if (maker !== process.pid && isAlive(maker)) continue;
    await removeWhole(path.join(parent, name));
  }
  const log = logFile(directory);
  if (fs.existsSync(log) && fs.statSync(log).size > LOG_LIMIT_BYTES) fs.renameSync(log, `${log}.old`);
}

/** Its initdb may be on its way out and still writing, so that what was just emptied is not empty. */
async function removeWhole(draft: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      fs.rmSync(draft, { recursive: true, force: true });
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY' || tries === 50) throw error;
      await sleep(100);
    }
  }
}

/** A cluster made as another user (or in a user namespace) changes hands. Only root can do that. */
function giveTo(runner: Runner, directory: string): void {
  if (process.getuid?.() !== 0 || fs.statSync(directory).uid === runner.owner.uid) return;
  const cluster = fs.realpathSync(directory);
  for (const name of fs.readdirSync(cluster, { recursive: true, encoding: 'utf8' })) {
    chown(runner, path.join(cluster, name));
  }
  for (const place of [cluster, passwordFile(directory)]) chown(runner, place);
}

function chown({ owner }: Runner, place: string): void {
  if (process.getuid?.() === 0) fs.lchownSync(place, owner.uid, owner.gid);
}

function isCluster(directory: string): boolean {
  return fs.existsSync(path.join(directory, 'PG_VERSION'));
}

function passwordFile(directory: string): string {
  return `${directory}.password`;
}

function logFile(directory: string): string {
  return `${directory}.log`;
}

function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r');
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

function failure(program: Watched, directory: string): Error {
  const said = program.output().trim().split('\n').slice(-8).join('\n');
  return new Error(`PostgreSQL did not start with its data in ${directory}:\n${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No port on 127.0.0.1.');
  return address.port;
}
