import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { connect, type Db, disconnect } from '../../src/store/connect.ts';
import { builtService } from '../built.ts';
import { freshDatabase } from '../database.ts';
import { type Bouncer, bouncerFolder, goThrough, SERVER_CONNECTIONS, startBouncer } from '../support/pgbouncer.ts';
import { emptyDatabase, killAll, startProcess } from '../support/process.ts';
import { api, makeSession, SESSIONS, startService } from '../support/service.ts';

const MASTER_KEY = 'ab'.repeat(32);
const [, ini = ''] = /```ini\n(\[databases\][^`]*)```/.exec(readFileSync('README.md', 'utf8')) ?? [];

let bouncer: Bouncer;

// Stories of every kind: of one instance and of two, of whole calls, and of fifty guesses in the same moment.
const STORIES = {
  'known-caller': () => import('./known-caller.test.ts'),
  'pin-race': () => import('./pin-race.test.ts'),
  'told-call': () => import('./told-call.test.ts'),
  'whole-calls': () => import('./whole-calls.test.ts'),
};

const title = `through a PgBouncer in transaction mode${bouncerFolder ? '' : ' (skipped: no pgbouncer is installed)'}`;
describe.skipIf(bouncerFolder === null)(title, () => {
  beforeAll(async () => {
    bouncer = await startBouncer(inject('adminUrl'), ini);
  });
  afterAll(async () => {
    await killAll();
    await bouncer.stop();
  });

  describe('this is told as ever:', () => {
    beforeAll(() => goThrough(bouncer, inject('adminUrl')));
    afterAll(() => goThrough(null, inject('adminUrl')));

    for (const [name, story] of Object.entries(STORIES)) {
      describe(name, async () => {
        await story();
      });
    }

    it('all of it went through the pooler, and so do more connections than PostgreSQL sees', async () => {
      const told = (await bouncer.show('stats')).filter(({ database }) => String(database).startsWith('test_'));
      expect(told.length).toBeGreaterThanOrEqual(Object.keys(STORIES).length);
      for (const { total_xact_count: count } of told) expect(Number(count)).toBeGreaterThan(10);

      const service = await startService();
      const name = new URL(service.databaseUrl).pathname.slice(1);
      const direct = postgres(service.databaseUrl, { max: 1 });
      try {
        const wish = (i: number) => ({ first_party: `+1202555${1000 + i}`, second_party: `+1202555${3000 + i}` });
        await Promise.all(Array.from({ length: 100 }, (_, i) => makeSession(service, wish(i))));
        expect((await api(service, 'GET', SESSIONS)).status).toBe(200);
        const clients = (await bouncer.show('clients')).filter(({ database }) => database === name);
        expect(clients.length).toBeGreaterThan(SERVER_CONNECTIONS);
        const seen = await direct`
          select 1 from pg_stat_activity where datname = current_database() and application_name = 'bauta'`;
        expect(seen.length).toBeGreaterThan(0);
        expect(seen.length).toBeLessThanOrEqual(SERVER_CONNECTIONS);
      } finally {
        await direct.end();
        await service.close();
      }
    });
  });

  describe('a pool', () => {
    let database: Awaited<ReturnType<typeof freshDatabase>>;
    let direct: postgres.Sql;
    let db: Db;
    const open = (statementTimeoutMs: number) =>
      connect(bouncer.url(database.url), { connections: 2 * SERVER_CONNECTIONS, statementTimeoutMs, isPooled: true });
    beforeAll(async () => {
      database = await freshDatabase();
      direct = postgres(database.url, { max: 1 });
    });
    afterEach(() => disconnect(db, 1));
    afterAll(async () => {
      await direct.end();
      await database.drop();
    });
    const sleepers = async () =>
      (
        await direct`select 1 from pg_stat_activity where datname = current_database() and query like '%pg_sleep%'
        and state = 'active' and pid <> pg_backend_pid()`
      ).length;

    it('has the timeouts that PgBouncer gives, and leaves nothing behind on its connections', async () => {
      db = open(5_000);
      const look = () => db.sql`
        select current_setting('statement_timeout') || current_setting('lock_timeout')
          || current_setting('idle_in_transaction_session_timeout') as timeouts,
          (select count(*)::int from pg_prepared_statements) as prepared, pg_sleep(${0.05})`;
      const seen = (await Promise.all(Array.from({ length: 20 }, look))).flat();
      expect(new Set(seen.map(({ timeouts, prepared }) => `${timeouts} ${prepared}`))).toEqual(new Set(['5s1s5s 0']));
    });

    it('has PostgreSQL end what its caller waits for no longer, and never begin what waited for its turn', async () => {
      const slow = open(30_000);
      db = open(200);
      await direct`create table late (n int)`;
      const abandoned = db.sql`select pg_sleep(${60})`;
      await expect(abandoned).rejects.toMatchObject({ code: 'STATEMENT_LATE' });
      // Long before the server's own timeout.
      await expect.poll(sleepers, { timeout: 3_000 }).toBe(0);

      const busy = Array.from({ length: SERVER_CONNECTIONS }, () => slow.sql`select pg_sleep(${2})`);
      const done = Promise.all(busy);
      await expect.poll(sleepers).toBe(SERVER_CONNECTIONS);
      await expect(db.sql`insert into late values (${1})`).rejects.toMatchObject({ code: 'STATEMENT_LATE' });
      await expect(db.sql`insert into late values (2)`).rejects.toMatchObject({ code: 'STATEMENT_LATE' });
      await done;
      // Whoever came after them is served, so their turn would have come.
      await Promise.all(Array.from({ length: 10 }, () => slow.sql`select pg_sleep(${0.05})`));
      expect(await direct`select n from late`).toEqual([]);
      await disconnect(slow, 1);
    });
  });

  describe('the service as it ships', () => {
    it('says which setting it lacks, and leaves no lock behind; with it, it prepares an empty database and works', async () => {
      const database = await emptyDatabase();
      try {
        const DATABASE_URL = bouncer.url(database.url);
        const refused = await startProcess({ DATABASE_URL, MASTER_KEY });
        expect(await refused.ended).toMatchObject({ code: 1 });
        expect(refused.stderr()).toMatch(/^DATABASE_URL: refused \(08P01\)\..* DATABASE_DIRECT_URL .*\n$/);
        const locks = await database.sql`
          select 1 from pg_locks l join pg_database d on d.oid = l.database
          where l.locktype = 'advisory' and d.datname = current_database()`;
        expect(locks).toEqual([]);

        const settings = { DATABASE_URL, DATABASE_DIRECT_URL: database.url, MASTER_KEY };
        const service = await (await startProcess(settings)).ready();
        const [, id = '', token = ''] = /auth id +(\S+)\s+auth token +(\S+)/.exec(service.stdout()) ?? [];
        const wish = { first_party: '+12025550001', second_party: '+12025550002' };
        const made = await api(service, 'POST', `/v1/Account/${id}/Masking/Session/`, wish, { id, token });
        expect(made.status).toBe(201);
        const check = [path.join(builtService(), 'check-invariants.js')];
        const { stdout } = await promisify(execFile)(process.execPath, check, { env: settings });
        expect(stdout).toBe('All invariants hold.\n');
        service.kill('SIGTERM');
        expect(await service.ended).toMatchObject({ code: 0 });
      } finally {
        await database.drop();
      }
    });
  });
});
