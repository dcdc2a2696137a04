import { eq } from 'drizzle-orm';
import { DrizzleQueryError } from 'drizzle-orm/errors';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog, describeError } from '../src/log.ts';
import { connect, type Db, disconnect } from '../src/store/connect.ts';
import { sessions } from '../src/store/schema.ts';
import { freshDatabase } from './database.ts';

const PHONE = '+905327736100';
const PIN = '836450000001';
const TOKEN = 'a-token-of-letters-only';
const MARKED = [PHONE.slice(1), PIN, TOKEN];

let database: Awaited<ReturnType<typeof freshDatabase>>;
let db: Db;
let telling: postgres.Sql;
beforeAll(async () => {
  database = await freshDatabase();
  db = connect(database.url, { connections: 1, statementTimeoutMs: 5_000 });
  // As the driver is where somebody asks it to tell everything.
  telling = postgres(database.url, { max: 1, onnotice: () => {}, debug: () => {} });
});
afterAll(async () => {
  await disconnect(db, 1);
  await telling.end();
  await database.drop();
});

async function errorOf(work: () => PromiseLike<unknown>): Promise<Error> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing failed');
}

/** All that an error has on it, at any depth. */
function whole(error: Error): string {
  const { cause } = error;
  const own = Object.getOwnPropertyNames(error).map((name) => String(Reflect.get(error, name)));
  return [...own, cause instanceof Error ? whole(cause) : ''].join('\n');
}

function logged(error: unknown): string {
  const lines: string[] = [];
  const log = createLog('trace', { write: (line: string) => void lines.push(line) });
  log.error({ err: error }, 'request.failed');
  log.child({ reqId: '1' }).warn({ err: error }, 'job.failed');
  return lines.join('');
}

const failures: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  'a parameter of the wrong form': () => telling`select ${TOKEN}::text::uuid, ${PHONE}::text, ${PIN}::text`,
  'a text that is no number': () => telling`select ${`${TOKEN} ${PIN}`}::text::int, ${PHONE}::text`,
  'a text that is no JSON': () => telling`select ${`${TOKEN} ${PHONE}`}::text::json, ${PIN}::text`,
  'a unique key': async () => {
    await telling`create temporary table if not exists once (phone text unique, pin text, token text)`;
    for (const _ of [1, 2]) await telling`insert into once values (${PHONE}, ${PIN}, ${TOKEN})`;
  },
  'a check': async () => {
    await telling`create temporary table if not exists checked (phone text check (phone = ''), pin text, token text)`;
    await telling`insert into checked values (${PHONE}, ${PIN}, ${TOKEN})`;
  },
};

describe('an error of the driver, as the log has it', () => {
  test.each(Object.keys(failures))('keeps nothing of the values of %s', async (name) => {
    const error = await errorOf(failures[name] ?? (() => Promise.resolve()));
    expect(MARKED.some((one) => whole(error).includes(one))).toBe(true);
    const text = logged(error);
    expect(text).toMatch(/"code":"\d\w{4}"/);
    expect(MARKED.filter((one) => text.includes(one))).toEqual([]);
    expect(text).not.toMatch(/"(parameters|query|detail|params|hint|where|args)"/);
  });

  test('keeps nothing of what the ORM says of a statement of its own', async () => {
    await telling`alter table sessions rename to elsewhere`;
    const error = await errorOf(() =>
      db.orm
        .select()
        .from(sessions)
        .where(eq(sessions.callbackUrl, `${PHONE} ${PIN} ${TOKEN}`)),
    );
    await telling`alter table elsewhere rename to sessions`;
    expect(whole(error)).toContain(PHONE);
    expect(MARKED.filter((one) => logged(error).includes(one))).toEqual([]);
  });

  test('keeps nothing of an error of the ORM around it, nor of any that is a cause of another', async () => {
    const driver = await errorOf(failures['a unique key'] ?? (() => Promise.resolve()));
    const orm = new DrizzleQueryError(`select ${TOKEN}`, [PHONE, PIN], driver);
    const alone = new DrizzleQueryError(`select ${TOKEN}`, [PHONE, PIN]);
    for (const error of [
      alone,
      orm,
      new Error(`no ${PHONE}`, { cause: orm }),
      new AggregateError([driver, orm], PIN),
      PHONE,
      { PHONE },
    ]) {
      expect(MARKED.filter((one) => logged(error).includes(one))).toEqual([]);
    }
    expect(describeError(new Error('no', { cause: orm }))).toMatchObject({
      code: '23505',
      constraint: 'once_phone_key',
    });
  });
});
