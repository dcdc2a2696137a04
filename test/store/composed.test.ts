import fc from 'fast-check';
import type postgres from 'postgres';
import { afterAll, expect, it } from 'vitest';
import { connect, disconnect } from '../../src/store/connect.ts';
import { freshDatabase } from '../database.ts';

const database = await freshDatabase();
const db = connect(database.url, { connections: 1, statementTimeoutMs: 5_000 });
const { sql } = db;
afterAll(async () => {
  await disconnect(db, 1);
  await database.drop();
});

type Tree = number | readonly Tree[];

/** Parts within parts, and lists of parts, which together are one array. */
function partOf(tree: Tree): postgres.Fragment {
  if (typeof tree === 'number') return sql`|| ${tree}::int`;
  const [first = sql``, ...rest] = tree.map(partOf);
  if (rest.length === 0) return sql`${first}`;
  return tree.length % 2 === 0 ? sql`|| (array[]::int[] ${[first, ...rest]})` : sql`${first} ${rest}`;
}

const leaves = (tree: Tree): readonly number[] => (typeof tree === 'number' ? [tree] : tree.flatMap(leaves));

it('keeps the values of all its parts in their order, whatever stands in what', async () => {
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, fc.nat({ max: 1e6 }), fc.array(tie('tree'), { minLength: 1, maxLength: 5 })),
  }));
  await fc.assert(
    fc.asyncProperty(tree, async (wanted) => {
      const [row] = await sql<{ got: number[] }[]>`select array[]::int[] ${partOf(wanted)} as got`;
      expect(row?.got).toEqual(leaves(wanted));
    }),
    { numRuns: 100 },
  );
});

it('takes names, texts and helpers of the driver as well', async () => {
  const column = sql('na"me');
  expect(await sql`select ${column} from (values (1)) t(${column})`).toEqual([{ 'na"me': 1 }]);
  const text = sql.unsafe("'$1 ' || 'two'");
  expect(await sql`select ${text} as text, ${3}::int as three`).toEqual([{ text: '$1 two', three: 3 }]);
  const part = sql`select n from (values (1), (2), (3)) v(n) where n in ${sql([1, 3])} and n < ${9}::int`;
  expect(await sql`select array(${part}) as some`).toEqual([{ some: [1, 3] }]);
  expect(await sql.unsafe('select 1 as one; select 2 as two').simple()).toEqual([[{ one: 1 }], [{ two: 2 }]]);
});

it('is prepared once, with values and without', async () => {
  const prepared = async () => {
    const rows = await sql<{ count: number }[]>`select count(*)::int as count from pg_prepared_statements`;
    return rows[0]?.count ?? 0;
  };
  await prepared();
  const before = await prepared();
  for (let i = 0; i < 3; i++) {
    await sql`select 'nothing that changes' as it`;
    await sql`select ${i}::int ${sql`+ ${i}::int`} as twice`;
  }
  expect(await prepared()).toBe(before + 2);
});

it('refuses a value that is not defined, before anything is sent', async () => {
  await expect(sql`select ${undefined as never}::int ${sql`+ 1`}`).rejects.toMatchObject({ code: 'UNDEFINED_VALUE' });
  await expect(sql`select ${sql`${undefined as never}::int`}`).rejects.toMatchObject({ code: 'UNDEFINED_VALUE' });
});

it('is sent once, when somebody waits for it', async () => {
  await sql`create temporary table seen (n int)`;
  const insert = sql`insert into seen values (1)`;
  const count = async () => (await sql`select count(*)::int as count from seen`)[0]?.count;
  expect(await count()).toBe(0);
  await Promise.all([insert, insert]);
  await insert;
  expect(await count()).toBe(1);
});
