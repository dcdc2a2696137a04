import { createHash } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { expireSessions } from '../../src/service/expiry.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { passTime } from '../support/invariants.ts';
import {
  api,
  declared,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  OTHER,
  OTHER_KEY,
  PLIVO_KEY,
  PLIVO_TOKEN,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

const TR = ['+905327770011', '+905327770022', '+905327770033', '+905327770044', '+905327770055'] as const;
const US = ['+12025557731', '+12025557732', '+12025557733', '+12025557734'] as const;
const STRANGERS = ['+905327779901', '+905327779902', '+14155557799'] as const;
const FALLBACK = '+905327778801';
const PINS = ['271828182845904', '314159265358979'] as const;
const WRONG_PIN = '161803398874989';
const HIPCALL_PASSWORD = 'hipcall-password-0123456789';

const logLines: string[] = [];
const drawnPins: string[] = [];
const answers: string[] = [];
let service: TestService;
let app: Receiver;
let sql: postgres.Sql;

beforeAll(async () => {
  service = await startService({
    logLines,
    bootstrap: declared({ hipcall: { password: HIPCALL_PASSWORD, fallback_destination: FALLBACK } }),
  });
  app = await receiver((_request, response) => response.writeHead(app.requests().length % 2 === 0 ? 200 : 500).end());
  sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await app.close();
  await service.close();
});

const pinFields = {
  is_pin_authentication_required: true,
  pin_prompt_play: 'https://example.com/pin.mp3',
  pin_retry: 3,
};

/** Everything that an app does with a session, and what callers do with its number. */
async function live(): Promise<void> {
  const callback_url = app.url;
  const withPins = await makeSession(service, {
    ...{ first_party: TR[0], second_party: TR[1], callback_url, ...pinFields },
    ...{ first_party_pin: PINS[0], second_party_pin: PINS[1], force_pin_authentication: true },
  });
  const drawn = await makeSession(service, {
    ...{
      first_party: US[0],
      second_party: US[1],
      callback_url,
      ...pinFields,
      generate_pin: true,
      generate_pin_length: 15,
    },
  });
  drawnPins.push(drawn.session.first_party_pin, drawn.session.second_party_pin);
  const open = await makeSession(service, { first_party: TR[2], create_session_with_single_party: true, callback_url });

  for (const [caller, number] of [
    [TR[0], withPins.virtual_number],
    [STRANGERS[0], withPins.virtual_number],
    [STRANGERS[1], open.virtual_number],
    [TR[2], open.virtual_number],
    [TR[0], STRANGERS[2]],
  ] as const) {
    const uuid = `call-${answers.length}`;
    await ask(caller, number, uuid, {});
    await ask(caller, number, uuid, { pin_code: WRONG_PIN });
    await ask(caller, number, uuid, { pin_code: WRONG_PIN, pin_code_2: PINS[0] });
  }
  await ask(STRANGERS[0], withPins.virtual_number, 'call-x', { pin_code: 'no pin at all' });
  await fetch(`${service.url}/answer/${OTHER_KEY}/`, {
    method: 'POST',
    body: new URLSearchParams({ CallUUID: 'call-y', From: US[3], To: '14155550902', Digits: PINS[0] }),
  });
  for (const [id, wish] of [
    [open.session_uuid, { second_party: TR[3] }],
    [open.session_uuid, { second_party: 'nobody' }],
    [drawn.session_uuid, { session_expiry: 60, first_party_play_url: 'https://example.com/a.mp3' }],
  ] as const)
    await api(service, 'POST', `${SESSIONS}${id}/`, wish);
  for (const query of [`?first_party=${encodeURIComponent(TR[0])}`, `?second_party=${encodeURIComponent(TR[1])}`, '']) {
    await api(service, 'GET', SESSIONS + query);
  }
  await api(service, 'DELETE', `${SESSIONS}${withPins.session_uuid}/`);
  await passTime(sql, 86_400, drawn.session_uuid);
  await expireSessions(service.deps);
  service.dispatcher.wake();
  await vi.waitUntil(
    async () => (await sql`select from callbacks where state = 'pending' and last_error is null`).length === 0,
    10_000,
  );
}

async function ask(caller: string, callee: string, uuid: string, data: object): Promise<void> {
  const response = await fetch(`${service.url}/answer/${HIPCALL_KEY}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`hip:${HIPCALL_PASSWORD}`)}` },
    body: JSON.stringify({ caller, callee, uuid, data }),
  });
  answers.push(await response.text());
}

