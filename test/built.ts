import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = path.join(ROOT, 'node_modules/.cache');
const PREFIX = 'bauta-test-';

/** The folder of this run's compiled copy of `src`: `node <folder>/main.js` is the service as it ships. */
export function builtService(): string {
  return inject('builtService');
}

/**
 * Compiles and bundles `src` into a folder that no other run uses, with `drizzle/`, `package.json` and the rest in
 * their places around it. Types are not checked here. Done once per run, by the global setup.
 */
export async function buildService(cleanups: (() => Promise<unknown>)[]): Promise<string> {
  await removeLeftovers();
  const home = path.join(CACHE, `${PREFIX}${process.pid}`);
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  await mkdir(home);
  for (const name of await readdir(ROOT)) {
    if (!/^(\..*|dist|node_modules|test)$/.test(name)) await symlink(path.join(ROOT, name), path.join(home, name));
  }
  const directory = path.join(home, 'dist');
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', directory], { cwd: ROOT });
  await promisify(execFile)('npm', ['run', '--silent', 'build:bundle'], { cwd: home });
  return directory;
}

async function removeLeftovers(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  for (const name of await readdir(CACHE)) {
    if (!name.startsWith(PREFIX) || isAlive(Number(name.slice(PREFIX.length)))) continue;
    await rm(path.join(CACHE, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
