// A process that owns an embedded PostgreSQL, for tests that kill it or run it as somebody else:
//   node embedded-child.mjs <compiled embedded.js> <once|insert|hold> <options as JSON>
// It writes one JSON value per line, the last one { failed } where it could not start.
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';

const [, , moduleFile, deed, options] = process.argv;
const { startEmbedded } = await import(pathToFileURL(moduleFile).href);

// Heeded before anything is said, since Ctrl-C may follow at once.
const interrupted = deed === 'hold' && new Promise((resolve) => process.once('SIGINT', resolve));

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const deeds = {
  async once(server, sql) {
    await sql.end();
    await server.stop();
  },

  /** Says the number of each row that the database has acknowledged. */
  async insert(_server, sql) {
    await sql`create table if not exists kept (n int primary key)`;
    const [{ next }] = await sql`select coalesce(max(n), 0)::int + 1 as next from kept`;
    for (let n = next; ; n += 1) {
      await sql`insert into kept values (${n})`;
      say(n);
    }
  },

  /** On Ctrl-C finishes its work, as a service does, before it stops the database. */
  async hold(server, sql) {
    const alive = setInterval(() => {}, 1000);
    await interrupted;
    await new Promise((resolve) => setTimeout(resolve, 300));
    say({ drained: (await sql`select 1 as one`)[0].one });
    clearInterval(alive);
    await sql.end();
    await server.stop();
  },
};

try {
  const server = await startEmbedded(JSON.parse(options));
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const [row] = await sql`select current_setting('data_directory') as directory`;
  say({ pid: server.pid, url: server.url, directory: row.directory });
  await deeds[deed](server, sql);
} catch (error) {
  say({ failed: String(error) });
}
