import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { playOut } from '../story/switchboard.ts';
import { backUp } from '../support/backup.ts';
import { emptyDatabase, killAll, makeHome, type ServiceProcess, startProcess } from '../support/process.ts';
import { api, declared, HIPCALL_KEY, MAIN, OTHER, OTHER_KEY, PLIVO_KEY, SESSIONS, SUB } from '../support/service.ts';
import { lines } from '../support/story-lines.ts';

// 200 people and their PINs, marked by digits that nothing else has, through the service as it ships.
const PAIRS = 100;
const phone = (i: number) => `+9053277${String(36_100 + i)}`;
const pin = (i: number) => `8364${String(50_000_000 + i)}`;
const WRONG_PIN = '836499999999';
const PHONES = Array.from({ length: 2 * PAIRS }, (_, i) => phone(i));

const home = makeHome();
let database: Awaited<ReturnType<typeof emptyDatabase>>;
let service: ServiceProcess;
let app: Receiver;
const drawn: string[] = [];
const secrets: string[] = [];
const errors: string[] = [];
const answersToOthers: string[] = [];

beforeAll(async () => {
  database = await emptyDatabase();
  app = await receiver((_request, response) => response.writeHead(app.requests().length % 3 === 0 ? 500 : 200).end());
  const file = path.join(home.directory, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(declared({ tr: 60, plivo: { auth_token: undefined } })));
  const settings = { DATABASE_URL: database.url, DATA_DIR: path.join(home.directory, 'data'), BOOTSTRAP_FILE: file };
  service = await startProcess({ ...settings, LOG_LEVEL: 'trace', CALLBACK_ALLOW_PRIVATE: 'true' });
  await service.ready();
});
afterAll(async () => {
  await killAll();
  await app.close();
  await database.drop();
  home.remove();
});

const of = (account: { id: string }, where: string) => `/v1/Account/${account.id}/${where}`;

/** What is refused or fails is kept, to be looked through. */
async function ask(method: string, where: string, body?: unknown, as: typeof MAIN = MAIN) {
  const answer = await api(service, method, where, body, as);
  if (answer.status >= 400) errors.push(JSON.stringify(answer.body));
  return answer;
}

async function dial(from: string, to: string, uuid: string, data: object): Promise<string> {
  const response = await fetch(`${service.url}/answer/${HIPCALL_KEY}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa('hip:call')}` },
    body: JSON.stringify({ caller: from, callee: to, uuid, data }),
  });
  return response.text();
}

async function useOnce(i: number): Promise<{ id: string; number: string }> {
  const [first, second] = [phone(2 * i), phone(2 * i + 1)];
  const keyed = { is_pin_authentication_required: true, pin_prompt_play: 'https://example.com/p.mp3', pin_retry: 3 };
  const pins =
    i % 3 === 0
      ? { ...keyed, first_party_pin: pin(2 * i), second_party_pin: pin(2 * i + 1), force_pin_authentication: true }
      : i % 3 === 1
        ? { ...keyed, generate_pin: true, generate_pin_length: 15 }
        : {};
  const made = await ask('POST', SESSIONS, {
    first_party: first,
    second_party: second,
    callback_url: app.url,
    ...pins,
  });
  const {
    session_uuid: id,
    virtual_number: number,
    session,
  } = made.body as unknown as Record<string, string> & {
    session: Record<string, string>;
  };
  if (id === undefined || number === undefined) throw new Error(`not created: ${made.body.error}`);
  if (i % 3 === 1) drawn.push(session.first_party_pin ?? '', session.second_party_pin ?? '');
  const callId = `canary-${i}`;
  await dial(first, number, callId, {});
  if (i % 3 === 0) await dial(first, number, callId, { pin_code: WRONG_PIN });
  const document = await dial(first, number, callId, { pin_code: WRONG_PIN, pin_code_2: pin(2 * i) });
  const line = { ...lines.hipcall, key: HIPCALL_KEY, number };
  await playOut({ line, serviceUrl: service.url, callId, from: first, document }, 'callee hangs up');
  await dial(second, phone(2 * i), `nowhere-${i}`, { pin_code: pin(i) });
  return { id, number };
}

