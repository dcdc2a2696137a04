import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import { connect, disconnect } from '../../src/store/connect.ts';
import { freshDatabase } from '../database.ts';

const database = await freshDatabase();
const db = connect(database.url, { connections: 2, statementTimeoutMs: 5_000 });
afterAll(async () => {
  await disconnect(db, 1);
  await database.drop();
});

describe('arrays', () => {
  it('of texts and whole numbers come back from the database as they went', async () => {
    const text = fc.string({ unit: 'binary' }).filter((s) => !s.includes('\0') && s.isWellFormed());
    const odd = fc.constantFrom('', 'null', 'NULL', '{}', '"', '\\', 'a,b', ' a ', '\n', "'", '\\"');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(text, odd)),
        fc.array(fc.integer({ min: -1e9, max: 1e9 })),
        async (texts, numbers) => {
          const [row] = await db.sql`select ${texts}::text[] as texts, ${numbers}::int[] as numbers`;
          expect(row).toEqual({ texts, numbers });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of ids are taken, and a null among texts', async () => {
    const id = '4f6c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';
    const [row] =
      await db.sql`select ${[id]}::uuid[] as ids, (${['a', null] as string[]}::text[])[2] is null as nothing`;
    expect(row).toEqual({ ids: [id], nothing: true });
  });
});

it('a new connection asks the server about no types', async () => {
  const sent: string[] = [];
  const watched = postgres(database.url, {
    ...{ max: 1, onnotice: () => {}, fetch_types: db.sql.options.fetch_types },
    debug: (_connection, query) => void sent.push(query),
  });
  await watched`select 1`;
  await watched.end();
  expect(sent.filter((query) => query.includes('pg_type'))).toEqual([]);
});
