import fc from 'fast-check';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WebhookRequest } from '../../src/dialects/dialect.ts';
import { plivo } from '../../src/dialects/plivo.ts';
import {
  genuine,
  type Mutation,
  mutations,
  SECOND_KEY,
  type Wire,
  type Written,
  written,
} from '../support/plivo-mutations.ts';
import {
  declared,
  MAIN,
  makeSession,
  OTHER_KEY,
  PLIVO_KEY,
  PLIVO_TOKEN,
  startService,
  type TestService,
} from '../support/service.ts';
import { roadTo } from '../support/story-road.ts';

const SEED = 20_261_126;
const RUNS = 10_000;
const CASE = 'x-case';
const OTHER_TOKEN = 'another-connection-token';

let service: TestService;
let pool: Pool;
/** What the dialect read of each request that showed whose it is, by its case. */
const read = new Map<string, unknown>();

/** Both of Plivo's connections want signatures. */
const bootstrap = () => {
  const all = declared();
  const providers = all.providers.map((one) =>
    one.key === OTHER_KEY ? { ...one, key: SECOND_KEY, auth_token: OTHER_TOKEN } : one,
  );
  const numbers = all.numbers.map((one) => (one.provider === OTHER_KEY ? { ...one, provider: SECOND_KEY } : one));
  return { ...all, providers, numbers };
};

