import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './embedded-binaries.ts';

/** What PostgreSQL writes into the lock file of a cluster. */
interface Lock {
  readonly pid: number;
  readonly status: string;
}

const ORPHAN_NOTICED_WITHIN_MS = 500;

/**
 * Waits until no PostgreSQL works on the cluster.
 *
 * One that is shutting down, or whose owner is dead, is waited for until `deadline`: a service that was
 * killed may be started again at once.
 *
 * @throws Error naming the directory and the process where somebody else goes on using it.
 */
export async function untilFree(directory: string, deadline: number): Promise<void> {
  const began = Date.now();
  for (;;) {
    const lock = readLock(directory);
    if (lock === null || !isAlive(lock.pid)) return;
    if (commandOf(lock.pid) !== 'postgres') {
      // The process id went to somebody else since; PostgreSQL cannot tell and would refuse to start.
      rmSync(path.join(directory, 'postmaster.pid'), { force: true });
      return;
    }
    const owner = readOwner(directory);
    const isLeaving = lock.status === 'stopping' || !isAlive(owner ?? lock.pid);
    if (!isLeaving && Date.now() - began > ORPHAN_NOTICED_WITHIN_MS) {
      throw new Error(
        `${directory} is already in use by process ${owner ?? lock.pid}; ` +
          'stop that process first, or give this one a DATA_DIR of its own or a DATABASE_URL.',
      );
    }
    if (Date.now() > deadline) {
      throw new Error(`${directory} is still in use by PostgreSQL, process ${lock.pid}, which does not end.`);
    }
    await sleep(25);
  }
}

/** The lock file of the cluster, or null. It may be a leftover: nobody removes it after a crash. */
export function readLock(directory: string): Lock | null {
  const lines = readIfThere(path.join(directory, 'postmaster.pid'))?.split('\n');
  const pid = Number(lines?.[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, status: lines?.[7]?.trim() ?? '' } : null;
}

/** True when a process of this number exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** The setting by which a running cluster names this process to people (`ps`) and to other starts. */
export function ownerSetting(): string {
  return `cluster_name=bauta-${process.pid}`;
}

/** PostgreSQL keeps its own command line beside its data. */
function readOwner(directory: string): number | null {
  const owner = /"cluster_name=bauta-(\d+)"/.exec(readIfThere(path.join(directory, 'postmaster.opts')) ?? '')?.[1];
  return owner === undefined ? null : Number(owner);
}

/** The name of a living process's program; where it cannot be told, `postgres`, to be on the safe side. */
function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return path.basename(execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim());
  } catch {
    return 'postgres';
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
