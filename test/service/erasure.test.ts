import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { rememberConnections } from '../../src/service/connections.ts';
import { reportCall } from '../../src/service/reports.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { settlePlacement, takePlacements } from '../../src/store/placements.ts';
import { builtService } from '../built.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { playOut } from '../story/switchboard.ts';
import { type Backup, backUp, restore } from '../support/backup.ts';
import { remainsOf } from '../support/remains.ts';
import { api, MAIN, MASTER_KEY, OTHER, SUB, startService } from '../support/service.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';

const line = lines.plivo;
const account = `/v1/Account/${line.account.id}`;
const folder = mkdtempSync(path.join(tmpdir(), 'bauta-erasures-'));

let world: StoryWorld;
let sql: postgres.Sql;
let app: Receiver;
let person: string;
beforeAll(async () => {
  world = await startStories();
  person = world.phone(line);
  sql = postgres(world.service.databaseUrl, { max: 1, onnotice: () => {} });
  app = await receiver((_request, response) => response.end());
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await app.close();
  await sql.end();
  await world.service.close();
});

const as = (method: string, where: string, body?: object) =>
  api(world.service, method, account + where, body, line.account);
const erase = (number = person) => as('POST', '/Masking/Erasure/', { number });
const show = async (id: string) =>
  (await as('GET', `/Masking/Session/${id}/`)).body.response as unknown as Record<string, unknown>;
const NO_REST = { virtual_number_cooloff_period: 0 };

async function makeSession(first: string, second: string, more: object = {}): Promise<string> {
  const wish = { first_party: first, second_party: second, callback_url: app.url, ...NO_REST, ...more };
  const made = await as('POST', '/Masking/Session/', wish);
  if (made.status !== 201) throw new Error(`not created: ${made.body.error}`);
  return made.body.session_uuid as unknown as string;
}

async function wholeCall(from: string, keyed: readonly string[] = []): Promise<void> {
  const call = world.call(line, from);
  await call.dial();
  for (const digits of keyed) await call.press(digits);
  const { document } = call.last();
  const { callId } = call;
  await playOut({ line, serviceUrl: world.service.url, callId, from, document }, 'callee hangs up');
}

/** All that is kept of a person who is, one after the other, a party, a stranger with a PIN and a last caller. */
async function leaveTraces(): Promise<{ live: string; open: string; others: string }> {
  const stranger = () => world.phone(line);
  const friend = stranger();
  const ended = await makeSession(friend, person);
  await wholeCall(friend);
  await as('DELETE', `/Masking/Session/${ended}/`);
  const others = await makeSession(stranger(), stranger(), WITH_PIN);
  await wholeCall(person, ['9999', '1357']);
  await as('DELETE', `/Masking/Session/${others}/`);
  const open = await makeSession(stranger(), '', { create_session_with_single_party: true });
  await wholeCall(person);
  const live = await makeSession(person, stranger());
  await wholeCall(person);
  await world.call(line, person).dial();
  await world.call(line, person, { to: '+14155559999' }).dial();
  const connection = await rememberConnections(world.service.deps)(line.key);
  if (connection === null) throw new Error('no connection');
  await reportCall(world.service.deps, connection, {
    ...{ callId: randomUUID(), direction: 'inbound', caller: person as Phone, virtualNumber: line.number as Phone },
    ...{ legA: { endedAt: new Date() }, legB: {}, recording: null },
  });
  const { vault } = world.service.deps;
  const digest = vault.phoneDigest(person as Phone);
  await sql`
    insert into pin_budgets (virtual_number_id, caller_digest, full_at) select id, ${digest}, now() + interval '1 h'
    from virtual_numbers where number = ${line.number} on conflict do nothing`;
  for (const [route, resource] of [
    ['POST /Masking/Session/', live],
    [`POST ${account}/Masking/Session/${ended}/`, randomUUID()],
  ] as const) {
    await sql`
      insert into idempotency_keys (account_id, route, key_digest, body_digest, resource_id, status, answer_cipher)
      values (${line.account.id}, ${route}, ${vault.secretDigest(resource)}, ${digest}, ${resource}, 201,
        ${vault.seal(`{"first_party":"${person.slice(1)}"}`, `idempotency_keys.answer:${resource}`)})`;
  }
  await world.service.deps.exchanges.flush();
  return { live, open, others };
}

