import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connectedCall } from '../support/call-events.ts';
import { api, MAIN, makeSession, OTHER, SESSIONS, SUB, startService, type TestService } from '../support/service.ts';

const OURS = { 'x-bauta-console': '1' };
const A = { first_party: '+12025550000', second_party: '+12025551111' };
const AUDIT = `/v1/Account/${MAIN.id}/Masking/Audit/`;

let service: TestService;
let cookie: string;

beforeAll(async () => {
  service = await startService();
  cookie = (await signIn(MAIN)).cookie;
});

afterAll(() => service.close());

async function signIn({ id, token }: { id: string; token: string }, headers: Record<string, string> = OURS) {
  const response = await fetch(`${service.url}/console/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ auth_id: id, auth_token: token }),
  });
  const set = response.headers.get('set-cookie') ?? '';
  return { status: response.status, set, cookie: set.split(';')[0] ?? '', body: await response.json() };
}

async function ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: unknown } = {}) {
  const { method = 'GET', headers = OURS, body } = init;
  const response = await fetch(service.url + path, {
    method,
    headers: { cookie, ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

describe('signing in at the console', () => {
  test('gives a cookie that scripts cannot read and other sites cannot send', async () => {
    const { status, set, body } = await signIn(MAIN);
    expect(status).toBe(200);
    expect(set).toMatch(/^bauta_console=[\w-]+; Path=\/; Max-Age=28800; HttpOnly; SameSite=Strict$/);
    expect(set).not.toContain(MAIN.token);
    expect(body).toMatchObject({ auth_id: MAIN.id, is_subaccount: false });
  });

  test('keeps the cookie to encrypted connections where the service is reached by them', async () => {
    const secure = await startService({ config: { publicUrl: 'https://bauta.example' } });
    const response = await secure.app.inject({
      ...{ method: 'POST', url: '/console/sign-in', headers: OURS },
      payload: { auth_id: MAIN.id, auth_token: MAIN.token },
    });
    expect(response.headers['set-cookie']).toMatch(/; Secure$/);
    await secure.close();
  });

  test('is refused without the header, and with a wrong token, without a challenge', async () => {
    expect((await signIn(MAIN, {})).status).toBe(403);
    const wrong = await signIn({ ...MAIN, token: 'wrong' });
    expect(wrong).toMatchObject({ status: 401, set: '' });
    const nobody = await ask(SESSIONS, { headers: { ...OURS, cookie: 'bauta_console=AAAA' } });
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toBeNull();
  });

  test('counts wrong tokens together with those of the API', async () => {
    for (let i = 0; i < 5; i += 1) {
      await api(service, 'GET', '/Masking/Session/', undefined, { ...OTHER, token: 'wrong' });
      await signIn({ ...OTHER, token: 'wrong' });
    }
    expect((await signIn(OTHER)).status).toBe(429);
  });

  test('ends with its time, and with the token that it was made with', async () => {
    let now = Date.now();
    const held = await startService({ deps: { now: () => new Date(now) }, databaseUrl: service.databaseUrl });
    const url = SESSIONS;
    const status = async () => (await held.app.inject({ url, headers: { ...OURS, cookie } })).statusCode;
    expect(await status()).toBe(200);
    now += 8 * 3_600_000 + 1_000;
    expect(await status()).toBe(401);
    await held.close();

    const sub = await signIn(SUB);
    const path = `/v1/Account/${SUB.id}/Masking/Session/`;
    expect((await ask(path, { headers: { ...OURS, cookie: sub.cookie } })).status).toBe(200);
    await api(service, 'POST', `/v1/Account/${SUB.id}/Token/`);
    await api(service, 'DELETE', `/v1/Account/${SUB.id}/Token/`);
    expect((await ask(path, { headers: { ...OURS, cookie: sub.cookie } })).status).toBe(401);
  });

  test('opens the API only with the header, which a foreign page cannot set', async () => {
    expect((await ask(SESSIONS, { headers: {} })).status).toBe(401);
    expect((await ask(SESSIONS, { method: 'POST', headers: {}, body: A })).status).toBe(401);
    expect((await ask(SESSIONS, { headers: { ...OURS } })).status).toBe(200);
    expect((await ask(`/v1/Account/${OTHER.id}/Masking/Session/`)).status).toBe(404);
  });
});

describe('what the console is shown', () => {
  test('has no phone and no PIN in it, wherever one stands', async () => {
    const made = await makeSession(service, {
      ...{ first_party: '+12025553331', second_party: '+12025553332' },
      ...{ is_pin_authentication_required: true, generate_pin: true, pin_prompt_play: 'https://app.example/p.mp3' },
    });
    const virtualNumber = `+${made.session.virtual_number}`;
    for (const event of Object.values(connectedCall({ caller: '+12025553331', virtualNumber }))) {
      await event(service, 'masked-call');
    }
    service.deps.exchanges.record({
      ...{ at: new Date(), accountId: MAIN.id, providerId: 1, webhook: 'answer', callId: 'masked-call', virtualNumber },
      ...{ status: 200, decision: 'known caller, connected', milliseconds: 1 },
      fields: { From: '12025553331', nested: [{ to: 12025553332 }] },
      document: '<Dial><Number>12025553332</Number></Dial>',
    });
    await service.deps.exchanges.flush();
    for (const path of [
      SESSIONS,
      `${SESSIONS}${made.session_uuid}/`,
      `/v1/Account/${MAIN.id}/Call/`,
      `/v1/Account/${MAIN.id}/Masking/Exchange/`,
      `/v1/Account/${MAIN.id}/Masking/Callback/`,
    ]) {
      const { status, text } = await ask(path);
      expect(status, path).toBe(200);
      expect(text, path).not.toMatch(/202555333[12]/);
      expect(text, path).not.toContain(made.session.first_party_pin);
    }
    const { text } = await ask(`${SESSIONS}${made.session_uuid}/`);
    expect(JSON.parse(text).response).toMatchObject({ first_party: '12…3331', virtual_number: virtualNumber.slice(1) });
    const created = await ask(SESSIONS, {
      method: 'POST',
      body: { first_party: '+12025554441', second_party: '+12025554442' },
    });
    expect(created.status).toBe(201);
    expect(created.text).not.toMatch(/202555444[12]/);
    await service.deps.audit.flush();
    const reads = await api(service, 'GET', `${AUDIT}?action=session.get`);
    expect(reads.body).toMatchObject({ objects: [] });
  });

  test('has one session’s numbers for a reason of the list, which is booked, and for no other', async () => {
    const { session_uuid: id } = await makeSession(service, A);
    const reveal = (path: string, reason: string) => ask(path, { headers: { ...OURS, 'x-bauta-reveal': reason } });
    expect((await reveal(`${SESSIONS}${id}/`, 'because')).text).not.toContain('12025550000');
    expect((await reveal(SESSIONS, 'failed_call')).text).not.toContain('12025550000');
    expect((await reveal(`${SESSIONS}${id}/`, 'failed_call')).text).toContain('12025550000');
    const { body } = await api(service, 'GET', `${AUDIT}?action=session.reveal`);
    const { objects } = body as unknown as { objects: { actor: string; object: string; fields: string[] }[] };
    expect(objects).toHaveLength(1);
    expect(objects[0]).toMatchObject({ actor: MAIN.id, object: id });
    expect(objects[0]?.fields).toEqual(expect.arrayContaining(['first_party', 'reason.failed_call']));
  });

  test('has the connections of its own account with the addresses to paste', async () => {
    const { text } = await ask('/console/connections');
    const { connections } = JSON.parse(text);
    expect(connections.map(({ dialect }: { dialect: string }) => dialect)).toEqual(['plivo', 'hipcall']);
    expect(connections[0].address).toBe(`${service.url}/answer/plivo-connection-key/`);
    expect((await ask('/console/connections', { headers: { cookie: '' } })).status).toBe(401);
  });
});

test('the console’s page allows no script, style or address but its own, and is not sent twice', async () => {
  const first = await ask('/console/sessions', { headers: {} });
  const policy = first.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
  expect(policy).not.toContain('unsafe');
  expect(first.text).not.toMatch(/<script(?![^>]* src=)|<style|style=| on\w+=/);
  const again = await ask('/console', { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
  expect(again).toMatchObject({ status: 304, text: '' });
});

test('the console is told of a session that was made elsewhere, and its stream ends with the service', async () => {
  const own = await startService({ databaseUrl: service.databaseUrl });
  const response = await fetch(`${own.url}/console/events`, { headers: { cookie } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let heard = '';
  const ended = (async () => {
    for await (const chunk of response.body ?? []) heard += Buffer.from(chunk).toString();
  })();
  await vi.waitFor(() => expect(heard).toContain('event: open'));
  // The first look is told too, and nothing more as long as nothing happens.
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  expect(heard.split('event: change')).toHaveLength(2);
  await makeSession(service, { first_party: '+12025557771', second_party: '+12025557772' });
  await vi.waitFor(() => expect(heard.split('event: change')).toHaveLength(3), { timeout: 2_000 });
  await own.close();
  await ended;
  expect((await fetch(`${service.url}/console/events`)).status).toBe(401);
});
