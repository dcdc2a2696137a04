import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { connect, disconnect } from '../../../src/store/connect.ts';
import { prepareKeys } from '../../../src/store/key-ring.ts';
import { openVault, type Vault } from '../../../src/store/vault.ts';
import { makeHome, type ServiceProcess, startProcess } from '../../support/process.ts';
import { api, MAIN, MASTER_KEY, PLIVO_KEY, PLIVO_TOKEN, SESSIONS, SUB } from '../../support/service.ts';
import { type Server, startServer } from './server.ts';

export const PUBLIC_URL = 'https://bauta.example';
export const ANSWER = `/answer/${PLIVO_KEY}/`;
export const AUTHORIZATION = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;

// As a server for a million sessions would be set up: it has room for them in memory, and its log may grow, so that
// checkpoints come by the clock as in long runs.
const EXTRA = { max_wal_size: '4GB', shared_buffers: '1GB' };

/** A durable PostgreSQL and the built service on it. */
export class House {
  readonly sql: postgres.Sql;
  readonly url: string;
  readonly #server: Server;
  readonly #home = makeHome();
  #service: ServiceProcess | null = null;

  private constructor(server: Server, home: ReturnType<typeof makeHome>) {
    this.#server = server;
    this.#home = home;
    this.url = server.url;
    this.sql = postgres(server.url, { max: 2, onnotice: () => {} });
  }

  static async open(): Promise<House> {
    const home = makeHome();
    const server = await startServer(path.join(home.directory, 'pg'), EXTRA);
    const house = new House(server, home);
    writeFileSync(
      path.join(home.directory, 'bootstrap.json'),
      JSON.stringify({
        accounts: [
          { auth_id: MAIN.id, auth_token: MAIN.token, name: 'bench' },
          { auth_id: SUB.id, auth_token: SUB.token, name: 'sub', parent: MAIN.id },
        ],
        providers: [{ key: PLIVO_KEY, account: MAIN.id, dialect: 'plivo', auth_token: PLIVO_TOKEN }],
        numbers: [{ number: '+14151000000', account: MAIN.id, provider: PLIVO_KEY }],
      }),
    );
    return house;
  }

  get service(): ServiceProcess {
    if (this.#service === null) throw new Error('the service does not run');
    return this.#service;
  }

  get port(): number {
    return Number(new URL(this.service.url).port);
  }

  /** @returns the milliseconds until it was ready. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<number> {
    const began = performance.now();
    const service = await startProcess({
      DATABASE_URL: this.url,
      DATA_DIR: path.join(this.#home.directory, 'data'),
      MASTER_KEY: MASTER_KEY.toString('hex'),
      BOOTSTRAP_FILE: path.join(this.#home.directory, 'bootstrap.json'),
      CALLBACK_ALLOW_PRIVATE: 'true',
      RATE_LIMIT: '0',
      PUBLIC_URL,
      ...settings,
    });
    this.#service = await service.ready();
    return performance.now() - began;
  }

  async restart(settings: Readonly<Record<string, string>> = {}): Promise<number> {
    await this.stop();
    return this.start(settings);
  }

  async stop(): Promise<void> {
    this.service.kill('SIGTERM');
    await this.service.ended;
    this.#service = null;
  }

  /** With the keys that the service has made. */
  async vault(): Promise<Vault> {
    const db = connect(this.url, { connections: 1, statementTimeoutMs: 10_000 });
    const keys = await prepareKeys(db, { current: MASTER_KEY, previous: null });
    await disconnect(db, 1);
    if (keys === null) throw new Error('the service has sealed its keys with another master key');
    return openVault(keys);
  }

  /** Until nothing that was begun is still written: the exchange log, totals, callbacks. */
  async quiet(): Promise<void> {
    const until = performance.now() + 20_000;
    for (let still = 0; still < 5 && performance.now() < until; ) {
      await sleep(50);
      const [row] = await this.sql<{ busy: number }[]>`
        select count(*)::int as busy from pg_stat_activity where application_name = 'bauta' and state = 'active'`;
      still = row?.busy === 0 ? still + 1 : 0;
    }
  }

  /** As the server's own vacuum would do some minutes later, when it would be in the way. */
  async settle(): Promise<void> {
    await this.sql`vacuum analyze`.simple();
    await this.sql`checkpoint`.simple();
  }

  /** A session by which the others are filled in. */
  async createFirst(): Promise<void> {
    const made = await api(this.service, 'POST', SESSIONS, {
      first_party: '+12025550000',
      second_party: '+12025550001',
    });
    if (made.status !== 201) throw new Error(`not created: ${made.status} ${JSON.stringify(made.body)}`);
  }

  async close(): Promise<void> {
    if (this.#service) await this.stop();
    await this.sql.end({ timeout: 1 });
    await this.#server.stop();
    this.#home.remove();
  }
}

/** The resident memory of a process, in megabytes. */
export function residentMegabytes(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}