const TRACES = [
  ...['calls by digest', 'calls.callee_cipher', 'calls.caller_cipher', 'exchanges.content_cipher'],
  ...['idempotency_keys by digest', 'idempotency_keys.answer_cipher', 'leases by digest', 'pin_budgets by digest'],
  ...['sessions by digest', 'sessions.first_party_cipher', 'sessions.last_caller_cipher'],
  'sessions.second_party_cipher',
];

const faults = async (on = sql) => [...(await invariantFaults(on)), ...(await totalsFaults(on))];
const sums = () => sql`
  select id, total_calls, total_billed_seconds, total_amount, last_interaction_at from sessions order by id`;
const callSums = () => sql`
  select count(*)::int as calls, sum(legs)::int as legs, sum(cost)::text as cost, sum(cardinality(pin_tries))::int as tries
  from calls`;

/** The command as it ships. */
function erasures(databaseUrl: string, ...args: readonly string[]): Promise<{ code: number; said: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: databaseUrl, MASTER_KEY: MASTER_KEY.toString('hex') };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(builtService(), 'erasures.js'), ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr });
      },
    );
  });
}

describe('a person who is erased', () => {
  let yesterday: Backup;
  let traces: Awaited<ReturnType<typeof leaveTraces>>;

  test('is nowhere any more: by digest, in a ciphertext or in clear; and nothing that was counted changes', async () => {
    traces = await leaveTraces();
    yesterday = await backUp(world.service.databaseUrl);
    expect(await remainsOf(world.service.databaseUrl, person)).toEqual(expect.arrayContaining(TRACES));
    const before = [await sums(), await callSums()];
    const erased = await erase();
    expect(erased).toMatchObject({
      status: 200,
      body: { message: 'number erased', is_complete: true, sessions: 2, calls: 6, exchanges: expect.any(Number) },
    });
    expect(await remainsOf(world.service.databaseUrl, person)).toEqual([]);
    expect([await sums(), await callSums()]).toEqual(before);
    expect(await faults()).toEqual([]);
    expect((await erase()).body).toMatchObject({ sessions: 0, calls: 0, exchanges: 0 });
  });

  test('leaves sessions and calls that show empty numbers, and takes nothing from sessions of others', async () => {
    expect(await show(traces.live)).toMatchObject({ status: 'expired', first_party: '', second_party: '' });
    expect((await show(traces.live)).interaction).toHaveLength(2);
    const calls = (await as('GET', '/Call/?limit=20')).body.objects as unknown as Record<string, unknown>[];
    const seen = calls.flatMap(({ from_number, to_number }) => [from_number, to_number]);
    expect(new Set(seen)).toEqual(new Set(['', line.number]));
    expect((await show(traces.open)).first_party).not.toBe('');
    expect(await show(traces.others)).toMatchObject({
      first_party_pin: '1357',
      first_party: expect.stringMatching(/^1202/),
    });
    expect(await show(traces.open)).toMatchObject({ status: 'active' });
  });

  test('is told of without phones in callbacks that were not sent yet, each of which still arrives', async () => {
    const [row] = await sql`select count(*)::int as n from callbacks where state = 'pending'`;
    world.service.dispatcher.wake();
    await vi.waitUntil(() => app.requests().length >= row?.n, 10_000);
    const bodies = app.requests().map(({ body }) => body);
    expect(bodies.join()).not.toContain(person.slice(1));
    const ends = bodies.filter((body) => body.includes(traces.live) && body.includes('EventName=SessionTimeout'));
    expect(ends).toHaveLength(1);
    expect(bodies.some((body) => body.includes(traces.live) && body.includes('SessionPartiesHangup'))).toBe(true);
  });

  test('is erased again from yesterday’s backup, by a list that was kept outside the database', async () => {
    const file = path.join(folder, 'erasures');
    expect(await erasures(world.service.databaseUrl, 'export', file)).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).not.toContain(person.slice(-9));
    const restored = await restore(yesterday);
    const there = postgres(restored.url, { max: 1, onnotice: () => {} });
    expect(await remainsOf(restored.url, person)).toEqual(expect.arrayContaining(TRACES));
    const { code, said } = await erasures(restored.url, 'apply', file);
    expect([code, said]).toEqual([
      0,
      expect.stringMatching(/: 2 sessions, 6 calls and \d+ exchanges were erased again/),
    ]);
    expect(await remainsOf(restored.url, person)).toEqual([]);
    expect(await faults(there)).toEqual([]);
    expect((await erasures(restored.url, 'apply', file)).said).toContain(': 0 sessions, 0 calls and 0 exchanges');
    const again = path.join(folder, 'again');
    await erasures(restored.url, 'export', again);
    const lines = (name: string) =>
      new Set(
        readFileSync(name, 'utf8')
          .split('\n')
          .map((text) => text.replace(/"at":"[^"]*"/, '')),
      );
    expect(lines(again)).toEqual(lines(file));
    await there.end();
    await restored.drop();
    await as('DELETE', `/Masking/Session/${traces.open}/`);
  });
});

