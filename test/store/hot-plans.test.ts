import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startDispatcher } from '../../src/service/callbacks.ts';
import { expireSessions } from '../../src/service/expiry.ts';
import { endDueSessions } from '../../src/store/session-changes.ts';
import { countWhatWasDone, entriesRead } from '../support/reads.ts';
import { openOutbox } from '../support/receiver-outbox.ts';
import { api, declared, MAIN, makeSession, SESSIONS, SUB, startService, type TestService } from '../support/service.ts';
import { endOfCall, plivoWebhook } from '../support/webhook-storm.ts';

// Beyond five times a connection may go over to a plan that fits any parameters.
const TIMES = 8;
const AT_ONCE = 16;
const HOT = ['sessions', 'leases', 'pins', 'calls', 'callbacks', 'callback_attempts'];
const NUMBERS = 700;

let service: TestService;
let sql: postgres.Sql;
beforeAll(async () => {
  service = await startService({
    bootstrap: declared({ us: NUMBERS, tr: 0 }),
    config: { publicUrl: 'https://bauta.example' },
  });
  sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
}, 60_000);
afterAll(async () => {
  await sql.end();
  await service.close();
});

const WITH_PIN = { is_pin_authentication_required: true, generate_pin: true, pin_prompt_play: 'https://app.example/a' };

let filling: Promise<void> | null = null;
const fill = () => {
  filling ??= fillTables();
  return filling;
};

/** 50 000 live sessions and as many calls that have ended, with digests of nobody. */
async function fillTables(): Promise<void> {
  // Until the test says so, nobody counts what came.
  for (const table of HOT) await sql`alter table ${sql(table)} set (autovacuum_enabled = false)`;
  await makeSession(service, { first_party: phone(), second_party: phone(), ...WITH_PIN });
  await sql`
    insert into sessions (id, account_id, virtual_number_id, first_party_digest, second_party_digest, pin_required,
      first_pin_cipher, second_pin_cipher, single_party, cooloff_seconds, callback_url, callback_method,
      has_unknown_caller_play, settings, created_at, modified_at, expires_at)
    select gen_random_uuid(), ${MAIN.id}, v.id, sha256(n::text::bytea), sha256((-n)::text::bytea), n % 4 = 0, '', '', false,
      0, '', 'POST', false, (select settings from sessions), now(), now(), now() + interval '1 hour'
    from generate_series(1, 50000) n join virtual_numbers v on v.id = 1 + n % ${NUMBERS}::int`;
  for (const side of ['first', 'second']) {
    const digest = sql(`${side}_party_digest`);
    await sql`
      insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
      select virtual_number_id, ${digest}, id, ${side}, expires_at from sessions where first_pin_cipher = ''`;
    await sql`
      insert into pins (virtual_number_id, pin_digest, session_id, side, length, held_until)
      select virtual_number_id, ${digest}, id, ${side}, 8, expires_at from sessions where first_pin_cipher = '' and pin_required`;
  }
  await sql`
    insert into calls (id, provider_id, provider_call_id, account_id, virtual_number_id, session_id, outcome, reason,
      authenticated, pin_tries, version, a_ended_at)
    select id, 1, id::text, account_id, virtual_number_id, id, 'connected', 'known_caller', false, '{}', 1, now()
    from sessions`;
}

/** How often each table was read whole. */
async function scans(): Promise<Record<string, number>> {
  await countWhatWasDone(sql);
  const rows = await sql<{ relname: string; scans: number }[]>`
    select relname, seq_scan::int as scans from pg_stat_user_tables where relname in ${sql(HOT)}`;
  return Object.fromEntries(rows.map(({ relname, scans }) => [relname, scans]));
}

let number = 2_000_000;
const phone = () => {
  number += 1;
  return `+1202${number}`;
};

