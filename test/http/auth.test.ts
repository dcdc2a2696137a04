import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  declared,
  MAIN,
  makeSession,
  OTHER,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

const A = { first_party: '+12025550000', second_party: '+12025551111' };
const STRANGER = { id: 'MAZZZZZZZZZZZZZZZZZZ', token: 'no-such-token' };

const SIBLING = 'SACCCCCCCCCCCCCCCCCC';

const sessionsOf = (account: { id: string }) => SESSIONS.replace(MAIN.id, account.id);
const numbersOf = (account: { id: string }) => `/v1/Account/${account.id}/Number/`;

let service: TestService;
let ours: string;
let subs: string;
let theirs: string;

beforeAll(async () => {
  const { accounts, ...rest } = declared();
  const sibling = { auth_id: SIBLING, auth_token: 'sibling-token', name: 'sibling', parent: MAIN.id };
  service = await startService({ bootstrap: { ...rest, accounts: [...accounts, sibling] } });
  ours = (await makeSession(service, A)).session_uuid;
  subs = (await makeSession(service, { ...A, subaccount: SUB.id })).session_uuid;
  const made = await api(service, 'POST', sessionsOf(OTHER), A, OTHER);
  theirs = made.body.session_uuid as never;
});
afterAll(() => service.close());

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

/** The answer as it is on the wire, but for the id of the request. */
async function raw(method: string, path: string, authorization: string | null, payload?: object) {
  // Ten bad ones a minute are looked at, see limits.test.ts.
  await service.deps.db.sql`delete from request_windows`;
  const answer = await service.app.inject({
    method: method as 'GET',
    url: path,
    headers: { ...(authorization !== null && { authorization }) },
    ...(payload && { payload }),
  });
  const { date: _, connection: _c, ...headers } = answer.headers;
  const body = answer.body.replace(/"api_id":"[0-9a-f-]{36}"/, '"api_id":""');
  return { status: answer.statusCode, headers, body };
}

describe('credentials', () => {
  const refused = '{"api_id":"","error":"Authentication failed: sign in with your auth id and auth token."}';

  it.each([
    ['none', null],
    ['an empty header', ''],
    ['no credentials in it', 'Basic'],
    ['no base64', 'Basic !!!'],
    ['no colon', basic(MAIN.id)],
    ['another scheme', `Bearer ${MAIN.token}`],
    ['a wrong token', basic(`${MAIN.id}:${MAIN.token}x`)],
    ['an empty token', basic(`${MAIN.id}:`)],
    ['the token alone', basic(`:${MAIN.token}`)],
    ['the token of another account', basic(`${MAIN.id}:${OTHER.token}`)],
    ['the token of its subaccount', basic(`${MAIN.id}:${SUB.token}`)],
    ['an unknown account', basic(`${STRANGER.id}:${MAIN.token}`)],
    ['an id in small letters', basic(`${MAIN.id.toLowerCase()}:${MAIN.token}`)],
    ['an id with SQL in it', basic(`' or true --:${MAIN.token}`)],
    ['NUL', basic(`${MAIN.id}\0:${MAIN.token}`)],
    ['bytes that are no UTF-8', `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0xff]).toString('base64')}`],
    ['a very long text', basic(`${MAIN.id}:${'x'.repeat(8000)}`)],
  ])('with %s are refused on every route in the same words', async (_what, authorization) => {
    const routes = [
      ['GET', SESSIONS],
      ['POST', SESSIONS],
      ['GET', `${SESSIONS}${ours}`],
      ['POST', `${SESSIONS}${ours}`],
      ['DELETE', `${SESSIONS}${ours}`],
      ['PUT', SESSIONS],
      ['GET', '/Masking/Session'],
      ['DELETE', `/Masking/Session/${ours}`],
      ['GET', numbersOf(MAIN)],
      ['POST', numbersOf(MAIN)],
      ['DELETE', `${numbersOf(MAIN)}14155550100`],
      ['GET', sessionsOf(STRANGER)],
    ] as const;
    for (const [method, path] of routes) {
      const answer = await raw(method, path, authorization);
      expect(answer).toMatchObject({ status: 401, body: refused });
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="Bauta"/);
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    }
  });

  it('are asked for before the body is read', async () => {
    const answer = await api(service, 'POST', SESSIONS, `{"a":"${'x'.repeat(60_000)}`, null);
    expect(answer).toMatchObject({ status: 401 });
  });

  it("are right with any case of the scheme's name", async () => {
    const authorization = basic(`${MAIN.id}:${MAIN.token}`).replace('Basic', 'bASIC');
    expect(await raw('GET', SESSIONS, authorization)).toMatchObject({ status: 200 });
  });

  it('are not asked for the state of health', async () => {
    expect(await raw('GET', '/health/live', null)).toMatchObject({ status: 200 });
    expect(await raw('GET', '/health/ready', null)).toMatchObject({ status: 200 });
  });
});