describe('an erasure', () => {
  const statuses = async (id: string) => [(await show(id)).status, (await show(id)).first_party];

  test('of one session ends it with its callback, and takes phones, PINs and tries from it and its calls alone', async () => {
    const [first, second, stranger] = [world.phone(line), world.phone(line), world.phone(line)];
    const id = await makeSession(first, second, WITH_PIN);
    await wholeCall(stranger, ['9999', '2468']);
    const other = await makeSession(first.replace(/.$/, '0'), world.phone(line), {
      ...WITH_PIN,
      first_party_pin: '7531',
      second_party_pin: '8642',
    });
    const before = await sums();
    const erased = () => as('DELETE', `/Masking/Session/${id}/?erase=true`);
    expect(await erased()).toMatchObject({ status: 200, body: { message: 'Session erased' } });
    expect(await show(id)).toMatchObject({
      ...{ status: 'expired', first_party: '', second_party: '', first_party_pin: null, second_party_pin: null },
      ...{ total_call_count: 2, is_pin_authentication_required: true },
    });
    for (const phone of [first, second, stranger])
      expect(await remainsOf(world.service.databaseUrl, phone)).toEqual([]);
    const [call] = await sql`select pin_tries, anonymous_key from calls where session_id = ${id}`;
    expect(call).toEqual({ pin_tries: ['', ''], anonymous_key: null });
    expect(await sql`select from pins where session_id = ${id}`).toHaveLength(0);
    expect(await sql`select from callbacks where session_id = ${id} and event = 'SessionTimeout'`).toHaveLength(1);
    expect((await erased()).status).toBe(200);
    expect(await sums()).toEqual(before);
    expect(await statuses(other)).toEqual(['active', expect.stringMatching(/^1202/)]);
    expect(await faults()).toEqual([]);
    await as('DELETE', `/Masking/Session/${other}/`);
    // One that ended before, or ran out and was not announced yet, is erased as well.
    expect(await as('DELETE', `/Masking/Session/${other}/?erase=true`)).toMatchObject({ status: 200 });
    const due = await makeSession(world.phone(line), world.phone(line));
    await world.expire({ id: due, first: '', second: '' });
    expect(await as('DELETE', `/Masking/Session/${due}/?erase=true`)).toMatchObject({ status: 200 });
    expect(await sql`select from callbacks where session_id = ${due} and event = 'SessionTimeout'`).toHaveLength(1);
    expect(await faults()).toEqual([]);
  });

  test('is not undone by what is still asked and reported of a call', async () => {
    const [first, second] = [world.phone(line), world.phone(line)];
    const id = await makeSession(first, second);
    const call = world.call(line, first);
    await call.dial();
    const { document } = call.last();
    expect((await erase(first)).body).toMatchObject({ sessions: 1, calls: 1 });
    await call.dial();
    const { callId } = call;
    await playOut({ line, serviceUrl: world.service.url, callId, from: first, document }, 'callee hangs up');
    await world.service.deps.exchanges.flush();
    expect(await remainsOf(world.service.databaseUrl, first)).toEqual([]);
    expect(await show(id)).toMatchObject({ total_call_count: 2, status: 'expired' });
    // A stranger who is being asked for a PIN meanwhile goes on; the call forgets who it is.
    const stranger = world.phone(line);
    const others = await makeSession(world.phone(line), world.phone(line), WITH_PIN);
    const asked = world.call(line, stranger);
    await asked.dial();
    expect((await erase(stranger)).body).toMatchObject({ sessions: 0, calls: 1 });
    expect((await asked.press('1357')).at(-1)).toContain('dial +');
    // What they keyed since then counts for as long as it takes to be forgiven; a job forgets it then.
    await sql`delete from pin_budgets where full_at < now()`;
    await world.service.deps.exchanges.flush();
    expect(await remainsOf(world.service.databaseUrl, stranger)).toEqual([]);
    await as('DELETE', `/Masking/Session/${others}/`);
    expect(await faults()).toEqual([]);
  });

  test('is not undone by a call to a first party that was under way', async () => {
    const { db, vault } = world.service.deps;
    const [first, second] = [world.phone(line), world.phone(line)];
    const id = await makeSession(first, second);
    await sql`
      insert into placements (session_id, account_id, virtual_number_id)
      select id, account_id, virtual_number_id from sessions where id = ${id}`;
    const [taken] = await takePlacements(db, vault, 1);
    if (taken === undefined) throw new Error('nothing to place');
    await as('DELETE', `/Masking/Session/${id}/?erase=true`);
    const placed = { kind: 'placed', requestId: randomUUID(), overdueInSeconds: 60 } as const;
    expect(await settlePlacement(db, vault, taken, placed, randomUUID())).toBe(true);
    expect(await sql`select from calls where session_id = ${id}`).toHaveLength(1);
    for (const phone of [first, second]) expect(await remainsOf(world.service.databaseUrl, phone)).toEqual([]);
  });

  test('of a number that is used again erases nothing that came after it, when it is applied again', async () => {
    const phone = world.phone(line);
    const former = await makeSession(phone, world.phone(line));
    await erase(phone);
    const file = path.join(folder, 'before');
    await erasures(world.service.databaseUrl, 'export', file);
    const later = await makeSession(phone, world.phone(line));
    await wholeCall(phone);
    expect((await erasures(world.service.databaseUrl, 'apply', file)).said).toContain(': 0 sessions, 0 calls');
    expect(await statuses(former)).toEqual(['expired', '']);
    expect(await statuses(later)).toEqual(['active', phone.slice(1)]);
    expect(await faults()).toEqual([]);
  });

  test('is refused for what is no phone, and names no number in its answer', async () => {
    expect(await erase('nobody')).toMatchObject({ status: 400, body: { error: expect.stringContaining('number') } });
    const answer = await erase(person);
    expect(JSON.stringify(answer.body)).not.toContain(person.slice(-9));
  });

  test('by the command line tells how it is used', async () => {
    const said = 'Usage: npm run erasures -- export FILE | apply FILE\n';
    expect(await erasures(world.service.databaseUrl, 'forget')).toEqual({ code: 1, said });
  });
});

