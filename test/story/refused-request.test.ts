import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { type StorySession, type StoryWorld, send, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';

const { plivo, hipcall } = lines;
const FORM = 'application/x-www-form-urlencoded';
let world: StoryWorld;
let session: StorySession;
beforeAll(async () => {
  world = await startStories();
  session = await world.session(plivo, { ...WITH_PIN, callback_url: 'https://app.example/cb' });
  await world.session(hipcall, { ...WITH_PIN, callback_url: 'https://app.example/cb' });
});
afterEach(async () => {
  await world.service.deps.db.sql`with c as (delete from calls) delete from callbacks`;
});
afterAll(() => world.service.close());

const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });
const nothingStored = async () => expect([await world.calls(), await world.callbacks()]).toEqual([[], []]);

/** A request of Plivo's, signed with a token or not at all. */
function plivoRequest(method: 'GET' | 'POST', token: string | null, more: Record<string, string> = {}) {
  const params = { CallUUID: 'call-1', From: session.first.slice(1), To: plivo.number.slice(1), ...more };
  const url = `${world.service.url}/answer/${plivo.key}`;
  const asked = method === 'GET' ? `${url}?${new URLSearchParams(params)}` : url;
  const signed = { method, url: asked, nonce: '12345678901234567890', params: method === 'POST' ? params : {} };
  const signature: Record<string, string> =
    token === null
      ? {}
      : { 'x-plivo-signature-v3': signPlivoV3({ ...signed, token }), 'x-plivo-signature-v3-nonce': signed.nonce };
  const type: Record<string, string> = method === 'POST' ? { 'content-type': FORM } : {};
  const body = method === 'POST' ? new URLSearchParams(params).toString() : '';
  return { method, url: asked, headers: { ...type, ...signature }, body };
}

function hipcallRequest(headers: Record<string, string>, body: unknown = question()) {
  const url = `${world.service.url}/answer/${hipcall.key}`;
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  } as const;
}

function question(): Record<string, unknown> {
  return { caller: world.phone(hipcall), callee: hipcall.number.slice(1), data: {}, uuid: 'call-1' };
}

describe('a request that is not the provider’s', () => {
  it.each([
    ['no signature', () => plivoRequest('POST', null)],
    ['a signature with another token', () => plivoRequest('POST', 'another-token')],
    ['no signature on a GET', () => plivoRequest('GET', null)],
    [
      'a body that was changed behind the signature',
      () => {
        const request = plivoRequest('POST', plivo.credentials.authToken);
        return { ...request, body: request.body.replace(/From=\d/, 'From=9') };
      },
    ],
    [
      'a signature for another address',
      () => {
        const request = plivoRequest('POST', plivo.credentials.authToken);
        return { ...request, url: `${request.url}?try=2` };
      },
    ],
    ['digits, unsigned', () => plivoRequest('POST', null, { Digits: '1357' })],
  ])('of Plivo with %s is refused with 403 and leaves no trace', async (_, request) => {
    const answer = await send(request());
    expect(answer.status).toBe(403);
    expect(answer.body).not.toContain(session.second.slice(1));
    await nothingStored();
  });

  it.each([
    ['no password', {}],
    ['a wrong password', basic('hip:wrong')],
    ['a wrong user', basic('hop:call')],
    ['nothing but a user', basic('hip')],
    ['another scheme', { authorization: 'Bearer call' }],
  ])('of Hipcall with %s is refused with 401 and leaves no trace', async (_, headers) => {
    for (const data of [{}, { pin_code: '1357' }]) {
      const answer = await send(hipcallRequest(headers, { ...question(), data }));
      expect(answer.status).toBe(401);
    }
    await nothingStored();
  });

  it('of Hipcall is told which credentials are asked for', async () => {
    const request = hipcallRequest({});
    const answer = await fetch(request.url, request);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  });

  it('of one connection is none of another, though the credentials are right there', async () => {
    const url = `${world.service.url}/answer/${plivo.key}`;
    expect((await send({ ...hipcallRequest(basic('hip:call')), url })).status).toBe(403);
    await nothingStored();
  });

  it('to an unknown key is refused with 404, be it ever so well signed', async () => {
    const url = `${world.service.url}/answer/no-connection-of-ours`;
    for (const request of [plivoRequest('POST', plivo.credentials.authToken), hipcallRequest(basic('hip:call'))]) {
      expect((await send({ ...request, url })).status).toBe(404);
    }
    await nothingStored();
  });
});

