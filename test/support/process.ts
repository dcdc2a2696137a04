import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { inject } from 'vitest';
import { builtService } from '../built.ts';
import { databaseUrl } from '../database.ts';

/** The service as it ships, in a process of its own. */
export interface ServiceProcess {
  readonly pid: number;
  readonly url: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the process is gone and has said everything. */
  readonly ended: Promise<Exit>;
  /** Until it says that it is ready. @throws with what it said where it ended first. */
  ready(): Promise<ServiceProcess>;
  kill(signal: NodeJS.Signals): void;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the first signal sent by `kill` to the end. */
  readonly ms: number;
}

const started: ServiceProcess[] = [];

/**
 * Starts `dist/main.js` with these settings and a free PORT; nothing else of our environment is given on. By npm it is
 * `npm start` without the build before, which the test run has done.
 */
export async function startProcess(
  settings: Readonly<Record<string, string>>,
  by: 'node' | 'npm' = 'node',
): Promise<ServiceProcess> {
  const port = await freePort();
  const [file, args, cwd] =
    by === 'npm'
      ? ['npm', ['start', '--ignore-scripts'], path.dirname(builtService())]
      : [process.execPath, [path.join(builtService(), 'main.js')], tmpdir()];
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', PORT: String(port), ...settings },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    said.stdout += text;
  });
  child.stderr.on('data', (text) => {
    said.stderr += text;
  });
  let signalledAt = Date.now();
  let isGone = false;
  const ended = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      isGone = true;
      resolve({ code, signal, ms: Date.now() - signalledAt });
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const service: ServiceProcess = {
    pid: child.pid ?? 0,
    url,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended,
    async ready() {
      while (!isGone) {
        if ((await healthOf(url, 'ready')) === 200) return service;
        await sleep(25);
      }
      throw new Error(`The service ended: ${said.stdout}${said.stderr}`);
    },
    kill(signal) {
      signalledAt = Date.now();
      child.kill(signal);
    },
  };
  started.push(service);
  return service;
}

/** For `afterAll`: kills what a failed test has left running. */
export async function killAll(): Promise<void> {
  for (const service of started.splice(0)) {
    service.kill('SIGKILL');
    await service.ended;
  }
}

/** The status of `/health/…`; null where nobody answers. */
export async function healthOf(url: string, which: 'live' | 'ready'): Promise<number | null> {
  try {
    const response = await fetch(`${url}/health/${which}`, { signal: AbortSignal.timeout(3000) });
    await response.text();
    return response.status;
  } catch {
    return null;
  }
}

/** A directory that every user may pass through, as the embedded PostgreSQL needs it. */
export function makeHome(): { directory: string; remove(): void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'bauta-process-'));
  chmodSync(directory, 0o711);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Every process that has to do with a data directory: PostgreSQL's own and its watchdog. */
export function processesOf(directory: string): string[] {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  const main = lines.filter((line) => line.includes(directory));
  const owners = main.flatMap((line) => /cluster_name=(bauta-\d+)/.exec(line)?.[1] ?? []);
  return lines.filter((line) => main.includes(line) || owners.some((owner) => line.includes(`postgres: ${owner}:`)));
}

/** A database without any table, at the end of a line that can be cut. */
export async function emptyDatabase() {
  const adminUrl = inject('adminUrl');
  const name = `test_${process.pid}_${Date.now().toString(36)}`;
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {} });
  await admin`create database ${admin(name)}`;
  const direct = new URL(databaseUrl(adminUrl, name));
  const sql = postgres(direct.href, { max: 1, onnotice: () => {} });
  const line = await openLine(Number(direct.port), direct.hostname);
  const url = Object.assign(new URL(direct), { hostname: '127.0.0.1', port: String(line.port) }).href;
  return {
    url,
    sql,
    cut: line.cut,
    mend: line.mend,
    async drop() {
      await line.cut();
      await sql.end({ timeout: 1 });
      await admin`drop database if exists ${admin(name)} with (force)`;
      await admin.end();
    },
  };
}

async function openLine(toPort: number, toHost: string) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(toPort, toHost);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .once('close', () => {
          sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
    }
    near.pipe(far).pipe(near);
  });
  const port = await freePort();
  const mend = () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await mend();
  return {
    port,
    mend,
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
