import { setTimeout as sleep } from 'node:timers/promises';
import { eq } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Db, disconnect, isOutage } from '../../src/store/connect.ts';
import { accounts } from '../../src/store/schema.ts';
import { freshDatabase } from '../database.ts';
import { type Line, openLine } from '../fault/survival/line.ts';

const CONNECTIONS = 5;
const STATEMENT_MS = 1_000;
// Half a second more for the way there and back.
const LIMIT_MS = STATEMENT_MS + 300;
// A busy machine may notice late that a time is over.
const SLACK_MS = 1_000;

let database: Awaited<ReturnType<typeof freshDatabase>>;
let admin: postgres.Sql;
let line: Line;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase();
  admin = postgres(database.url, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

async function throughLine(): Promise<void> {
  line = await openLine(Number(new URL(database.url).port));
  const url = Object.assign(new URL(database.url), { hostname: '127.0.0.1', port: String(line.port) });
  db = connect(url.href, { connections: CONNECTIONS, statementTimeoutMs: STATEMENT_MS });
}
afterEach(async () => {
  await disconnect(db, 0);
  await line.close();
});

/** How long it took, and what came of it. */
async function outcome(statement: PromiseLike<unknown>): Promise<{ ms: number; error: unknown }> {
  const began = performance.now();
  const error = await statement.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { ms: performance.now() - began, error };
}

const backends = async () =>
  (await admin`select pid from pg_stat_activity where datname = current_database() and application_name = 'bauta'`)
    .length;

/** Every connection of the pool, at work at the same time. */
const allAtWork = () =>
  Promise.all(Array.from({ length: CONNECTIONS }, () => db.sql`select pg_backend_pid() as pid, pg_sleep(0.1)`));

describe('a pool', () => {
  it('frees everybody whose statement a dead link swallowed, waiting or under way, and is back to full size', async () => {
    await throughLine();
    await allAtWork();
    line.become('hole');
    const swallowed = Array.from({ length: 500 }, () => outcome(db.sql`select 1`));
    const outcomes = await Promise.all(swallowed);
    expect(outcomes.filter(({ error }) => !isOutage(error))).toEqual([]);
    expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(LIMIT_MS + SLACK_MS);
    line.become('fair');
    // Those that were connecting get their 3 s.
    const atWork = async () => new Set((await allAtWork().catch(() => [])).flat().map(({ pid }) => pid)).size;
    await expect.poll(atWork, { timeout: 8_000 }).toBe(CONNECTIONS);
    await expect.poll(backends).toBe(CONNECTIONS);
    // The dead ones were let go of.
    await expect.poll(() => line.open()).toBe(CONNECTIONS);
  });

  it('cuts off no connection on which a statement only began late', async () => {
    await throughLine();
    const before = new Set((await allAtWork()).flat().map(({ pid }) => pid));
    // Three rounds: the last ones wait for longer than the limit, and the server ends none of them.
    const slow = Array.from({ length: 5 * CONNECTIONS }, () => outcome(db.sql`select pg_sleep(0.6)`));
    const outcomes = await Promise.all(slow);
    expect(outcomes.filter(({ error }) => error !== null).length).toBeGreaterThan(0);
    await sleep(LIMIT_MS);
    const after = new Set((await allAtWork()).flat().map(({ pid }) => pid));
    expect(after).toEqual(before);
  });

  it('goes on at once when its backends are killed again and again, and keeps to its size', async () => {
    await throughLine();
    const until = Date.now() + 2_000;
    let done = 0;
    const longest: number[] = [];
    const people = Array.from({ length: 3 * CONNECTIONS }, async () => {
      while (Date.now() < until) {
        const { ms, error } = await outcome(db.sql`select pg_sleep(0.001)`);
        if (error !== null && !isOutage(error)) throw error;
        longest.push(ms);
        done += error === null ? 1 : 0;
      }
    });
    while (Date.now() < until) {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'bauta' order by random() limit 2`;
      await sleep(100);
    }
    await Promise.all(people);
    expect(done).toBeGreaterThan(0);
    expect(Math.max(...longest)).toBeLessThan(LIMIT_MS + SLACK_MS);
    const afterwards = await Promise.all(Array.from({ length: 4 * CONNECTIONS }, () => outcome(db.sql`select 1`)));
    expect(afterwards.filter(({ error }) => error !== null)).toEqual([]);
    expect(await backends()).toBeLessThanOrEqual(CONNECTIONS);
  });

  it('gives drizzle and fragments what the driver gives them', async () => {
    await throughLine();
    const { sql, orm } = db;
    const part = sql`select ${1}::int as a`;
    const whole = sql`select * from (${part}) x, (select ${sql.unsafe('2')} as b) y where ${sql('a')} in ${sql([1, 2])}`;
    expect([...(await whole)]).toEqual([{ a: 1, b: 2 }]);
    expect(await orm.select().from(accounts).where(eq(accounts.id, 'nobody'))).toEqual([]);
    // As drizzle has it, in every client: text, not a Date.
    const [row] = await orm.execute<{ at: string }>('select now() as at');
    expect(typeof row?.at).toBe('string');
    await expect(sql`select 1 / 0`).rejects.toMatchObject({ code: '22012' });
  });

  it('that has ended refuses', async () => {
    await throughLine();
    await allAtWork();
    await disconnect(db, 1);
    await expect(db.sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_ENDED' });
    await expect.poll(backends).toBe(0);
  });
});

// A disk that is full, a name that is not resolved during a failover, and the like.
it.each(['53100', '53200', '53300', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'STATEMENT_LATE'])(
  'a statement that failed with %s says nothing about the request',
  (code) => {
    expect(isOutage(Object.assign(new Error(), { code }))).toBe(true);
    expect(isOutage(new Error('drizzle', { cause: Object.assign(new Error(), { code }) }))).toBe(true);
  },
);

it.each(['23505', '22P02', '42601', 'EACCES'])('one that failed with %s does', (code) => {
  expect(isOutage(Object.assign(new Error(), { code }))).toBe(false);
});
