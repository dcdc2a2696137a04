import postgres from 'postgres';
import { freshDatabase } from '../database.ts';

/** What is in each table of a database: its rows as one JSON array. */
export type Backup = ReadonlyMap<string, string>;

/** @param byteaOutput how bytes are written: in hex, or as the characters that they are. */
export async function backUp(databaseUrl: string, byteaOutput: 'hex' | 'escape' = 'hex'): Promise<Backup> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`set bytea_output = '${byteaOutput}'`);
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`;
  const backup = new Map<string, string>();
  for (const { name } of tables) {
    const [row] = await sql<{ rows: string }[]>`
      select coalesce(json_agg(t)::text, '[]') as rows from ${sql(name)} t`;
    backup.set(name, row?.rows ?? '');
  }
  await sql.end();
  return backup;
}

/** A database of the test's own with what was backed up. */
export async function restore(backup: Backup) {
  const database = await freshDatabase();
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  await sql`set session_replication_role = replica`; // rows come in any order
  for (const [name, rows] of backup) {
    const columns = await sql<{ name: string }[]>`
      select attname as name from pg_attribute
      where attrelid = ${name}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`;
    const names = sql(columns.map((column) => column.name));
    await sql`
      insert into ${sql(name)} (${names}) overriding system value
      select ${names} from json_populate_recordset(null::${sql(name)}, ${rows}::text::json)`;
    await sql`
      select setval(pg_get_serial_sequence(${name}, attname), (select count(*) + 1000000 from ${sql(name)}))
      from pg_attribute where attrelid = ${name}::regclass and attidentity <> ''`;
  }
  await sql.end();
  return database;
}