describe('a subaccount', () => {
  test('erases a number from its own sessions alone, its main account from those of both', async () => {
    const service = await startService();
    const phone = '+12025557001';
    const of = (who: { id: string }, where: string) => `/v1/Account/${who.id}/Masking/${where}`;
    const wish = (n: number) => ({ first_party: phone, second_party: `+1202555800${n}` });
    const make = async (who: typeof MAIN, n: number) =>
      String((await api(service, 'POST', of(who, 'Session/'), wish(n), who)).body.session_uuid);
    const [main, sub, foreign] = [await make(MAIN, 1), await make(SUB, 2), await make(OTHER, 3)];
    const shown = async (who: typeof MAIN, id: string) =>
      (
        (await api(service, 'GET', of(who, `Session/${id}/`), undefined, who)).body.response as never as {
          first_party: string;
        }
      ).first_party;
    const now = async () => [await shown(MAIN, main), await shown(SUB, sub), await shown(OTHER, foreign)];
    const known = phone.slice(1);
    expect(await api(service, 'DELETE', of(SUB, `Session/${main}/?erase=true`), undefined, SUB)).toMatchObject({
      status: 404,
    });
    const bySub = await api(service, 'POST', of(SUB, 'Erasure/'), { number: phone }, SUB);
    expect([bySub.body.sessions, await now()]).toEqual([1, [known, '', known]]);
    const byMain = await api(service, 'POST', of(MAIN, 'Erasure/'), { number: phone }, MAIN);
    expect([byMain.body.sessions, await now()]).toEqual([1, ['', '', known]]);
    const booked = await service.deps.db.sql`
      select actor, action, object from audit_log where action like '%erase' order by id`;
    expect(booked.map(({ actor, action, object }) => [actor, action, object])).toEqual([
      [SUB.id, 'session.erase', sub],
      [SUB.id, 'number.erase', ''],
      [MAIN.id, 'session.erase', main],
      [MAIN.id, 'number.erase', ''],
    ]);
    await service.close();
  });
});
