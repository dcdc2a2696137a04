import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { connect, disconnect } from '../../../src/store/connect.ts';
import { invariantFaults } from '../../../src/store/invariants.ts';
import { prepareKeys } from '../../../src/store/key-ring.ts';
import { openVault, type Vault } from '../../../src/store/vault.ts';
import { healthOf, killAll, makeHome, type ServiceProcess, startProcess } from '../../support/process.ts';
import { declared } from '../../support/service.ts';
import { chanceOf } from './chance.ts';
import { counted, expectedCount, judge } from './judge.ts';
import { type Line, openLine } from './line.ts';
import { drainInstance, forgetInstance, Load, makeParties, openConnections, type Party, PUBLIC_URL } from './load.ts';
import { type Server, startServer } from './server.ts';

const MASTER_KEY = Buffer.alloc(32, 7);
const PARTIES = 60;
// Its three pools.
const CONNECTIONS_OF_AN_INSTANCE = 10 + 10 + 2;
// The promise is 2.5 s; the way there and back takes some more, and as much as the machine keeps even us waiting.
const ANSWER_MS = 2_500 + 300;
const RECOVERY_MS = 10_000;
const STUCK_MS = 6_000;
const CALLBACKS_MS = 120_000;
// Shares of the full load. A machine that cannot carry it while one instance does all the work and another one starts,
// as happens in many of these faults, would show its own slowness.
const SHARES = [0.1, 0.25, 0.5, 1];
const WARM_UP = [0.1, 0.1];
const FITTING_MS = 3_000;
const FITTING_ANSWER_MS = 1_000;

/** A line of the table. */
export interface Figures {
  readonly fault: string;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly lost: number;
  readonly doubled: number;
  readonly halfDone: number;
  readonly apologies: number;
  readonly longestAnswerMs: number;
  /** How late this process itself ran at worst: what the machine adds to every figure. */
  readonly lagMs: number;
  /** How many others want each of our turns at a core; 1 where we are alone. Limits of time are stretched by it. */
  readonly crowd: number;
  readonly recoverySeconds: number;
  /** All that was missed, in words; `[]`. */
  readonly missed: string[];
}

// Two instances, the database and this process are at work anyway.
const OWN_RUNNERS = 4;

/** A machine that others use as well keeps us waiting as much longer: nothing of that is the service's. */
function crowdedness(): number {
  return Math.max(1, ((loadavg()[0] ?? 0) - OWN_RUNNERS) / availableParallelism());
}

/** Two instances of the service, a PostgreSQL, the line between, an app that takes callbacks, and callers. */
export class House {
  readonly server: Server;
  readonly line: Line;
  readonly instances: ServiceProcess[] = [];
  readonly figures: Figures[] = [];
  readonly chance = chanceOf(1);
  readonly #home = makeHome();
  #vault: Vault | null = null;
  readonly #received = new Map<string, string>();
  readonly #expectedToEnd = new Set<ServiceProcess>();
  #share = 1;
  #duplicates = 0;
  #altered = 0;
  #unexpected: string[] = [];
  #parties: Party[] = [];
  #hook: http.Server;
  #hookUrl = '';