describe('a request by GET', () => {
  it('of Plivo is answered like one by POST', async () => {
    const byGet = await send(plivoRequest('GET', plivo.credentials.authToken));
    expect(byGet).toMatchObject({ status: 200, contentType: 'application/xml; charset=utf-8' });
    expect(byGet.body).toContain(`<Number>${session.second.slice(1)}</Number>`);
    expect(await send(plivoRequest('POST', plivo.credentials.authToken))).toEqual(byGet);
  });

  it('of Hipcall is answered like one by POST', async () => {
    const { caller, callee, uuid } = question();
    const query = new URLSearchParams({ caller: String(caller), callee: String(callee), uuid: String(uuid) });
    const url = `${world.service.url}/answer/${hipcall.key}?${query}`;
    const byGet = await send({ method: 'GET', url, headers: basic('hip:call'), body: '' });
    expect(byGet).toMatchObject({ status: 200, contentType: 'application/json; charset=utf-8' });
    expect(JSON.parse(byGet.body)).toMatchObject({ seq: [{ action: 'gather', args: { variable_name: 'pin_code' } }] });
    expect(await send(hipcallRequest(basic('hip:call'), { caller, callee, uuid, data: {} }))).toEqual(byGet);
  });
});

describe('the document that a callee hears', () => {
  const ask = (id: string, token: string) => {
    const url = `${world.service.url}/answer/${plivo.key}/callee-play/${id}/second`;
    const signature = signPlivoV3({ method: 'POST', url, nonce: '1', params: { CallUUID: 'b-leg' }, token });
    const headers = { 'content-type': FORM, 'x-plivo-signature-v3': signature, 'x-plivo-signature-v3-nonce': '1' };
    return send({ method: 'POST', url, headers, body: 'CallUUID=b-leg' });
  };

  it('is given to the provider alone', async () => {
    await world.update(plivo, session, { second_party_play_url: 'https://sounds.example/to-second.mp3' });
    expect((await ask(session.id, 'another-token')).status).toBe(403);
    expect((await ask(session.id, plivo.credentials.authToken)).body).toContain('to-second.mp3');
  });

  it('is silence for a session of another account, and for one that there is not', async () => {
    const other = await world.session(hipcall, { second_party_play_url: 'https://sounds.example/theirs.mp3' });
    for (const id of [other.id, '00000000-0000-4000-8000-000000000000']) {
      const answer = await ask(id, plivo.credentials.authToken);
      expect([answer.status, answer.body.includes('<Play>')]).toEqual([200, false]);
    }
  });
});

it('a HEAD request, which nobody answers a call with, stores nothing', async () => {
  const { url, headers } = plivoRequest('GET', plivo.credentials.authToken);
  await fetch(url, { method: 'HEAD', headers });
  await nothingStored();
});

describe('a request that cannot be read', () => {
  const signedIn = basic('hip:call');
  it.each([
    ['no JSON', () => ({ ...hipcallRequest(signedIn), body: '{' })],
    ['a list', () => hipcallRequest(signedIn, [])],
    ['no caller', () => hipcallRequest(signedIn, { data: {} })],
    ['data that is a text', () => hipcallRequest(signedIn, { ...question(), data: 'pin' })],
    ['a NUL in the caller', () => hipcallRequest(signedIn, { ...question(), caller: 'a\0b' })],
    [
      'a nest of 20 lists',
      () => hipcallRequest(signedIn, { ...question(), data: { x: JSON.parse('['.repeat(20) + ']'.repeat(20)) } }),
    ],
    ['a form instead of JSON', () => ({ ...hipcallRequest(signedIn), headers: { ...signedIn, 'content-type': FORM } })],
    ['70 kB', () => hipcallRequest(signedIn, { ...question(), data: { x: 'x'.repeat(70_000) } })],
    ['a call id with spaces', () => plivoRequest('POST', plivo.credentials.authToken, { CallUUID: 'a b' })],
    ['letters for digits', () => plivoRequest('POST', plivo.credentials.authToken, { Digits: 'abc' })],
  ])('of %s is never a failure of ours, nor HTML, and stores nothing', async (_, request) => {
    const answer = await send(request());
    expect(answer.status).toBeLessThan(500);
    expect(answer.contentType).toMatch(/^application\/(json|xml)/);
    await nothingStored();
  });
});
