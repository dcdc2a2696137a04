import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { it } from 'vitest';
import { GROUPINGS } from '../../src/core/totals.ts';
import { connect, type Db, disconnect } from '../../src/store/connect.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { foldTallies } from '../../src/store/tallies.ts';
import { readTotals } from '../../src/store/totals.ts';
import { ACCOUNT, fill, tallyAll } from './totals-fill.ts';

const SIZE = { sessions: Number(process.env.SESSIONS ?? 1_000_000), calls: Number(process.env.CALLS ?? 3_000_000) };
const RUNS = 9;
const HOUR = 3_600_000;

/** Prints how long totals over 30 days take, by every grouping. */
it('totals', async () => {
  const kept = process.env.BENCH_DIR;
  const folder = kept ?? (await mkdtemp(path.join(tmpdir(), 'bauta-bench-')));
  const server = await startEmbedded({ directory: path.join(folder, 'pg'), extraSettings: { max_wal_size: '4GB' } });
  const db = connect(server.url, { connections: 2, statementTimeoutMs: 3_600_000 });
  try {
    const [there] = await db.sql<{ name: string | null }[]>`select to_regclass('totals')::text as name`;
    if (!there?.name) await prepare(db, server.url);
    await measure(db);
  } finally {
    await disconnect(db, 1);
    await server.stop();
    if (kept === undefined) await rm(folder, { recursive: true, force: true });
  }
});

async function prepare(db: Db, url: string): Promise<void> {
  await migrate(url, async () => {});
  await timed(`${SIZE.sessions} sessions and ${SIZE.calls} calls written`, () => fill(db.sql, SIZE));
  await timed('tallied', () => tallyAll(db.sql));

  await timed('40 000 folded in batches of 4 000, as the job does', async () => {
    for (let left = 10; left > 0; left--) await foldTallies(db, 4000);
  });
  // The rest in great batches of the same statement; a thousand stay, as between two runs of the job.
  const [row] = await db.sql<{ n: number }[]>`select count(*)::int as n from tallies`;
  const rest = (row?.n ?? 0) - 1000;
  await timed(`${rest} more folded`, async () => {
    for (let left = rest; left > 0; ) left -= await foldTallies(db, Math.min(left, 250_000));
  });
  await timed('vacuumed', async () => {
    // It may have to wait for the server's own.
    const patient = postgres(url, { max: 1 });
    await patient`vacuum analyze`.simple();
    await patient.end();
  });
}

async function measure(db: Db): Promise<void> {
  const to = new Date(Math.ceil(Date.now() / HOUR) * HOUR);
  const range = { from: new Date(to.getTime() - 30 * 24 * HOUR), to };
  const scope = { accountId: ACCOUNT, subaccountId: null };
  const sizes = await db.sql`
    select relname, reltuples::bigint::text as rows, pg_size_pretty(pg_total_relation_size(oid)) as size from pg_class
    where relname in ('sessions', 'calls', 'totals', 'totals_by_value', 'tallies') order by relname`;
  for (const { relname, rows, size } of sizes) print(`${relname}: ${rows} rows, ${size}`);
  for (const limit of [100, 1000]) {
    for (const grouping of GROUPINGS) {
      const times: number[] = [];
      let shown = 0;
      for (let run = 0; run < RUNS; run++) {
        const start = performance.now();
        const { groups } = await readTotals(db, { scope, range, grouping, page: { limit, offset: 0 } });
        times.push(performance.now() - start);
        shown = groups.length;
      }
      const first = times[0] ?? 0;
      const sorted = times.sort((a, b) => a - b);
      const [least, median, most] = [sorted[0], sorted[Math.floor(RUNS / 2)], sorted[RUNS - 1]].map((ms) =>
        Math.round(ms ?? 0),
      );
      print(
        `${grouping} (${shown} groups): median ${median} ms, ${least}–${most} ms, the first ${Math.round(first)} ms`,
      );
    }
  }
}

async function timed(what: string, work: () => PromiseLike<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  print(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