  private constructor(server: Server, line: Line) {
    this.server = server;
    this.line = line;
    this.#hook = http.createServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      const id = String(request.headers['webhook-id']);
      const before = this.#received.get(id);
      if (before !== undefined) this.#duplicates += 1;
      if (before !== undefined && before !== body) this.#altered += 1;
      this.#received.set(id, body);
      response.end();
    });
  }

  static async open(): Promise<House> {
    const server = await startServer();
    const house = new House(server, await openLine(server.port));
    await new Promise<void>((resolve) => house.#hook.listen(0, '127.0.0.1', resolve));
    house.#hookUrl = `http://127.0.0.1:${Object(house.#hook.address()).port}/`;
    writeFileSync(path.join(house.#home.directory, 'bootstrap.json'), JSON.stringify(declared()));
    await Promise.all([house.start(), house.start()]);
    house.#vault = await vaultOf(server.url);
    const [first] = house.instances;
    house.#parties = await makeParties(first?.url ?? '', house.#hookUrl, PARTIES);
    await house.#fit();
    return house;
  }

  /** Finds the greatest load under which nobody waits while an instance is replaced. The first calls warm it up. */
  async #fit(): Promise<void> {
    let fitting = 0;
    for (const [i, share] of [...WARM_UP, ...SHARES].entries()) {
      this.#share = share;
      const load = this.#load(`fit-${i}`);
      await sleep(FITTING_MS);
      if (i >= WARM_UP.length) this.#unexpected.push(...(await this.replace(this.anyInstance())));
      const { longestAnswerMs, wrongs } = await load.end();
      if (wrongs.length > 0) throw new Error(wrongs.join('\n'));
      const isQuick = longestAnswerMs < FITTING_ANSWER_MS;
      if (isQuick) fitting = share;
      else if (i >= WARM_UP.length) break;
    }
    this.#share = fitting || Math.min(...SHARES);
    const [calls, creates] = [100 * this.#share, 20 * this.#share];
    process.stdout.write(`load: ${calls} answers, ${calls} hangups and ${creates} creates a second\n`);
  }

  #load(name: string): Load {
    const directory = () => this.instances.map(({ url }) => url);
    return new Load(name, directory, this.#parties, this.#hookUrl, this.chance, this.#share);
  }

  async close(): Promise<void> {
    for (const instance of this.instances) this.#expectedToEnd.add(instance);
    await killAll();
    this.#hook.closeAllConnections();
    this.#hook.close();
    await this.line.close();
    await this.server.close();
    this.#home.remove();
  }

  settings(database: string | null = null): Record<string, string> {
    const url = Object.assign(new URL(this.server.url), { port: String(this.line.port) });
    if (database !== null) url.pathname = `/${database}`;
    return {
      DATABASE_URL: url.href,
      DATA_DIR: path.join(this.#home.directory, 'data'),
      MASTER_KEY: MASTER_KEY.toString('hex'),
      BOOTSTRAP_FILE: path.join(this.#home.directory, 'bootstrap.json'),
      CALLBACK_ALLOW_PRIVATE: 'true',
      PUBLIC_URL,
    };
  }

  /** One more instance, which gets traffic when it is ready. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const instance = await startProcess({ ...this.settings(), ...more });
    instance.ended.then(({ code, signal }) => {
      if (!this.#expectedToEnd.has(instance)) {
        this.#unexpected.push(`a process ended: ${code ?? signal} ${instance.stderr().slice(-500)}`);
      }
    });
    await instance.ready();
    await openConnections(instance.url);
    this.instances.push(instance);
    return instance;
  }

  async kill(instance: ServiceProcess): Promise<void> {
    this.#expectedToEnd.add(instance);
    instance.kill('SIGKILL');
    await instance.ended;
    this.#forget(instance);
  }

  /**
   * Asks an instance to end. `drained`: it got no more traffic from then on; `asked`: as long as it listens.
   *
   * @returns what is missed.
   */
  async leave(instance: ServiceProcess, traffic: 'drained' | 'asked'): Promise<string[]> {
    this.#expectedToEnd.add(instance);
    if (traffic === 'drained') await this.#drain(instance);
    instance.kill('SIGTERM');
    const { code, signal, ms } = await instance.ended;
    if (traffic === 'asked') this.#forget(instance);
    return [
      ...(code === 0 ? [] : [`ended with ${code ?? signal}: ${instance.stderr().slice(-300)}`]),
      ...(ms < RECOVERY_MS ? [] : [`took ${ms} ms to end`]),
    ];
  }

  #forget(instance: ServiceProcess): void {
    this.instances.splice(this.instances.indexOf(instance), 1);
    forgetInstance(instance.url);
  }

  /** As a load balancer takes one out: no new requests, and those under way are answered. */
  async #drain(instance: ServiceProcess): Promise<void> {
    this.instances.splice(this.instances.indexOf(instance), 1);
    await drainInstance(instance.url);
  }

  /** An orderly end, and a new one in its place. @returns what is missed. */
  async replace(instance: ServiceProcess, more: Readonly<Record<string, string>> = {}): Promise<string[]> {
    const missed = await this.leave(instance, 'drained');
    await this.start(more);
    return missed;
  }

  /** Lets instances start at once on a database without a table. @returns what is missed. */
  async migrateAtOnce(name: string, count: number): Promise<string[]> {
    const { sql, url } = this.server;
    await sql`create database ${sql(name)}`;
    const settings = this.settings(name);
    const starts = Array.from({ length: count }, async () => (await startProcess(settings)).ready());
    const outcomes = await Promise.allSettled(starts);
    const own = postgres(Object.assign(new URL(url), { pathname: `/${name}` }).href, { max: 1 });
    const applied = await own`select hash from drizzle.__drizzle_migrations`;
    const faults = await invariantFaults(own);
    const [accounts] = await own`select count(*)::int as count from accounts`;
    await own.end();
    const missed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') continue;
      outcome.value.kill('SIGTERM');
      const { code } = await outcome.value.ended;
      if (code !== 0) missed.push(`ended with ${code}`);
    }
    await sql`drop database ${sql(name)} with (force)`;
    const isOnce = new Set(applied.map(({ hash }) => hash)).size === applied.length && applied.length > 0;
    if (!isOnce) missed.push(`${applied.length} migrations applied`);
    if (accounts?.count !== declared().accounts.length) missed.push(`${accounts?.count} accounts`);
    return [...missed, ...faults];
  }

  anyInstance(): ServiceProcess {
    const instance = this.instances[Math.floor(this.chance() * this.instances.length)];
    if (instance === undefined) throw new Error('no instance runs');
    return instance;
  }

  /**
   * Lets people call while something goes wrong, and for a while after; then everything is held against the books.
   *
   * @param happen the fault, over when it resolves; it may say what else was missed.
   */
  async endure(fault: string, happen: () => Promise<readonly string[] | undefined> | Promise<void>): Promise<Figures> {
    const ids = this.#parties.map(({ sessionId }) => sessionId);
    const before = await counted(this.server.sql, ids);
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const load = this.#load(fault.replaceAll(/\W+/g, '-'));
    await sleep(1_000);
    const missed = [...((await happen()) ?? [])];
    const healed = performance.now();
    const recoverySeconds = await this.#recovery(load, healed);
    await sleep(1_000);
    const ledger = await load.end();
    lag.disable();
    const lagMs = Math.round(lag.max / 1e6);
    missed.push(...ledger.wrongs, ...this.#unexpected.splice(0));
    missed.push(...(await this.#leftovers()));

    if (this.#vault === null) throw new Error('the house is not open');
    const found = await judge(this.server.sql, this.#vault, ledger);
    const doubled = [...found.doubled];
    const lost = [...found.lost];
    const after = await counted(this.server.sql, ids);
    for (const [i, expected] of (await expectedCount(this.server.sql, ledger)).entries()) {
      const gained = (after[i] ?? 0) - (before[i] ?? 0);
      const what = `${['legs', 'billed seconds', 'money'][i]}: ${gained}, not ${expected}`;
      if (gained > expected) doubled.push(what);
      if (gained < expected) lost.push(what);
    }
    const crowd = crowdedness();
    if (recoverySeconds * 1000 > RECOVERY_MS * crowd) missed.push(`recovery took ${recoverySeconds.toFixed(1)} s`);
    if (ledger.longestAnswerMs > ANSWER_MS + 2 * lagMs)
      missed.push(`an answer took ${Math.round(ledger.longestAnswerMs)} ms`);
    if (!(found.acknowledged > 0)) missed.push('nothing was acknowledged');
    const figures: Figures = {
      fault,
      acknowledged: found.acknowledged,
      refused: found.refused,
      unknown: found.unknown,
      lost: lost.length,
      doubled: doubled.length,
      halfDone: found.halves.length,
      apologies: ledger.apologies,
      longestAnswerMs: Math.round(ledger.longestAnswerMs),
      lagMs,
      crowd,
      recoverySeconds,
      missed: [...missed, ...lost.slice(0, 5), ...doubled.slice(0, 5), ...found.halves],
    };
    this.figures.push(figures);
    return figures;
  }

  /** Until every instance is ready, and somebody is connected. */
  async #recovery(load: Load, healed: number): Promise<number> {
    const isBack = async () => {
      const ready = await Promise.all(this.instances.map(({ url }) => healthOf(url, 'ready')));
      return ready.every((status) => status === 200) && load.lastConnected > healed;
    };
    while (!(await isBack())) {
      if (performance.now() - healed > 6 * RECOVERY_MS) break;
      await sleep(20);
    }
    return (performance.now() - healed) / 1000;
  }

  /** What is still there when nobody asks for anything any more. */
  async #leftovers(): Promise<string[]> {
    const until = Date.now() + STUCK_MS;
    for (;;) {
      const left = await this.#left();
      if (left.length === 0 || Date.now() > until) return left;
      await sleep(100);
    }
  }

  async #left(): Promise<string[]> {
    const [row] = await this.server.sql<{ stuck: number; idle: number; open: number }[]>`
      select count(*) filter (where state = 'active' and query_start < now() - interval '1 second')::int as stuck,
        count(*) filter (where state like 'idle in transaction%')::int as idle, count(*)::int as open
      from pg_stat_activity where application_name = 'bauta'`;
    const most = this.instances.length * CONNECTIONS_OF_AN_INSTANCE;
    return [
      ...(row?.stuck === 0 ? [] : [`${row?.stuck} statements are stuck`]),
      ...(row?.idle === 0 ? [] : [`${row?.idle} connections idle in a transaction`]),
      ...((row?.open ?? 0) <= most ? [] : [`${row?.open} connections of at most ${most}`]),
      ...(this.line.open() <= most ? [] : [`the service holds ${this.line.open()} connections of at most ${most}`]),
    ];
  }

  /** When all is over: every callback that was ever booked has arrived. @returns what is missed. */
  async callbacks(): Promise<{ booked: number; lost: number; duplicates: number; missed: string[] }> {
    const { sql } = this.server;
    const until = Date.now() + CALLBACKS_MS;
    const pending = async () => (await sql`select from callbacks where state <> 'delivered' limit 1`).length;
    while ((await pending()) > 0 && Date.now() < until) await sleep(200);
    const rows = await sql<{ id: string; state: string }[]>`select id, state from callbacks`;
    const lost = rows.filter(({ id }) => !this.#received.has(id)).length;
    const undelivered = rows.filter(({ state }) => state !== 'delivered').length;
    const known = new Set(rows.map(({ id }) => id));
    const invented = [...this.#received.keys()].filter((id) => !known.has(id)).length;
    return {
      booked: rows.length,
      lost,
      duplicates: this.#duplicates,
      missed: [
        ...(lost > 0 ? [`${lost} callbacks lost`] : []),
        ...(undelivered > 0 ? [`${undelivered} callbacks not delivered`] : []),
        ...(invented > 0 ? [`${invented} callbacks of nothing`] : []),
        ...(this.#altered > 0 ? [`${this.#altered} callbacks said something else the second time`] : []),
      ],
    };
  }
}

/** With the keys that the service has made in its database. */
async function vaultOf(databaseUrl: string): Promise<Vault> {
  const db = connect(databaseUrl, { connections: 1, statementTimeoutMs: STUCK_MS });
  const keys = await prepareKeys(db, { current: MASTER_KEY, previous: null });
  await disconnect(db, 1);
  if (keys === null) throw new Error('the service has sealed its keys with another master key');
  return openVault(keys);
}