/** Every hot verb, one at a time until plans have settled, and many at once. */
async function work(): Promise<void> {
  const make = async (i: number) => {
    const [caller, id] = [phone(), `plan-${number}`];
    const made = await makeSession(service, {
      ...{ first_party: caller, second_party: phone(), callback_url: 'https://app.example/cb' },
      ...(i % 4 === 0 && WITH_PIN),
    });
    return { caller, id, made, i };
  };
  const call = async ({ caller, id, made, i }: Awaited<ReturnType<typeof make>>) => {
    const question = { CallUUID: id, From: caller.slice(1), To: made.virtual_number.replace('+', '') };
    const ask = (more: object) =>
      plivoWebhook(service, '', { ...question, Direction: 'inbound', CallStatus: 'ringing', ...more });
    const stranger = { CallUUID: `${id}-unknown`, From: phone().slice(1) };
    expect(await ask({ Event: 'StartApp' })).toBe(200);
    expect(await ask({ Event: 'StartApp', ...stranger })).toBe(200);
    if (i % 4 === 0) {
      expect(await ask({ ...stranger, Event: 'Redirect', Digits: made.session.first_party_pin })).toBe(200);
    }
    const told = { id, caller, virtualNumber: `+${question.To}`, seconds: 30, billed: 60 };
    const ends = endOfCall({ ...told, costA: '0.00500', costB: '0.01000' });
    for (const path of ['dial-callback/', 'hangup/'] as const) {
      expect(await plivoWebhook(service, path, ends[path])).toBe(200);
    }
  };
  for (let i = 0; i < TIMES * 2; i++) await call(await make(i));
  const sessions = [];
  for (let i = 0; i < AT_ONCE; i++) sessions.push(await make(i));
  await Promise.all(sessions.map(call));
}

/** An answer may be an apology, which reads nothing. */
async function expectAllDone(rounds: number): Promise<void> {
  const [became] = await sql`
    select count(*) filter (where outcome = 'connected' and not authenticated)::int as known,
      count(*) filter (where outcome = 'connected' and authenticated)::int as by_pin,
      count(*) filter (where outcome = 'connected' and is_over)::int as over
    from calls where provider_call_id like 'plan-%'`;
  const each = TIMES * 2 + AT_ONCE;
  expect(became).toEqual({ known: rounds * each, by_pin: (rounds * each) / 4, over: rounds * each });
}

it('no hot verb reads a table whole, neither right after a bulk load nor once it is analyzed', async () => {
  await fill();
  const loaded = await scans();
  await work();
  const worked = await scans();
  expect(worked).toEqual(loaded);
  await sql`analyze`;
  const analyzed = await scans();
  await work();
  expect(await scans()).toEqual(analyzed);
  await expectAllDone(2);
}, 240_000);

it('a list reads the sessions that it shows and few others, whichever it is asked for', async () => {
  await fill();
  // The newest, and so the one that is shown; nobody could open the others.
  const { virtual_number: number } = await makeSession(service, { first_party: phone(), second_party: phone() });
  await sql`vacuum analyze sessions`;
  const read = async () => {
    await countWhatWasDone(sql);
    const [row] = await sql<{ rows: number }[]>`
      select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_user_tables where relname = 'sessions'`;
    return row?.rows ?? 0;
  };
  const filters = [{ virtual_number: number }, { subaccount: SUB.id }, { duration: '12345' }, { status: 'active' }];
  for (const filter of filters) {
    const before = await read();
    const query = new URLSearchParams({ limit: '1', ...filter });
    expect((await api(service, 'GET', `${SESSIONS}?${query}`)).status).toBe(200);
    expect((await read()) - before, JSON.stringify(filter)).toBeLessThan(1_000);
  }
}, 120_000);

// A page of one, and what is counted beyond it; with the running calls, and the pages of an index that both are on.
const COUNTED = 10_001;
const COUNTED_BY_CALLS = 2_001;
const LEEWAY = 1_000;

