import { sql as part } from 'drizzle-orm';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { connect, disconnect } from '../../src/store/connect.ts';
import { freshDatabase } from '../database.ts';

const told: (string | number)[] = [];
const watch = {
  began: () => told.push('began'),
  ended: (seconds: number, error: unknown) => {
    told.push(error === null ? 'done' : ((error as { code?: string }).code ?? 'failed'));
    lengths.push(seconds);
  },
};
const lengths: number[] = [];
const database = await freshDatabase();
const db = connect(database.url, { connections: 1, statementTimeoutMs: 5_000, watch });
const { sql } = db;

beforeEach(() => {
  told.length = 0;
  lengths.length = 0;
});
afterAll(async () => {
  await disconnect(db, 1);
  await database.drop();
});

test('each statement is told of once, whoever waits for it and how often', async () => {
  const statement = sql`select 1 as one`;
  expect(told).toEqual([]);
  expect([await statement, await Promise.race([statement])]).toEqual([[{ one: 1 }], [{ one: 1 }]]);
  expect(told).toEqual(['began', 'done']);
});

test('parts of a statement are none, and statements that are put together are', async () => {
  const one = sql`1`;
  await sql`select ${one} + ${one} as two`;
  await db.orm.execute(part`select ${2}::int as two`);
  await sql.unsafe('select 3');
  expect(told).toEqual(['began', 'done', 'began', 'done', 'began', 'done']);
});

test('a failure is told with its error, and reaches whoever waits', async () => {
  await expect(sql`select 1 / 0`).rejects.toThrow('division by zero');
  await sql`select 1 / 0`.catch(() => {});
  await sql`select 1`.finally(() => {});
  expect(told).toEqual(['began', '22012', 'began', '22012', 'began', 'done']);
});

test('the wait for a connection is part of its time', async () => {
  await Promise.all([sql`select pg_sleep(0.15)`, sql`select pg_sleep(0.15)`]);
  expect(told).toEqual(['began', 'began', 'done', 'done']);
  expect(lengths[0]).toBeGreaterThan(0.14);
  expect(lengths[1]).toBeGreaterThan(0.29);
  expect(lengths[1]).toBeLessThan(5);
});