/** Requests with phones and PINs where they do not belong, or that come while the database fails. */
async function goWrong(number: string): Promise<void> {
  const [first, second] = [phone(0), phone(1)];
  const wish = { first_party: phone(2), second_party: phone(4), callback_url: app.url };
  for (const [method, where, body] of [
    ['POST', SESSIONS, { first_party: first, second_party: first }],
    ['POST', SESSIONS, { ...wish, session_expiry: first }],
    ['POST', SESSIONS, { ...wish, callback_url: first, callback_method: pin(0) }],
    ['POST', SESSIONS, { ...wish, is_pin_authentication_required: true, first_party_pin: `${pin(0)}x` }],
    ['POST', SESSIONS, `{"first_party": "${first}", `],
    ['POST', SESSIONS, `"${first}"`],
    ['GET', `${SESSIONS}?first_party=${second}&created_time__gt=${pin(0)}`],
    ['GET', `${SESSIONS}${first}/`],
    ['PUT', `${SESSIONS}${first}/`],
    ['GET', `/${first}/${pin(0)}`],
    ['GET', of(MAIN, `Call/?number=${first}x`)],
    ['GET', of(MAIN, `Call/${first}/`)],
    ['GET', of(MAIN, `Masking/Exchange/?virtual_number=${first}&from=${pin(0)}`)],
    ['GET', of(MAIN, `Masking/Audit/?from=${first}`)],
    ['POST', of(MAIN, 'Masking/Erasure/'), { number: `${first} ${pin(0)}` }],
    ['DELETE', of(MAIN, `Number/${first}/`)],
    ['POST', of(MAIN, 'Number/'), { numbers: first, provider: pin(0) }],
  ] as const)
    expect((await ask(method, where, body)).status).toBeGreaterThanOrEqual(400);
  for (const [breaks, mends] of [
    ['alter table leases rename to elsewhere', 'alter table elsewhere rename to leases'],
    ['alter table calls rename to elsewhere', 'alter table elsewhere rename to calls'],
    ['alter table sessions rename to elsewhere', 'alter table elsewhere rename to sessions'],
    ['alter table exchanges rename to elsewhere', 'alter table elsewhere rename to exchanges'],
    ['alter table audit_log rename to elsewhere', 'alter table elsewhere rename to audit_log'],
    ['alter table account_tokens rename to elsewhere', 'alter table elsewhere rename to account_tokens'],
    [
      'alter table sessions add check (cooloff_seconds > 3600) not valid',
      'alter table sessions drop constraint sessions_cooloff_seconds_check',
    ],
    ['alter table calls add check (version < 0) not valid', 'alter table calls drop constraint calls_version_check'],
  ] as const) {
    await database.sql.unsafe(breaks);
    await ask('POST', SESSIONS, wish);
    await ask('GET', `${SESSIONS}?first_party=${encodeURIComponent(first)}`);
    await ask('POST', of(MAIN, 'Masking/Erasure/'), { number: phone(199) });
    await dial(first, number, `broken-${breaks.length}`, { pin_code: WRONG_PIN });
    await database.sql.unsafe(mends);
  }
}