function secrets(): readonly string[] {
  const phones = [...TR, ...US, ...STRANGERS, FALLBACK].map((phone) => phone.slice(-9));
  const tokens = [MAIN.token, SUB.token, OTHER.token, PLIVO_TOKEN, HIPCALL_PASSWORD, PLIVO_KEY, HIPCALL_KEY, OTHER_KEY];
  return [...phones, ...PINS, WRONG_PIN, ...drawnPins, ...tokens];
}

/** A phone or a PIN hashed without a key is found out by trying all of them. */
function withHashes(values: readonly string[]): readonly string[] {
  const whole = [...TR, ...US, ...STRANGERS, FALLBACK, ...TR.map((phone) => phone.slice(1))];
  const hashed = [...values, ...whole].flatMap((value) =>
    ['md5', 'sha1', 'sha256', 'sha512'].flatMap((name) => {
      const digest = createHash(name).update(value).digest();
      return [digest.subarray(0, 16).toString('hex'), digest.toString('base64url').slice(0, 20)];
    }),
  );
  return [...values, ...hashed, ...values.map((value) => Buffer.from(value).toString('hex'))];
}

/** Every row of every table as text, its bytes once in hex and once as the characters that they are. */
async function dump(): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select quote_ident(schemaname) || '.' || quote_ident(relname) as name from pg_stat_user_tables`;
  const texts: string[] = [];
  for (const output of ['hex', 'escape']) {
    await sql.unsafe(`set bytea_output = '${output}'`);
    for (const { name } of tables) {
      const rows = await sql.unsafe<{ row: string }[]>(`select t::text as row from ${name} t`);
      texts.push(`${name} ${rows.length}`, ...rows.map(({ row }) => row));
    }
  }
  return texts.join('\n');
}

const foundIn = (text: string, values: readonly string[]) => values.filter((value) => text.includes(value));

test('a plain dump of the database contains no phone, no PIN and no secret, nor a hash that could be tried', async () => {
  await live();
  expect(answers.join()).toContain(TR[1].slice(1)); // the calls were really connected
  expect(
    app
      .requests()
      .map(({ body }) => body)
      .join(),
  ).toContain(STRANGERS[0].slice(1));
  await service.deps.exchanges.flush();
  const text = await dump();
  for (const table of ['sessions', 'leases', 'pins', 'calls', 'callbacks', 'exchanges', 'providers', 'accounts']) {
    expect(text).toMatch(new RegExp(`^public.${table} [1-9]`, 'm'));
  }
  expect(text).toContain('+902125550100'); // our own numbers may be read, and so can the dump
  expect(foundIn(text, withHashes(secrets()))).toEqual([]);
});

test('no log line contains a phone, a PIN or a secret, also where the database fails on them', async () => {
  // Each makes statements fail in another way; the first two with messages that repeat what was sent.
  const disasters = [
    `create function tell() returns trigger language plpgsql as $$ begin raise 'no call %', new.provider_call_id; end $$;
     create trigger tell before insert on calls for each row execute function tell()`,
    `alter table virtual_numbers drop constraint virtual_numbers_e164, drop constraint virtual_numbers_number,
     alter column number type int using id`,
    'drop trigger tell on calls; alter table calls add constraint nobody check (decided_at < started_at) not valid',
    'alter table sessions add constraint never check (cooloff_seconds > 3600) not valid',
    'alter table callbacks rename to elsewhere',
    'alter table leases rename to elsewhere_too',
    'alter table account_tokens rename column digest to gone',
    'drop table providers cascade',
  ];
  for (const disaster of disasters) {
    await sql.unsafe(disaster);
    const failed = await api(service, 'POST', SESSIONS, {
      first_party: US[0],
      second_party: US[2],
      callback_url: app.url,
    });
    answers.push(JSON.stringify(failed.body));
    await api(service, 'GET', `${SESSIONS}?first_party=${encodeURIComponent(US[0])}`);
    await ask(STRANGERS[0], '+902125550100', PINS[0], { pin_code: WRONG_PIN });
    await ask(STRANGERS[1], '+902125550101', `call-${disaster.length}`, {});
    await expireSessions(service.deps).catch((err) => service.deps.log.warn({ err }, 'job.failed'));
    service.dispatcher.wake();
    if (failed.status >= 400) expect(foundIn(JSON.stringify(failed.body), secrets())).toEqual([]);
  }
  await service.dispatcher.close();
  const text = logLines.join('');
  for (const name of [
    'request.failed',
    'call.decided',
    'call.failed',
    'callback.attempted',
    'callback.take_failed',
    'session.expired',
  ]) {
    expect(text).toContain(name);
  }
  expect(foundIn(text, secrets())).toEqual([]);
});