describe("another tenant's", () => {
  const nobody = '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';
  const authorization = basic(`${MAIN.id}:${MAIN.token}`);

  it.each([
    ['GET', undefined],
    ['DELETE', undefined],
    ['POST', {}],
    ['POST', { session_expiry: 600, first_party: '+12025559999' }],
    ['POST', { session_expiry: -1 }],
    ['PUT', {}],
  ] as const)('session answers %s with %j byte for byte as a missing one', async (method, payload) => {
    for (const base of [SESSIONS, '/Masking/Session/']) {
      const foreign = await raw(method, `${base}${theirs}/`, authorization, payload);
      expect(foreign).toEqual(await raw(method, `${base}${nobody}/`, authorization, payload));
      expect(foreign.status).toBe(
        method === 'PUT' ? 405 : payload && 'session_expiry' in payload && payload.session_expiry === -1 ? 400 : 404,
      );
    }
    const kept = await api(service, 'GET', `${sessionsOf(OTHER)}${theirs}`, undefined, OTHER);
    expect(kept.body).toMatchObject({ response: { status: 'active', duration: 1800, first_party: '12025550000' } });
  });

  it.each([
    ['GET', sessionsOf],
    ['POST', sessionsOf],
    ['GET', (account: { id: string }) => `${sessionsOf(account)}${theirs}`],
    ['DELETE', (account: { id: string }) => `${sessionsOf(account)}${theirs}`],
    ['GET', numbersOf],
    ['GET', (account: { id: string }) => `${numbersOf(account)}14155550902`],
    ['DELETE', (account: { id: string }) => `${numbersOf(account)}14155550902`],
  ])('account answers %s byte for byte as a missing one', async (method, pathOf) => {
    const foreign = await raw(method, pathOf(OTHER), authorization, method === 'POST' ? A : undefined);
    expect(foreign).toEqual(await raw(method, pathOf(STRANGER), authorization, method === 'POST' ? A : undefined));
    expect(foreign).toMatchObject({ status: 404, body: '{"api_id":"","error":"The account was not found."}' });
  });

  it('subaccount is refused as a missing one, and so is a main account', async () => {
    const error = 'Invalid parameter. subaccount is not a subaccount of this account.';
    const wish = { ...A, subaccount: 'SAZZZZZZZZZZZZZZZZZZ' };
    expect(await api(service, 'POST', SESSIONS, wish)).toMatchObject({ status: 400, body: { error } });
    const foreign = await api(service, 'POST', sessionsOf(OTHER), { ...A, subaccount: SUB.id }, OTHER);
    expect(foreign).toMatchObject({ status: 400, body: { error } });
    const main = await api(service, 'POST', SESSIONS, { ...A, subaccount: MAIN.id });
    expect(main.body.error).toBe('Invalid parameter. subaccount should be the auth id of a subaccount.');
  });
});

describe('a subaccount', () => {
  const uuids = async (path: string, as: { id: string; token: string }) => {
    const { response } = (await api(service, 'GET', path, undefined, as)).body as unknown as {
      response: { objects: { session_uuid: string }[] };
    };
    return response.objects.map(({ session_uuid }) => session_uuid);
  };

  it('sees its own sessions alone, its main account those of both', async () => {
    expect(await uuids(sessionsOf(SUB), SUB)).toEqual([subs]);
    expect(await uuids(SESSIONS, MAIN)).toEqual([subs, ours]);
    const { status, body } = await api(service, 'GET', `${sessionsOf(SUB)}${ours}`, undefined, SUB);
    expect([status, body.error]).toEqual([404, 'The session was not found.']);
    expect((await api(service, 'DELETE', `${sessionsOf(SUB)}${ours}`, undefined, SUB)).status).toBe(404);
    expect((await api(service, 'POST', `${sessionsOf(SUB)}${ours}`, { record: true }, SUB)).status).toBe(404);
    expect((await api(service, 'GET', `${SESSIONS}${subs}`)).status).toBe(200);
  });

  it('is acted for by its main account, and then shows and does what itself would', async () => {
    expect(await uuids(sessionsOf(SUB), MAIN)).toEqual([subs]);
    expect((await api(service, 'GET', `${sessionsOf(SUB)}${ours}`)).status).toBe(404);
    expect((await api(service, 'POST', `${sessionsOf(SUB)}${subs}`, { record: true })).status).toBe(200);
  });

  it('does not act for its main account', async () => {
    for (const path of [SESSIONS, numbersOf(MAIN), `${SESSIONS}${ours}`])
      expect((await api(service, 'GET', path, undefined, SUB)).status).toBe(404);
  });

  it.each([
    ['by its own sign-in', sessionsOf(SUB), {}, SUB],
    ['by its own sign-in, without the account in the path', '/Masking/Session', {}, SUB],
    ['by its own sign-in and name', sessionsOf(SUB), { subaccount: SUB.id }, SUB],
    ['by its main account in its name', sessionsOf(SUB), {}, MAIN],
    ['by its main account for it', SESSIONS, { sub_account: SUB.id }, MAIN],
  ])('uses only its own number when a session is made %s', async (_how, path, more, as) => {
    const parties = { first_party: '+12025553333', second_party: '+12025554444' };
    const made = await api(service, 'POST', path, { ...parties, ...more }, as);
    expect(made.body).toMatchObject({ virtual_number: '+14155550901' });
    const full = await api(service, 'POST', path, { ...parties, ...more }, as);
    expect(full).toMatchObject({ status: 400, body: { error: 'Number pool exhausted or not available.' } });
    const id = String(made.body.session_uuid);
    expect((await api(service, 'DELETE', `${sessionsOf(SUB)}${id}`, undefined, SUB)).status).toBe(200);
  });

  it("leaves its number to itself: its main account's sessions never use it", async () => {
    const parties = (n: number) => ({ first_party: '+12025557777', second_party: `+1202555780${n}` });
    for (let n = 0; n < 5; n++)
      expect((await makeSession(service, parties(n))).virtual_number).not.toBe('+14155550901');
    expect((await api(service, 'POST', SESSIONS, parties(5))).status).toBe(400);
  });

  it('cannot make a session for another subaccount', async () => {
    const error = 'Invalid parameter. subaccount is not a subaccount of this account.';
    const refused = await api(service, 'POST', sessionsOf(SUB), { ...A, subaccount: SIBLING }, SUB);
    expect(refused).toMatchObject({ status: 400, body: { error } });
  });
});