/** Filters with how many sessions each may find. */
function everyFilter(number: string): [Record<string, string>, number][] {
  const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19);
  return [
    [{}, COUNTED],
    [{ virtual_number: number }, 100],
    [{ first_party: phone() }, 0],
    [{ second_party: phone(), status: 'active' }, 0],
    [{ subaccount: SUB.id }, 0],
    [{ status: 'active' }, COUNTED_BY_CALLS],
    [{ status: 'in-progress' }, RUNNING],
    [{ status: 'expired' }, 0],
    [{ status: 'active', duration: '12345' }, 0],
    [{ status: 'active', duration__gte: '1800' }, COUNTED_BY_CALLS],
    [{ duration__gte: '1800' }, COUNTED],
    [{ duration__gte: '1800', duration__lte: '3600' }, COUNTED],
    [{ duration: '12345' }, 0],
    [{ duration__lt: '1800' }, 0],
    [{ created_time__gte: at(-1) }, COUNTED],
    [{ created_time__lt: at(-1) }, 0],
    [{ expiry_time__lte: at(1) }, COUNTED],
    [{ expiry_time__gt: at(1) }, 0],
    [{ expiry_time__lt: at(0) }, 0],
  ];
}

/** As if nobody had ever counted the table. */
async function forgetStatistics(table: string): Promise<void> {
  await sql`
    delete from pg_statistic where starelid = ${table}::regclass
      or starelid in (select indexrelid from pg_index where indrelid = ${table}::regclass)`;
  await sql`select pg_clear_relation_stats('public', ${table})`;
}

it('a list reads no more of an index than it counts, right after a bulk load and once that is analyzed', async () => {
  await fill();
  const { virtual_number: number } = await makeSession(service, { first_party: phone(), second_party: phone() });
  // Sessions of the filling that can be opened.
  await sql`
    with shown as (
      update sessions set first_pin_cipher = null, second_pin_cipher = null where id in (
        select id from sessions where first_pin_cipher = '' and not pin_required limit ${RUNNING}) returning id
    )
    update calls set a_ended_at = null where session_id in (select id from shown)`;
  const readAll = async (...ofNobody: Record<string, string>[]) => {
    let before = await entriesRead(sql, 'sessions');
    for (const [filter, finds] of [...everyFilter(number), ...ofNobody.map((filter) => [filter, 0] as const)]) {
      const query = new URLSearchParams({ limit: '1', ...filter });
      expect((await api(service, 'GET', `${SESSIONS}?${query}`)).status).toBe(200);
      const after = await entriesRead(sql, 'sessions');
      expect.soft(after - before, JSON.stringify(filter)).toBeLessThan(finds + LEEWAY);
      before = after;
    }
  };
  await forgetStatistics('sessions');
  await readAll();
  await sql`vacuum analyze sessions, calls`;
  await readAll({ status: 'expired', duration__gte: '1800' });
}, 240_000);

it('sessions with a running call are read as far as they are counted, however many run', async () => {
  await fill();
  await sql`
    with shown as (
      update sessions set first_pin_cipher = null, second_pin_cipher = null where not pin_required returning id
    )
    update calls set a_ended_at = null where session_id in (select id from shown)`;
  // The first ones that are come upon have many, as where no provider reports an end.
  await sql`
    insert into calls (id, provider_id, provider_call_id, account_id, virtual_number_id, session_id, outcome, reason,
      authenticated, pin_tries, version)
    select gen_random_uuid(), 1, 'again-' || n || s.id, s.account_id, s.virtual_number_id, s.id, 'connected',
      'known_caller', false, '{}', 1
    from (select * from sessions where not pin_required order by id limit 10) s, generate_series(1, 500) n`;
  const readAll = async () => {
    const before = await entriesRead(sql, 'sessions', 'calls');
    const { status, body } = await api(service, 'GET', `${SESSIONS}?limit=1&status=in-progress`);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { response: { meta: { total_count: COUNTED_BY_CALLS } } },
    });
    // An entry of each and one of its call.
    expect((await entriesRead(sql, 'sessions', 'calls')) - before).toBeLessThan(2 * COUNTED_BY_CALLS + LEEWAY);
  };
  // Rows of before the update have entries of their own.
  await sql`vacuum sessions, calls`;
  await forgetStatistics('calls');
  await readAll();
  await sql`vacuum analyze sessions, calls`;
  await readAll();
}, 120_000);

const RUNNING = 200;
const MANY = 30_000;
const OVER = 20_000;

