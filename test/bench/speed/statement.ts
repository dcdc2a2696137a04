import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';

const CONNECTIONS = 16;

/** What a create cannot do without: one statement that writes a session and two parties, upon their primary keys. */
const STATEMENT = (first: string, second: string, number: string) => `
  with place as (select gen_random_uuid() as id, ${number}::int as number),
  made as (
    insert into bare_sessions (id, account_id, number, first_cipher, second_cipher, settings, created_at, expires_at)
    select id, 'MAAAAAAAAAAAAAAAAAAA', number, sha256(${first}::text::bytea), sha256(${second}::text::bytea),
      '{"ringTimeoutSeconds": 45, "callTimeLimitSeconds": 14400, "record": false}', now(), now() + interval '30 minutes' from place
    returning id, number
  )
  insert into bare_parties (number, party_digest, session_id, side, held_until)
  select number, d.digest, id, d.side, now() + interval '30 minutes'
  from made, (values (sha256(${first}::text::bytea), 'first'), (sha256(${second}::text::bytea), 'second')) d(digest, side)`;

/** The bare statement that a create is held against. */
export class BareStatement {
  readonly by: 'pgbench' | 'postgres.js';
  readonly #url: string;
  readonly #script = path.join(tmpdir(), `bauta-bench-${process.pid}.sql`);

  private constructor(url: string) {
    this.#url = url;
    this.by = spawnSync('pgbench', ['--version']).status === 0 ? 'pgbench' : 'postgres.js';
  }

  static async prepare(sql: postgres.Sql, url: string): Promise<BareStatement> {
    await sql`
      create table bare_sessions (id uuid primary key, account_id text, number int, first_cipher bytea, second_cipher bytea,
        settings jsonb, created_at timestamptz, expires_at timestamptz)`;
    await sql`
      create table bare_parties (number int, party_digest bytea, session_id uuid, side text, held_until timestamptz,
        primary key (number, party_digest))`;
    const bare = new BareStatement(url);
    const random = ['first', 'second'].map((name) => `\\set ${name} random(1, 1000000000000)`).join('\n');
    writeFileSync(
      bare.#script,
      `${random}\n\\set number random(1, 100)\n${STATEMENT(':first', ':second', ':number')};\n`,
    );
    return bare;
  }

  /** @returns how many a second are committed over 16 connections. */
  async rate(seconds: number): Promise<number> {
    if (this.by === 'postgres.js') return this.#loop(seconds);
    const how = ['-n', '-M', 'prepared', '-c', `${CONNECTIONS}`, '-j', '2', '-T', `${Math.ceil(seconds)}`];
    const said = execFileSync('pgbench', [...how, '-f', this.#script, this.#url], { encoding: 'utf8', stdio: 'pipe' });
    const rate = Number(/tps = ([\d.]+)/.exec(said)?.[1]);
    if (!(rate > 0)) throw new Error(`pgbench said: ${said}`);
    return rate;
  }

  async #loop(seconds: number): Promise<number> {
    const sql = postgres(this.#url, { max: CONNECTIONS });
    const text = STATEMENT('$1', '$2', '$3');
    const random = () => String(Math.floor(Math.random() * 1e12));
    const began = performance.now();
    let done = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (; performance.now() - began < seconds * 1000; done++) {
          await sql.unsafe(text, [random(), random(), String(done % 100)], { prepare: true });
        }
      }),
    );
    const elapsed = (performance.now() - began) / 1000;
    await sql.end();
    return done / elapsed;
  }
}
