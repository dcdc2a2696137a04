import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../database.ts';

const DUMP = 'drizzle/schema.sql';
const database = await freshDatabase();
const sql = postgres(database.url, { max: 1, onnotice: () => {} });

afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** What the migrations really make, as PostgreSQL itself describes it. */
async function dump(): Promise<string> {
  const tables = await sql<{ name: string; kind: string }[]>`
    select relname as name, case relpersistence when 'u' then 'unlogged table' else 'table' end as kind from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`;
  const parts: string[] = [];
  for (const { name, kind } of tables) {
    const columns = await sql<{ line: string }[]>`
      select a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attidentity = 'a' then ' generated always as identity' else '' end
        || case when a.attgenerated = 's' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
           when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end
        || case when a.attnotnull then ' not null' else '' end as line
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = ${name}::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`;
    const constraints = await sql<{ line: string }[]>`
      select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) as line
      from pg_constraint where conrelid = ${name}::regclass and contype <> 'n' order by conname`;
    const lines = [...columns, ...constraints].map(({ line }) => `  ${line}`);
    parts.push(`create ${kind} ${name} (\n${lines.join(',\n')}\n);`);
    const indexes = await sql<{ line: string }[]>`
      select pg_get_indexdef(indexrelid) || ';' as line from pg_index
      where indrelid = ${name}::regclass and not exists (select from pg_constraint c where c.conindid = indexrelid)
      order by indexrelid::regclass::text`;
    parts.push(...indexes.map(({ line }) => line));
  }
  const triggers = await sql<{ line: string }[]>`
    select pg_get_triggerdef(oid) || ';' as line from pg_trigger where not tgisinternal order by tgname`;
  const functions = await sql<{ line: string }[]>`
    select pg_get_functiondef(oid) || ';' as line from pg_proc where pronamespace = 'public'::regnamespace order by proname`;
  return `-- What the migrations make. Written by \`npm run schema\`; a difference fails the check.\n\n${[
    ...parts,
    ...functions.map(({ line }) => line),
    ...triggers.map(({ line }) => line),
  ].join('\n\n')}\n`;
}

describe('the database schema', () => {
  it('is the one that is committed in drizzle/schema.sql', async () => {
    const made = await dump();
    if (process.env.WRITE_SCHEMA === 'true') writeFileSync(DUMP, made);
    expect(readFileSync(DUMP, 'utf8')).toBe(made);
  });

  it('is the one that src/store/schema.ts describes: no migration is missing', () => {
    const output = execFileSync('node_modules/.bin/drizzle-kit', ['generate', '--name', 'drift'], { encoding: 'utf8' });
    expect(output).toContain('No schema changes');
  });
});
