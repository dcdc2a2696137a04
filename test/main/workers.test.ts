import { execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { killAll, makeHome, processesOf, type ServiceProcess, startProcess } from '../support/process.ts';
import { api } from '../support/service.ts';

// Five starts of three processes each, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

// `WORKERS=2` in one data directory, told once from the first start to the last.
const home = makeHome();
const DATA_DIR = path.join(home.directory, 'data');
const start = async (more: Record<string, string> = {}) =>
  (await startProcess({ DATA_DIR, WORKERS: '2', RATE_LIMIT: '0', ...more })).ready();
const GIVE_UP_MS = 4_000;
let account = { id: '', token: '' };
let service: ServiceProcess;

afterAll(async () => {
  await killAll();
  home.remove();
});

const sessions = () => `/v1/Account/${account.id}/Masking/Session/`;
let people = 0;
const create = () => {
  people += 2;
  const [first_party, second_party] = [people, people + 1].map((n) => `+1202555${String(n).padStart(4, '0')}`);
  return api(service, 'POST', sessions(), { first_party, second_party }, account);
};

/** The processes that are started by this one, PostgreSQL's watchdog apart. */
function workersOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' }).split('\n');
  const own = lines.filter((line) => Number(line.trim().split(/\s+/)[1]) === pid && line.includes('main.js'));
  return own.map((line) => Number.parseInt(line, 10));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Creates over and over, until it is told to end. @returns the ids of those that were acknowledged. */
function createAllTheTime(lines: number) {
  const acknowledged: string[] = [];
  const statuses = new Set<number | 'broken'>();
  let isOver = false;
  const all = Array.from({ length: lines }, async () => {
    while (!isOver) {
      // A connection that is being given to a worker when it is killed is never answered: clients give up some time.
      const made = await Promise.race([create().catch(() => null), sleep(GIVE_UP_MS, null)]);
      statuses.add(made?.status ?? 'broken');
      if (made?.status === 201) acknowledged.push(String(made.body.session_uuid));
    }
  });
  return {
    acknowledged,
    statuses,
    async end() {
      isOver = true;
      await Promise.all(all);
    },
  };
}

/** How many of them are there; a service that is busy is asked again. */
async function kept(ids: readonly string[]): Promise<number> {
  let found = 0;
  for (const id of ids) {
    const status = await vi.waitUntil(async () => {
      const answer = await api(service, 'GET', `${sessions()}${id}/`, undefined, account);
      return answer.status === 503 ? null : answer.status;
    }, 10_000);
    if (status === 200) found += 1;
  }
  return found;
}

async function endsCleanly(signalled: (workers: number[]) => void = () => {}): Promise<void> {
  const workers = workersOf(service.pid);
  service.kill('SIGTERM');
  signalled(workers);
  const { code, signal, ms } = await service.ended;
  expect([code, signal, ms < 10_000]).toEqual([0, null, true]);
  expect([processesOf(DATA_DIR), workers.filter(isAlive)]).toEqual([[], []]);
}

describe('two workers', () => {
  test('share a port, one demo and one page of metrics, and both answer', async () => {
    const metrics = await freePort();
    service = await start({ METRICS_PORT: String(metrics) });
    const said = service.stdout();
    expect(said.match(/auth token/g)).toHaveLength(1);
    expect(said.match(/Bauta listens on/g)).toHaveLength(1);
    const [, id = '', token = ''] = /auth id +(\S+)\s+auth token +(\S+)/.exec(said) ?? [];
    account = { id, token };
    await vi.waitUntil(() => workersOf(service.pid).length === 2, { timeout: 10_000 });
    const load = createAllTheTime(8);
    await vi.waitUntil(() => load.acknowledged.length > 40, { timeout: 20_000 });
    await load.end();
    for (const still of workersOf(service.pid)) {
      process.kill(still, 'SIGSTOP');
      // The second one may have begun only just now.
      await vi.waitUntil(() => isAnswered(service.url), { timeout: 15_000 });
      process.kill(still, 'SIGCONT');
    }
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const created = /^bauta_http_request_seconds_count{.*method="POST".*status="201".*} (\d+)/m.exec(page)?.[1];
    expect(Number(created)).toBe(load.acknowledged.length);
    expect(page).toMatch(/^bauta_sessions_live \d+$/m);
    expect(page).toMatch(/^bauta_database_up 1$/m);
    expect(page).toMatch(/^bauta_build_info{.*} 1$/m);
    expect(page).toMatch(/^bauta_database_connections{pool="watch"} 4$/m);
    await endsCleanly();
  });

  test('one of them killed is replaced, what was acknowledged is kept, and the other one has gone on', async () => {
    service = await start();
    await vi.waitUntil(() => workersOf(service.pid).length === 2, { timeout: 10_000 });
    const before = workersOf(service.pid);
    const [killed = 0, left = 0] = before;
    const load = createAllTheTime(8);
    await vi.waitUntil(() => load.acknowledged.length > 40, { timeout: 20_000 });
    process.kill(killed, 'SIGKILL');
    const meanwhile = load.acknowledged.length;
    await vi.waitUntil(() => load.acknowledged.length > meanwhile + 40, { timeout: 20_000 });
    await vi.waitUntil(() => workersOf(service.pid).length === 2, { timeout: 10_000 });
    await load.end();
    const after = workersOf(service.pid);
    expect(after).toContain(left);
    expect(after).not.toContain(killed);
    expect([...load.statuses].filter((status) => status !== 201 && status !== 'broken')).toEqual([]);
    expect(await kept(load.acknowledged)).toBe(load.acknowledged.length);
    expect(service.stdout()).toContain('worker.ended');
  });

  test('end in good order when the signal reaches them as well, as from a terminal, under load', async () => {
    const load = createAllTheTime(8);
    await vi.waitUntil(() => load.acknowledged.length > 40, { timeout: 20_000 });
    const ended = endsCleanly((workers) => {
      for (const pid of workers) process.kill(pid, 'SIGTERM');
    });
    setTimeout(() => void load.end(), 500);
    await ended;
    await load.end();
    expect([...load.statuses].filter((status) => ![201, 503, 'broken'].includes(status))).toEqual([]);
    service = await start();
    expect(await kept(load.acknowledged)).toBe(load.acknowledged.length);
  });

  test('leave nothing behind when the first process is killed', async () => {
    const workers = workersOf(service.pid);
    service.kill('SIGKILL');
    await service.ended;
    await vi.waitUntil(() => ![...workers].some(isAlive) && processesOf(DATA_DIR).length === 0, { timeout: 10_000 });
  });

  test('say once what is wrong with a port, and end', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const PORT = String(Object(taken.address()).port);
    const refused = await startProcess({ DATA_DIR, WORKERS: '2', PORT });
    expect(await refused.ended).toMatchObject({ code: 1 });
    expect(refused.stderr()).toBe('HOST and PORT cannot be listened on (EADDRINUSE).\n');
    await new Promise((resolve) => taken.close(resolve));
  });
});

/** Over a connection of its own, within a second. */
function isAnswered(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${url}/health/live`, { agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false)).on('timeout', () => request.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = Object(server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