beforeAll(async () => {
  service = await startService({ bootstrap: bootstrap() });
  pool = new Pool(service.url, { connections: 16 });
  const { parse, parseReport } = plivo;
  const note = (request: WebhookRequest, result: unknown) => {
    read.set(String(request.headers[CASE]), result);
  };
  vi.spyOn(plivo, 'parse').mockImplementation((request, country) => {
    const question = parse(request, country);
    note(request, question);
    return question;
  });
  vi.spyOn(plivo, 'parseReport').mockImplementation((webhook, request, country) => {
    const report = parseReport(webhook, request, country);
    note(request, { webhook, report });
    return report;
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await pool.destroy();
  await service.close();
});

async function send(
  { method, target, headers, body }: Written,
  name: string,
): Promise<{ status: number; text: string }> {
  const request = { method, path: target, headers: { ...headers, [CASE]: name }, body: body === '' ? null : body };
  const answer = await pool.request(request as Parameters<typeof pool.request>[0]);
  return { status: answer.statusCode, text: await answer.body.text() };
}

/** Everything that is stored, but for the log of exchanges and the instant of the last one. */
async function stored(): Promise<Record<string, string>> {
  const { sql } = service.deps.db;
  await service.deps.exchanges.flush();
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not like 'exchange%' order by 1`;
  const rows = await Promise.all(
    tables.map(
      ({ name }) => sql`
        select md5(coalesce(string_agg(r, '' order by r), '')) as sum
        from (select (to_jsonb(t) - 'last_webhook_at')::text as r from ${sql(name)} t) rows`,
    ),
  );
  return Object.fromEntries(tables.map(({ name }, index) => [name, String(rows[index]?.[0]?.sum)]));
}

const BASE = `/answer/${PLIVO_KEY}/`;
const STANDARD = {
  ...{
    BillRate: '0.005',
    CallStatus: 'in-progress',
    CallerName: 'Tom 100% \ufffd',
    CountryCode: 'US',
    Direction: 'inbound',
  },
  ...{ Event: 'Redirect', ForwardedFrom: '14155550199', ParentAuthID: 'MAXX', RouteType: 'Domestic_Anchored' },
  ...{ STIRAttestation: 'Not Applicable', STIRVerification: 'Not Applicable' },
  SessionStart: '2026-03-01 08:35:10.910772',
};
const LEG_B = {
  ...{ DialBLegUUID: 'b-17', DialBLegBillRate: '0.01781', DialAction: 'hangup', Event: 'DialHangup' },
  ...{ DialBLegFrom: '+14155550100', DialALegUUID: 'a-17', DialBLegPosition: '1', DialBLegStatus: 'hangup' },
  ...{ DialBLegDuration: '31', DialBLegBillDuration: '60', DialBLegTotalCost: '0.01781' },
  ...{ DialBLegHangupCause: 'NORMAL_CLEARING', DialBLegHangupCauseName: 'Normal Hangup' },
  ...{ DialBLegHangupCauseCode: '4000', DialBLegHangupSource: 'Callee' },
};

/** One of everything that Plivo sends of two calls, in the order in which it happens; the names are the tests' own. */
async function everything(): Promise<readonly (readonly [name: string, wire: Wire])[]> {
  const parties = { first_party: '+12025550101', second_party: '+12025550102' };
  const known = await makeSession(service, {
    ...parties,
    second_party_play_url: 'https://app.example/2.mp3',
    record: true,
  });
  const asking = await makeSession(service, {
    ...{ first_party: '+12025550103', second_party: '+12025550104', is_pin_authentication_required: true },
    ...{
      first_party_pin: '1357',
      second_party_pin: '2468',
      pin_prompt_play: 'https://app.example/pin.mp3',
      pin_retry: 5,
    },
  });
  const call = { ...STANDARD, CallUUID: 'a-17', From: '12025550101', To: known.virtual_number.slice(1) };
  const stranger = { ...STANDARD, CallUUID: 'a-18', From: '12025559999', To: asking.virtual_number.slice(1) };
  const ended = {
    ...{ ...call, Event: 'Hangup', CallStatus: 'completed', StartTime: '2026-03-01 14:05:08' },
    ...{ AnswerTime: '2026-03-01 14:05:10', EndTime: '2026-03-01 14:06:20', Duration: '70', BillDuration: '120' },
    ...{ TotalCost: '0.01000', HangupCause: 'NORMAL_CLEARING', HangupCauseCode: '4000', HangupSource: 'Caller' },
    HangupCauseName: 'Normal Hangup',
  };
  const recorded = {
    ...{ ...call, RecordingID: 'r-17', RecordUrl: 'https://media.example/r-17.mp3?x=1', RecordingDuration: '31' },
    ...{ RecordingDurationMs: '31250', RecordingStartMs: '1772354110000', RecordingEndMs: '1772354141250' },
  };
  const dialled = {
    ...call,
    DialALegUUID: 'a-17',
    DialBLegUUID: 'b-17',
    DialStatus: 'completed',
    DialRingStatus: 'true',
  };
  const post = (path: string, form: object, query: object = {}) =>
    genuine(service.url, PLIVO_TOKEN, { path: BASE + path, form: Object.entries(form), query: Object.entries(query) });
  const get = (path: string, query: object) =>
    genuine(service.url, PLIVO_TOKEN, { method: 'GET', path: BASE + path, query: Object.entries(query) });
  return [
    ['question', post('', call)],
    ['question of a stranger', post('', stranger)],
    ['wrong PIN', post('', { ...stranger, Digits: '0000' }, { try: '1' })],
    ['silence', post('', stranger, { try: '2', silent: 'true' })],
    ['wrong PIN by GET', get('', { ...stranger, Digits: '1111', try: '3' })],
    ['question by GET', get('', call)],
    ["callee's sound", post(`callee-play/${known.session_uuid}/second/`, call)],
    ['dial callback', post('dial-callback/', { ...LEG_B, CallUUID: 'a-17', DialBLegTo: '12025550102' })],
    ['dial action', post('dial-action/', { ...dialled, DialHangupCause: 'NORMAL_CLEARING' })],
    ['recording', post('record-callback/', recorded)],
    ['hangup', post('hangup/', ended)],
    ['hangup by GET', get('hangup/', ended)],
    ['ring of a placed call', post('ring/', { ...stranger, CallUUID: 'a-19', Direction: 'outbound', Event: 'Ring' })],
  ];
}

describe('what Plivo has signed', () => {
  it('is booked once, refused or without effect however it is changed, and may be sent again at any time', async () => {
    const originals = await everything();
    const meanings: { answer: string; read: unknown }[] = [];
    for (const [name, wire] of originals) {
      const { status, text } = await send(written(wire), name);
      expect([name, status]).toEqual([name, 200]);
      meanings.push({ answer: text, read: read.get(name) });
    }
    const before = await stored();

    for (let round = 0; round < 20; round++) {
      const statuses = await Promise.all(
        originals.map(async ([name, wire]) => (await send(written(wire), `${name} again`)).status),
      );
      expect(statuses).toEqual(originals.map(() => 200));
    }
    expect(await stored()).toEqual(before);

    const cases = fc.sample(
      fc.tuple(fc.nat(originals.length - 1), mutations([OTHER_TOKEN, MAIN.token, `${PLIVO_TOKEN} `, 'x'])),
      { numRuns: RUNS, seed: SEED },
    );
    const tally = { accepted: 0, malformed: 0, refused: 0 };
    const faults: string[] = [];
    const judge = async ([at, chain]: readonly [number, readonly Mutation[]], index: number) => {
      const [name, original] = originals[at] ?? ['', null];
      if (original === null) return;
      const wire = written(chain.reduce((one, { apply }) => apply(one, service.url), original));
      const { status, text } = await send(wire, `case ${index}`);
      const told = `case ${index}, ${name}: ${chain.map(({ kind }) => kind).join(', ')}: ${status} ${wire.target}`;
      if (status !== 200) {
        if (status < 400 || status >= 500) faults.push(told);
        tally[status === 400 ? 'malformed' : 'refused']++;
        return;
      }
      tally.accepted++;
      const meant = read.get(`case ${index}`);
      const isSame = JSON.stringify(meant) === JSON.stringify(meanings[at]?.read);
      // Nothing is read of a request for the callee's sound but its address.
      if (!isSame || (meant === undefined && text !== meanings[at]?.answer)) {
        faults.push(`${told}\n  ${JSON.stringify(meant)}\n  ${JSON.stringify(meanings[at]?.read)}`);
      }
    };
    const waiting = [...cases.entries()].reverse();
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await judge(next[1], next[0]);
    };
    await Promise.all(Array.from({ length: 24 }, work));
    expect(faults).toEqual([]);
    expect(await stored()).toEqual(before);
    // Many must get past the signature, or nothing has been tried.
    expect(tally.accepted).toBeGreaterThan(1_000);
    expect(tally.malformed).toBeGreaterThan(500);
    expect(tally.refused).toBeGreaterThan(3_000);
  }, 120_000);
});

describe('what nobody has signed', () => {
  it('never reaches the database', async () => {
    const road = await roadTo(service.databaseUrl);
    // The connection is read once, and then known as long as the clock stands still.
    const far = await startService({ databaseUrl: road.url, deps: { now: () => new Date(0) } });
    const send = (path: string, headers: Record<string, string> = {}) =>
      far.app.inject({
        ...{ method: 'POST', url: BASE + path, payload: 'CallUUID=a-17&From=12025550101&To=14155550100' },
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    expect((await send('')).statusCode).toBe(403);
    const before = road.words();
    expect(before).toBeGreaterThan(0);
    const wrong = { 'x-plivo-signature-v3': `${'A'.repeat(43)}=`, 'x-plivo-signature-v3-nonce': '1' };
    for (let round = 0; round < 50; round++) {
      for (const path of ['', 'hangup/', 'dial-action/', 'dial-callback/', 'record-callback/', 'ring/', 'events/']) {
        for (const headers of [{}, wrong, { 'x-plivo-signature-v2': 'x', 'x-plivo-signature-v2-nonce': '1' }]) {
          expect((await send(path, headers)).statusCode).toBe(403);
        }
      }
    }
    expect(road.words()).toBe(before);
    await far.close();
    road.close();
  });
});
