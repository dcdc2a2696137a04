import { readFileSync } from 'node:fs';
import { METHODS } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WEBHOOKS } from '../../src/dialects/dialect.ts';
import { startTimetable } from '../../src/jobs/timetable.ts';
import { expireSessions } from '../../src/service/expiry.ts';
import { startWatch } from '../../src/service/watch.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Sample, type Scraped, scraped } from '../support/metrics.ts';
import { api, startService, type TestService } from '../support/service.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';
import { roadTo } from '../support/story-road.ts';

const { plivo, hipcall } = lines;
const PINS = ['271828182845904', '314159265358979'] as const;
const WRONG_PIN = '161803398874989';
const TOKEN = 'hunter-token-0123456789';
const CALL = 'hunter-call-0123456789';

let world: StoryWorld;
let metrics: Scraped;
let app: Receiver;
let clock = 0;
const later = () => {
  clock += 10_000;
};
beforeAll(async () => {
  world = await startStories({}, { deps: { now: () => new Date(Date.now() + clock) } });
  metrics = await scraped(world.service);
  app = await receiver(({ url }, response) => response.writeHead(url?.startsWith('/gone') ? 410 : 200).end());
});
afterAll(async () => {
  await metrics.close();
  await app.close();
  await world.service.close();
});

/** How much a figure grows by what is done. */
async function growth(name: string, labels: Record<string, string>, work: () => Promise<unknown>): Promise<number> {
  const before = (await metrics.value(name, labels)) ?? 0;
  await work();
  return ((await metrics.value(name, labels)) ?? 0) - before;
}

