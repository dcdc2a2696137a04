import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freshDatabase } from '../database.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { killAll, makeHome, startProcess } from '../support/process.ts';
import { declared, MAIN } from '../support/service.ts';

const QUEUED = 10_000;
const OTHERS = 10;
const ROUNDS = 40;
const ROUND_MS = 200;
const EACH = 2;

const home = makeHome();
const arrivedAt = new Map<string, number>();
let database: Awaited<ReturnType<typeof freshDatabase>>;
let sql: postgres.Sql;
let hole: { server: Server; url: string; connections: number };
let others: Receiver[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
  const server = createServer((socket) => {
    hole.connections++;
    socket.on('error', () => {}).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  hole = { server, url: `http://127.0.0.1:${Object(address).port}/`, connections: 0 };
  others = await Promise.all(
    Array.from({ length: OTHERS }, () =>
      receiver((request, response) => {
        arrivedAt.set(String(request.headers['webhook-id']), Date.now());
        response.end();
      }),
    ),
  );
  writeFileSync(path.join(home.directory, 'bootstrap.json'), JSON.stringify(declared()));
});
afterAll(async () => {
  await killAll();
  hole.server.close();
  await Promise.all(others.map(({ close }) => close()));
  await sql.end();
  await database.drop();
  home.remove();
});

/** @returns the ids, and when they were booked. */
async function book(urls: readonly string[], each: number): Promise<[ids: string[], at: number]> {
  const rows = await sql<{ id: string }[]>`
    insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method)
    select gen_random_uuid()::text, ${MAIN.id}, gen_random_uuid(), v.id, 'SessionTimeout', 1, url, 'POST'
    from unnest(${[...urls]}::text[]) url, generate_series(1, ${each}),
      (select id from virtual_numbers where account_id = ${MAIN.id} limit 1) v
    returning id`;
  return [rows.map(({ id }) => id), Date.now()];
}

test('a receiver that takes connections and never answers, with 10 000 callbacks queued, keeps nobody else waiting', {
  timeout: 60_000,
}, async () => {
  const service = await startProcess({
    DATABASE_URL: database.url,
    DATA_DIR: path.join(home.directory, 'data'),
    MASTER_KEY: Buffer.alloc(32, 7).toString('hex'),
    BOOTSTRAP_FILE: path.join(home.directory, 'bootstrap.json'),
    CALLBACK_ALLOW_PRIVATE: 'true',
  });
  await service.ready();
  await book([hole.url], QUEUED);
  await vi.waitUntil(() => hole.connections > 0, { timeout: 10_000, interval: 20 });

  const bookedAt = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const [ids, at] = await book(
      others.map(({ url }) => url),
      EACH,
    );
    for (const id of ids) bookedAt.set(id, at);
    await sleep(ROUND_MS);
  }
  await vi.waitUntil(() => arrivedAt.size === bookedAt.size, { timeout: 10_000, interval: 20 });
  const lags = [...bookedAt].map(([id, at]) => (arrivedAt.get(id) ?? Number.NaN) - at).sort((a, b) => a - b);
  const p99 = lags[Math.floor(lags.length * 0.99)];
  process.stdout.write(`${lags.length} callbacks beside a black hole: p99 ${p99} ms, longest ${lags.at(-1)} ms\n`);
  expect(lags).toHaveLength(OTHERS * EACH * ROUNDS);
  expect(p99).toBeLessThan(2000);
  // All the while it was held on to, by its few places.
  const [row] = await sql`select count(*)::int as waiting from callbacks where url = ${hole.url} and state = 'pending'`;
  expect(row?.waiting).toBe(QUEUED);
  expect(hole.connections).toBeLessThan(20);
});