async function askAsOthers(ids: readonly string[]): Promise<void> {
  const [id = ''] = ids;
  for (const [method, where, body, as] of [
    ['GET', of(OTHER, 'Masking/Session/'), undefined, OTHER],
    ['GET', of(OTHER, `Masking/Session/?first_party=${encodeURIComponent(phone(0))}`), undefined, OTHER],
    ['GET', of(OTHER, `Masking/Session/${id}/`), undefined, OTHER],
    ['POST', of(OTHER, `Masking/Session/${id}/`), { session_expiry: 60 }, OTHER],
    ['DELETE', of(OTHER, `Masking/Session/${id}/?erase=true`), undefined, OTHER],
    ['GET', of(MAIN, 'Masking/Session/'), undefined, OTHER],
    ['GET', of(OTHER, 'Call/'), undefined, OTHER],
    ['GET', of(OTHER, `Call/?number=${encodeURIComponent(phone(0))}`), undefined, OTHER],
    ['GET', of(OTHER, 'Masking/Exchange/'), undefined, OTHER],
    ['GET', of(OTHER, 'Masking/Audit/'), undefined, OTHER],
    ['GET', of(OTHER, 'Masking/Callback/'), undefined, OTHER],
    ['POST', of(OTHER, 'Masking/Erasure/'), { number: phone(0) }, OTHER],
    ['GET', of(SUB, 'Masking/Session/'), undefined, SUB],
    ['GET', of(SUB, 'Call/'), undefined, SUB],
    ['GET', of(SUB, 'Masking/Exchange/'), undefined, SUB],
    ['GET', of(MAIN, 'Masking/Audit/?limit=20'), undefined, MAIN],
  ] as const)
    answersToOthers.push(JSON.stringify((await api(service, method, where, body, as)).body));
}

/** Phones without their country, PINs, tokens and keys. */
function marked(): readonly string[] {
  const keys = [MAIN.token, SUB.token, OTHER.token, HIPCALL_KEY, PLIVO_KEY, OTHER_KEY];
  const pins = [...PHONES.keys()].map(pin);
  return [...PHONES.map((text) => text.slice(-9)), ...pins, WRONG_PIN, ...drawn, ...secrets, ...keys];
}

const foundIn = (text: string) => marked().filter((one) => text.includes(one));

describe('of 200 marked people, their PINs and the tokens', () => {
  let log = '';
  beforeAll(async () => {
    const made: { id: string; number: string }[] = [];
    for (let i = 0; i < PAIRS; i += 4) {
      made.push(...(await Promise.all([0, 1, 2, 3].map((more) => useOnce(i + more)))));
    }
    const rotated = await ask('POST', of(MAIN, 'Masking/Callback/Secret/'));
    secrets.push(String(rotated.body.token));
    for (const i of [0, 1, 2, 3]) await ask('POST', of(MAIN, 'Masking/Erasure/'), { number: phone(2 * i) });
    for (const { id } of made.slice(10, 20)) await ask('DELETE', `${SESSIONS}${id}/?erase=true`);
    for (const { id } of made.slice(20, 25)) await ask('DELETE', `${SESSIONS}${id}/`);
    await ask('GET', `${SESSIONS}?limit=20`);
    await goWrong(made[30]?.number ?? '');
    await askAsOthers(made.slice(40).map(({ id }) => id));
    await vi.waitUntil(() => app.requests().length > 100, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    service.kill('SIGTERM');
    await service.ended;
    log = service.stdout() + service.stderr();
  }, 120_000);

  test('all was really there: in what apps are told, and under way when statements failed', () => {
    const told = app
      .requests()
      .map(({ body }) => body)
      .join();
    expect(told).toContain(phone(61).slice(1));
    expect(drawn.filter((text) => /^\d{15}$/.test(text))).toHaveLength(66);
    expect(errors.length).toBeGreaterThan(25);
    expect(answersToOthers).toHaveLength(16);
    for (const name of ['call.decided', 'callback.attempted', 'request.answered', 'request.failed', 'call.failed']) {
      expect(log).toContain(name);
    }
  });

  test('nothing is in the log at its most talkative', () => {
    expect(foundIn(log)).toEqual([]);
  });

  test('nothing is in the text of any refusal or failure', () => {
    expect(foundIn(errors.join('\n'))).toEqual([]);
  });

  test('nothing is in what other accounts, subaccounts and the audit log are shown', () => {
    expect(foundIn(answersToOthers.join('\n'))).toEqual([]);
  });

  test('nothing is in a dump, by bytes as hex or as characters', async () => {
    for (const output of ['hex', 'escape'] as const) {
      const dump = await backUp(database.url, output);
      expect(dump.get('sessions')?.length).toBeGreaterThan(10_000);
      expect(foundIn([...dump.values()].join('\n'))).toEqual([]);
    }
  });
});