/** Many that were delivered long ago, each with its attempt. */
async function fillCallbacks(): Promise<void> {
  await sql`
    with filled as (
      insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method, state,
        attempts, delivered_at)
      select 'filled:' || n, ${MAIN.id}, gen_random_uuid(), 1, 'SessionTimeout', n, 'https://filled.example/', 'POST',
        'delivered', 1, now()
      from generate_series(1, ${MANY}::int) n returning id
    )
    insert into callback_attempts (callback_id, attempt, at, status, duration_ms)
    select id, 1, now(), 200, 1 from filled`;
}

/** Sends so many to a receiver that takes them, and as many to one that does not. */
async function sendCallbacks(outbox: ReturnType<typeof openOutbox>, many: number): Promise<void> {
  // Those that were refused before may be due again meanwhile, on a slow machine even these: each is counted once.
  const round = crypto.randomUUID();
  const [takes, refuses] = [`https://takes.example/${round}`, `https://refuses.example/${round}`];
  const sent: Record<string, Set<string>> = { [takes]: new Set(), [refuses]: new Set() };
  await outbox.bookMany({ [takes]: many, [refuses]: many });
  const dispatcher = startDispatcher({
    ...service.deps,
    send: async ({ id, url }) => {
      sent[url]?.add(id);
      return url.includes('takes') ? { ok: true, status: 200 } : { ok: false, status: 500, error: 'status 500' };
    },
  });
  dispatcher.wake();
  for (const url of [takes, refuses]) await vi.waitUntil(() => sent[url]?.size === many, 30_000);
  await dispatcher.close();
}

it('callbacks are taken and settled by their indexes, however many were delivered since that was planned', async () => {
  const outbox = openOutbox(service);
  await sql`truncate callbacks, callback_attempts`;
  await sql`vacuum analyze callbacks, callback_attempts`;
  const before = await scans();
  // Enough for plans to be kept that were made while there were none, as in a service's first minute, and few.
  for (let i = 0; i < TIMES * 2; i++) {
    service.dispatcher.wake();
    await sleep(30);
  }
  await sendCallbacks(outbox, 100);
  await fillCallbacks();
  await sendCallbacks(outbox, 100);
  expect(await scans()).toEqual(before);
  // Not by walking through a whole index either.
  expect(await entriesRead(sql, 'callbacks', 'callback_attempts')).toBeLessThan(MANY);
  await sql`analyze callbacks, callback_attempts`;
  const analyzed = await scans();
  await sendCallbacks(outbox, 40);
  expect(await scans()).toEqual(analyzed);
  await outbox.close();
}, 120_000);

it('sessions that are over are ended by their ids, however many are over since they were counted', async () => {
  await fill();
  await sql`analyze sessions`;
  await sql`
    update sessions set expires_at = now() - interval '1 second'
    where id in (select id from sessions where ended_at is null and first_pin_cipher = '' limit ${OVER})`;
  const before = await entriesRead(sql, 'sessions');
  const batches = 10;
  for (let i = 0; i < batches; i++) expect((await endDueSessions(service.deps.db, 500, null)).ended).toBe(500);
  expect((await entriesRead(sql, 'sessions')) - before).toBeLessThan((batches * OVER) / 4);
}, 120_000);

it('sessions that are over are walked past once, also while somebody still sees them as they were', async () => {
  await fill();
  const over = await sql`
    update sessions set expires_at = now() - random() * interval '1 second'
    where ended_at is null and first_pin_cipher = ''`;
  const reader = postgres(service.databaseUrl, { max: 1 });
  const walked = async () => {
    await countWhatWasDone(sql);
    const [row] = await sql<{ entries: number }[]>`
      select idx_tup_read::int as entries from pg_stat_user_indexes where indexrelname = 'sessions_due'`;
    return row?.entries ?? 0;
  };
  const before = await walked();
  // As an analyze of a large table does for many seconds: no entry of an index can be marked as dead meanwhile.
  await reader.unsafe('begin isolation level repeatable read');
  await reader`select count(*) from sessions`;
  expect(await expireSessions(service.deps)).toBe(over.count);
  await reader.end();
  // By each of those that share the work.
  expect((await walked()) - before).toBeLessThan(5 * over.count);
}, 120_000);