const webhook = (path: string, params: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${world.service.url}/answer/${path}`, { method: 'POST', body: new URLSearchParams(params), headers });

describe('metrics', () => {
  test('are on their own port alone, and nothing else is there', async () => {
    expect((await fetch(`${world.service.url}/metrics`)).status).toBe(404);
    const page = await fetch(metrics.url);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    expect((await fetch(metrics.url, { method: 'POST' })).status).toBe(404);
    for (const path of ['/', '/health/live', '/metrics/', '/openapi.json']) {
      expect([path, (await fetch(new URL(path, metrics.url))).status]).toEqual([path, 404]);
    }
  });

  test('tell of the process: its version, its event loop, its memory', async () => {
    expect(await metrics.value('bauta_build_info', { version: '0.1.0', node: process.version })).toBe(1);
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes']) {
      expect([name, await metrics.value(name)]).toEqual([name, expect.any(Number)]);
    }
  });

  test('time requests by their route and status, never by what stands in the path', async () => {
    const path = `/v1/Account/${plivo.account.id}/Masking/Session/2f1b1f3e-0000-4000-8000-000000000000/`;
    const labels = { method: 'GET', route: '/v1/Account/:auth_id/Masking/Session/:session_uuid/', status: '404' };
    const ask = () => api(world.service, 'GET', path, undefined, plivo.account);
    expect(await growth('bauta_http_request_seconds_count', labels, ask)).toBe(1);
    expect(await growth('bauta_http_request_seconds_sum', labels, ask)).toBeGreaterThan(0);
    const nowhere = () => fetch(`${world.service.url}/hunter/+12025550000`);
    expect(await growth('bauta_http_request_seconds_count', { route: 'none', status: '404' }, nowhere)).toBe(1);
  });

  test('count what the API refused', async () => {
    const [first_party, second_party] = [world.phone(plivo), world.phone(plivo)];
    const create = () => api(world.service, 'POST', '/Masking/Session/', { first_party, second_party }, plivo.account);
    expect(await growth('bauta_problems_total', { kind: 'pool_exhausted' }, create)).toBe(0);
    expect(await growth('bauta_problems_total', { kind: 'pool_exhausted' }, create)).toBe(1);
    const stranger = () =>
      api(world.service, 'GET', '/Masking/Session/', undefined, { ...plivo.account, token: TOKEN });
    expect(await growth('bauta_sign_ins_refused_total', {}, stranger)).toBe(1);
  });

  test('count decisions with each answer, refused calls and PINs once', async () => {
    const session = await world.session(plivo);
    const known = () => world.call(plivo, session.first).dial();
    expect(await growth('bauta_call_decisions_total', { reason: 'known_caller' }, known)).toBe(1);
    const refused = world.call(plivo, world.phone(plivo));
    expect(await growth('bauta_calls_refused_total', { reason: 'unknown_caller' }, () => refused.dial())).toBe(1);
    expect(await growth('bauta_call_decisions_total', { reason: 'asked_again' }, () => refused.repeat())).toBe(1);
    expect(await metrics.value('bauta_calls_refused_total')).toBe(1);

    await world.session(hipcall, WITH_PIN);
    const caller = world.call(hipcall, world.phone(hipcall));
    const entries = (result: string) => ['bauta_pin_entries_total', { result }] as const;
    expect(await growth(...entries('wrong'), () => caller.dial())).toBe(0);
    expect(await growth(...entries('wrong'), () => caller.press('9999'))).toBe(1);
    expect(await growth(...entries('wrong'), () => caller.repeat())).toBe(0);
    expect(await growth(...entries('right'), () => caller.press(WITH_PIN.first_party_pin))).toBe(1);
    expect(await growth(...entries('right'), () => caller.repeat())).toBe(0);
  });

  test('count webhooks that nobody signed, and reports by what came of them', async () => {
    const unsigned = (path: string) => () => webhook(`${plivo.key}/${path}`, { CallUUID: CALL });
    expect(await growth('bauta_webhooks_refused_total', { webhook: 'answer' }, unsigned(''))).toBe(1);
    expect(await growth('bauta_webhooks_refused_total', { webhook: 'hangup' }, unsigned('hangup/'))).toBe(1);
    const { username, password } = hipcall.credentials;
    const event = (event: string, data: object) => () =>
      fetch(`${world.service.url}/answer/${hipcall.key}/events/`, {
        method: 'POST',
        body: JSON.stringify({ event, data }),
        headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${username}:${password}`)}` },
      });
    const reported = (reason: string) => ['bauta_call_reports_total', { webhook: 'events', reason }] as const;
    const hangup = event('call_hangup', { uuid: CALL, caller_number: world.phone(hipcall) });
    expect(await growth(...reported('orphan'), hangup)).toBe(1);
    expect(await growth(...reported('ignored'), event('contact_created', {}))).toBe(1);
    expect(await growth(...reported('malformed'), event('call_hangup', { uuid: CALL, call_duration: 'x' }))).toBe(1);
  });

  test('count attempts to call receivers, and what is given up', async () => {
    const { deps, dispatcher } = world.service;
    const notify = async (path: string) => {
      const session = await world.session(plivo, { callback_url: `${app.url}${path}` });
      await world.expire(session);
      await expireSessions(deps);
      dispatcher.wake();
      await vi.waitUntil(async () => (await deps.db.sql`select from callbacks where state = 'pending'`).length === 0);
    };
    const attempts = (outcome: string) => ['bauta_callback_attempts_total', { outcome }] as const;
    expect(await growth(...attempts('delivered'), () => notify('/fine'))).toBe(1);
    expect(await growth('bauta_callbacks_given_up_total', {}, () => notify('/gone'))).toBe(1);
    expect(await metrics.value(...attempts('status 4xx'))).toBe(1);
  });

  test('count jobs that fail, each by its name', async () => {
    const { deps, dispatcher } = world.service;
    const db = connect('postgres://nobody@127.0.0.1:1/none', { connections: 1, statementTimeoutMs: 100 });
    const failures = ['bauta_job_failures_total', { name: 'expire sessions' }] as const;
    expect(await metrics.value(...failures)).toBe(null);
    const timetable = startTimetable({ ...deps, db }, { ...dispatcher, wake: () => {} });
    expect(await metrics.value(...failures)).toBe(0);
    await vi.waitUntil(async () => ((await metrics.value(...failures)) ?? 0) > 0, 10_000);
    await timetable.stop();
    await disconnect(db, 0);
  });
});

describe('metrics of the database’s state', () => {
  const figures = async (...names: string[]) => {
    later();
    const samples = await metrics.samples();
    return names.map((name) => samples.find((sample) => sample.name === `bauta_${name}`)?.value);
  };

  test('tell of sessions, callbacks, receivers and pools', async () => {
    const { sql } = world.service.deps.db;
    await world.forget();
    const state = ['sessions_live', 'expiry_lag_seconds', 'callbacks_pending', 'callbacks_oldest_due_seconds'];
    expect(await figures(...state, 'callback_endpoints_paused', 'database_up')).toEqual([0, 0, 0, 0, 0, 1]);

    await world.session(hipcall);
    const over = await world.session(plivo, { callback_url: app.url });
    expect(await figures('sessions_live', 'expiry_lag_seconds')).toEqual([2, 0]);
    await sql`update sessions set expires_at = now() - interval '40 seconds' where id = ${over.id}`;
    expect(await figures('sessions_live', 'expiry_lag_seconds')).toEqual([1, expect.closeTo(40, -1)]);
    await expireSessions(world.service.deps);
    expect(await figures('expiry_lag_seconds', 'callbacks_pending')).toEqual([0, 1]);
    await sql`update callbacks set next_attempt_at = now() - interval '90 seconds'`;
    expect(await figures('callbacks_oldest_due_seconds')).toEqual([expect.closeTo(90, -1)]);
    await sql`update callbacks set next_attempt_at = now() + interval '90 seconds'`;
    expect(await figures('callbacks_pending', 'callbacks_oldest_due_seconds')).toEqual([1, 0]);
    await sql`insert into endpoints (account_id, endpoint, paused_at, pause_reason)
      values (${plivo.account.id}, 'https://gone.example', now(), 'operator'), (${plivo.account.id}, 'https://ill.example', null, null)`;
    expect(await figures('callback_endpoints_paused')).toEqual([1]);
  });

  test('tell of the fullest pool of a country how much is left at its peak', async () => {
    const { sql } = world.service.deps.db;
    await world.forget();
    // Two accounts have one Turkish number each, of which one phone in one session needs one.
    const [numbers, headroom] = [
      () => metrics.value('bauta_pool_numbers', { country: 'TR' }),
      () => metrics.value('bauta_pool_headroom_ratio', { country: 'TR' }),
    ];
    await sql`delete from pool_peaks`;
    later();
    expect([await numbers(), await headroom()]).toEqual([2, 1]);
    await sql`insert into virtual_numbers (number, account_id, provider_id, country)
      select '+9021255509' || (10 + n), account_id, provider_id, country from virtual_numbers, generate_series(1, 9) n
      where number = ${hipcall.number}`;
    await sql`insert into pool_peaks (account_id, subaccount_id, country, day, sessions) values
      (${hipcall.account.id}, '', 'TR', date_trunc('day', now(), 'UTC'), 3),
      (${hipcall.account.id}, '', 'TR', date_trunc('day', now(), 'UTC') - interval '40 days', 30)`;
    later();
    // 2N−1 of 10 are needed for N = 3; the other account's pool is still empty.
    expect([await numbers(), await headroom()]).toEqual([11, 0.5]);
    const single = { first_party: world.phone(hipcall), create_session_with_single_party: true };
    for (let n = 0; n < 7; n++) await world.session(hipcall, { ...single, first_party: world.phone(hipcall) });
    later();
    expect(await headroom()).toBeCloseTo(0.3);
    await world.forget();
    await sql`delete from virtual_numbers where number like '+9021255509%'`;
  });

  test('are read once for some seconds, however many ask', async () => {
    const { deps } = world.service;
    const watch = startWatch(deps);
    const read = (times: number) =>
      growth('bauta_database_statement_seconds_count', { pool: 'watch' }, () =>
        Promise.all(Array.from({ length: times }, () => watch.refresh())),
      );
    // Those of the page itself are not old enough to be read again.
    await metrics.page();
    expect([await read(3), await read(3)]).toEqual([1, 0]);
    clock += 6_000;
    await metrics.page();
    expect(await read(1)).toBe(1);
  });
});

test('metrics come in time from a service whose database is silent, and say so', async () => {
  const road = await roadTo(world.service.databaseUrl);
  let silentClock = 0;
  const now = () => new Date(Date.now() + silentClock);
  const silent: TestService = await startService({ databaseUrl: road.url, deps: { now } });
  const its = await scraped(silent);
  expect(await its.value('bauta_database_up')).toBe(1);
  expect(await its.value('bauta_sessions_live')).toEqual(expect.any(Number));
  road.freeze();
  silentClock += 10_000;
  const beganAt = performance.now();
  const samples = await its.samples();
  expect(performance.now() - beganAt).toBeLessThan(2_500);
  expect(samples.find(({ name }) => name === 'bauta_database_up')?.value).toBe(0);
  // What is not known is not shown, and least of all as it was.
  for (const name of ['bauta_sessions_live', 'bauta_expiry_lag_seconds', 'bauta_pool_headroom_ratio']) {
    expect(samples.filter((sample) => sample.name === name)).toEqual([]);
  }
  const call = { CallUUID: CALL, From: '12025550000', To: '14155550100' };
  const asked = { method: 'POST', body: new URLSearchParams(call) };
  const answer = fetch(`${silent.url}/answer/nobody-knows-it/`, asked);
  const open = () => its.value('bauta_database_statements', { pool: 'answers' });
  await vi.waitUntil(async () => (await open()) === 1, { timeout: 5_000 });
  expect((await answer).status).toBe(200);
  expect(await its.value('bauta_answer_fallbacks_total', { cause: 'failed' })).toBe(1);
  expect(await open()).toBe(0);
  road.close();
  await vi.waitUntil(async () => ((await its.value('bauta_database_errors_total', { class: 'connection' })) ?? 0) > 0);
  await its.close();
  await silent.close();
});

describe('labels', () => {
  /** Every value that a label may have. */
  const ALLOWED: Readonly<Record<string, (value: string, sample: Sample) => boolean>> = {
    method: (value) => METHODS.includes(value),
    route: (value) => value === 'none' || routes().includes(value),
    status: (value) => /^[2-5]\d\d$/.test(value),
    le: (value) => value === '+Inf' || Number(value) <= 10,
    pool: among('api', 'answers', 'watch'),
    class: (value) => /^([0-9A-Z]{2}|connection|other)$/.test(value),
    country: among('US', 'TR'),
    version: among('0.1.0', process.version),
    node: among(process.version),
    cause: among('late', 'failed', 'contended'),
    result: among('right', 'wrong', 'refused_by_limit'),
    kind: (value, { name }) =>
      name.startsWith('nodejs_')
        ? among('incremental', 'major', 'minor', 'weakcb')(value)
        : among('missing', 'invalid', 'not_found', 'session_expired', 'pool_exhausted')(value),
    webhook: among('answer', 'callee-play', ...WEBHOOKS),
    reason: among(
      ...['known_caller', 'open_session', 'pin_accepted', 'pin_asked', 'pin_wrong', 'pin_failed', 'unknown_caller'],
      ...['unknown_number', 'session_ended', 'nobody_to_call', 'self_call', 'asked_again'],
      ...['booked', 'repeated', 'orphan', 'ignored', 'malformed', 'unavailable'],
    ),
    outcome: among('delivered', 'status 4xx', 'refused'),
    name: (value) => /^[a-z ]+$/.test(value),
    space: (value) => /^[a-z_]+$/.test(value),
    type: (value) => /^[A-Za-z]+$/.test(value),
    major: (value) => /^\d+$/.test(value),
    minor: (value) => /^\d+$/.test(value),
    patch: (value) => /^\d+$/.test(value),
  };

  const routes = () =>
    Object.keys(JSON.parse(readFileSync('openapi/openapi.json', 'utf8')).paths as object).map((path) =>
      path.replace(/\{(\w+)\}/g, ':$1'),
    );

  test('have values of closed sets, whatever is asked: no phone, PIN, token, id or address is on the page', async () => {
    await world.forget();
    const phones: string[] = [];
    for (const line of [plivo, hipcall]) {
      const wish = { ...WITH_PIN, first_party_pin: PINS[0], second_party_pin: PINS[1], callback_url: app.url };
      const session = await world.session(line, wish);
      const stranger = world.phone(line);
      phones.push(session.first, session.second, stranger);
      const call = world.call(line, stranger, { callId: `${CALL}-${line.id}` });
      await call.dial();
      await call.press(WRONG_PIN);
      await call.press(PINS[0]);
      await world.call(line, session.first).dial();
      await api(
        world.service,
        'GET',
        `/Masking/Session/?first_party=${encodeURIComponent(session.first)}`,
        undefined,
        line.account,
      );
      await api(
        world.service,
        'POST',
        '/Masking/Session/',
        { first_party: stranger, second_party: WRONG_PIN },
        line.account,
      );
      await api(world.service, 'GET', `/v1/Account/${line.account.id}/Call/${CALL}/`, undefined, line.account);
      await world.end(line, session);
    }
    await api(world.service, 'GET', '/Masking/Session/', undefined, { id: TOKEN, token: TOKEN });
    await webhook(`${TOKEN}/`, { CallUUID: CALL, From: WRONG_PIN });
    await webhook(
      `${plivo.key}/dial-action/`,
      { CallUUID: CALL, From: WRONG_PIN, Digits: WRONG_PIN },
      { 'x-plivo-signature-v3': TOKEN },
    );
    const { deps, dispatcher } = world.service;
    dispatcher.wake();
    await vi.waitUntil(async () => (await deps.db.sql`select from callbacks where attempts = 0`).length === 0);
    later();

    const page = await metrics.page();
    const marked = [...phones.map((phone) => phone.slice(1)), ...PINS, WRONG_PIN, 'hunter', plivo.key, hipcall.key];
    const secrets = [plivo.account.token, plivo.account.id, hipcall.account.token, '127.0.0.1', 'http'];
    expect([...marked, ...secrets].filter((text) => page.replaceAll('bauta_http_', '').includes(text))).toEqual([]);
    const strange = (await metrics.samples()).flatMap((sample) =>
      Object.entries(sample.labels)
        .filter(([label, value]) => !ALLOWED[label]?.(value, sample))
        .map(([label, value]) => `${sample.name} ${label}=${value}`),
    );
    expect([...new Set(strange)]).toEqual([]);
  });
});

function among(...values: string[]): (value: string) => boolean {
  return (value) => values.includes(value);
}
