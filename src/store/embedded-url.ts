import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The address of the embedded PostgreSQL that runs on this directory; null where none does. */
export function runningUrl(directory: string): string | null {
  const lock = path.join(directory, 'postmaster.pid');
  if (!existsSync(lock)) return null;
  // PostgreSQL's own lines: process, directory, start, port and so on.
  const port = readFileSync(lock, 'utf8').split('\n')[3];
  const password = readFileSync(`${directory}.password`, 'utf8').trim();
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}
