import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MAIN, makeSession, startService, type TestService } from '../support/service.ts';
import { sound } from '../support/story-lines.ts';

// Hipcall's guide "Authenticate Callers with PIN Verification", to the letter: requests with `caller` and
// `data` alone, no credentials, an extension where callers with a wrong PIN go.

const ONE_NUMBER = 'guide-with-one-number';
const NO_FALLBACK = 'guide-without-fallback';
const DEFAULT_NUMBER = 'guide-with-default-number';
const NO_NUMBER = 'guide-with-several-numbers';
const number = { one: '+902125550100', plain: '+902125550200', several: '+902125550300', other: '+902125550301' };

let service: TestService;
beforeAll(async () => {
  const connection = { account: MAIN.id, dialect: 'hipcall', default_country: 'TR' };
  const sounds = { success_play: sound('success'), failure_play: sound('failure') };
  service = await startService({
    bootstrap: {
      accounts: [{ auth_id: MAIN.id, auth_token: MAIN.token, name: 'main' }],
      providers: [
        { ...connection, ...sounds, key: ONE_NUMBER, fallback_destination: '1092' },
        { ...connection, ...sounds, key: NO_FALLBACK },
        { ...connection, key: DEFAULT_NUMBER, default_number: number.several },
        { ...connection, key: NO_NUMBER },
      ],
      numbers: [
        { number: number.one, account: MAIN.id, provider: ONE_NUMBER },
        { number: number.plain, account: MAIN.id, provider: NO_FALLBACK },
        { number: number.several, account: MAIN.id, provider: DEFAULT_NUMBER },
        { number: number.other, account: MAIN.id, provider: DEFAULT_NUMBER },
        { number: '+902125550400', account: MAIN.id, provider: NO_NUMBER },
        { number: '+902125550401', account: MAIN.id, provider: NO_NUMBER },
      ],
    },
  });
});
afterAll(() => service.close());
afterEach(async () => {
  await service.deps.db.sql`with a as (delete from calls), b as (delete from leases), c as (delete from pins)
    delete from sessions`;
});

const PARTIES = { first_party: '+905320000001', second_party: '+905320000002' };
const PIN = {
  ...PARTIES,
  is_pin_authentication_required: true,
  first_party_pin: '1357',
  second_party_pin: '2468',
  pin_prompt_play: sound('pin'),
  pin_retry: 0,
};

/** A session on the number that is wanted: the others get ones of their own first. */
async function sessionOn(wanted: string, wish: object = PIN): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const { virtual_number: got } = await makeSession(service, wish);
    if (got === wanted) return;
  }
  throw new Error(`no session on ${wanted}`);
}

async function ask(key: string, body: object): Promise<{ version: string; seq: object[] }> {
  const answer = await fetch(`${service.url}/answer/${key}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  return (await answer.json()) as { version: string; seq: object[] };
}

const caller = '+905060508169';
const GATHER = {
  version: '1',
  seq: [{ action: 'gather', args: { min_digits: 4, max_digits: 4, ask: sound('pin'), variable_name: 'pin_code' } }],
};
const play = (name: string) => ({ action: 'play', args: { url: sound(name) } });
const connect = (destination: string) => ({ action: 'connect', args: { destination } });
const dial = (destination: string) => ({ action: 'dial', args: { destination } });

describe('the call of Hipcall’s guide', () => {
  it('is asked for its PIN as long as there is none in the data', async () => {
    await sessionOn(number.one);
    expect(await ask(ONE_NUMBER, { caller, data: {} })).toEqual(GATHER);
    expect(await ask(ONE_NUMBER, { caller, data: {} })).toEqual(GATHER);
  });

  it('hears the success prompt after a right PIN, then reaches the other party', async () => {
    await sessionOn(number.one);
    await ask(ONE_NUMBER, { caller, data: {} });
    const answer = await ask(ONE_NUMBER, { caller, data: { pin_code: '1357' } });
    expect(answer).toEqual({ version: '1', seq: [play('success'), dial('905320000002')] });
  });

  it('hears the failure prompt after a wrong one, then reaches the fallback extension', async () => {
    await sessionOn(number.one);
    await ask(ONE_NUMBER, { caller, data: {} });
    const answer = await ask(ONE_NUMBER, { caller, data: { pin_code: '9999' } });
    expect(answer).toEqual({ version: '1', seq: [play('failure'), connect('1092')] });
  });

  it('ends behind the failure prompt where the connection has no fallback', async () => {
    await sessionOn(number.plain);
    await ask(NO_FALLBACK, { caller, data: {} });
    const answer = await ask(NO_FALLBACK, { caller, data: { pin_code: '9999' } });
    expect(answer).toEqual({ version: '1', seq: [play('failure'), { action: 'hangup' }] });
  });

  it('is asked under a name of its own for each try', async () => {
    await sessionOn(number.one, { ...PIN, pin_retry: 2 });
    await ask(ONE_NUMBER, { caller, data: {} });
    const data: Record<string, string> = {};
    for (const [name, next] of [
      ['pin_code', 'pin_code_2'],
      ['pin_code_2', 'pin_code_3'],
    ] as const) {
      data[name] = '9999';
      const { seq } = await ask(ONE_NUMBER, { caller, data });
      expect(seq.at(-1)).toMatchObject({ action: 'gather', args: { variable_name: next } });
    }
    const { seq } = await ask(ONE_NUMBER, { caller, data: { ...data, pin_code_3: '2468' } });
    expect(seq.at(-1)).toEqual(dial('905320000001'));
  });

  it('is the same call with whichever prefix its caller comes', async () => {
    await sessionOn(number.one);
    await ask(ONE_NUMBER, { caller: '905060508169', data: {} });
    await ask(ONE_NUMBER, { caller: '05060508169', data: {} });
    await ask(ONE_NUMBER, { caller: '+905060508169', data: { pin_code: 9999 } });
    const [row, ...others] = await service.deps.db.sql`select outcome, cardinality(pin_tries) as tries from calls`;
    expect([{ ...row }, others]).toEqual([{ outcome: 'pin_failed', tries: 1 }, []]);
  });

  it.each(['+905320000001', '905320000001', '05320000001', '5320000001'])(
    'of a party that comes as %s reaches the other one without PIN',
    async (from) => {
      await sessionOn(number.one);
      expect((await ask(ONE_NUMBER, { caller: from, data: {} })).seq).toEqual([dial('905320000002')]);
    },
  );

  it('with the digits in its very first request is not asked for them again', async () => {
    await sessionOn(number.one);
    const { seq } = await ask(ONE_NUMBER, { caller, data: { pin_code: '2468' } });
    expect(seq).toEqual([play('success'), dial('905320000001')]);
  });
});

describe('the number that a request without callee means', () => {
  it('is the connection’s default number where it has several', async () => {
    await sessionOn(number.several);
    expect((await ask(DEFAULT_NUMBER, { caller: PARTIES.first_party, data: {} })).seq).toEqual([dial('905320000002')]);
  });

  it('is the callee all the same where one is named', async () => {
    const party = '+905320000009';
    await sessionOn(number.other, { ...PARTIES, first_party: party });
    const named = { caller: party, callee: number.other.slice(1), data: {}, uuid: 'u1' };
    expect((await ask(DEFAULT_NUMBER, named)).seq).toEqual([dial('905320000002')]);
  });

  it('is none of several without a default: the call ends politely', async () => {
    expect((await ask(NO_NUMBER, { caller, data: {} })).seq).toEqual([{ action: 'hangup' }]);
  });
});
