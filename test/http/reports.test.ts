import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declared, HIPCALL_KEY, OTHER_KEY, PLIVO_KEY, startService, type TestService } from '../support/service.ts';
import { roadTo } from '../support/story-road.ts';
import { plivoWebhook } from '../support/webhook-storm.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService({ config: { publicUrl: 'https://bauta.example' } });
});
afterAll(() => service.close());

const HANGUP = { CallUUID: 'c-1', From: '12025550000', To: '14155550100', Direction: 'inbound', Event: 'Hangup' };
const calls = async () => (await service.deps.db.sql`select from calls`).length;

async function send(path: string, body: string, headers: Record<string, string>) {
  const answer = await service.app.inject({ method: 'POST', url: path, headers, payload: body });
  return { status: answer.statusCode, type: String(answer.headers['content-type']), text: answer.body };
}
const form = (path: string, params: Record<string, string> = HANGUP) =>
  send(path, new URLSearchParams(params).toString(), { 'content-type': 'application/x-www-form-urlencoded' });
const json = (path: string, body: object, headers: Record<string, string> = {}) =>
  send(path, JSON.stringify(body), { 'content-type': 'application/json', ...headers });

describe('a report', () => {
  it('without a right signature is refused and stores nothing', async () => {
    expect((await form(`/answer/${PLIVO_KEY}/hangup/`)).status).toBe(403);
    expect((await form(`/answer/nobody/hangup/`)).status).toBe(404);
    const basic = { authorization: `Basic ${btoa('hip:wrong')}` };
    expect((await json(`/answer/${HIPCALL_KEY}/events/`, {}, basic)).status).toBe(401);
    expect(await calls()).toBe(0);
  });

  it('of another dialect’s kind is not found', async () => {
    expect((await form(`/answer/${OTHER_KEY}/events/`)).status).toBe(404);
    expect((await json(`/answer/${HIPCALL_KEY}/hangup/`, {})).status).toBe(404);
    expect((await form(`/answer/${OTHER_KEY}/nothing/`)).status).toBe(404);
  });

  it('that is malformed is refused by the parameter’s name and stores nothing', async () => {
    const wrong = await form(`/answer/${OTHER_KEY}/hangup/`, { ...HANGUP, Duration: '-1' });
    expect([wrong.status, JSON.parse(wrong.text).error]).toEqual([400, expect.stringContaining('Duration')]);
    expect(await calls()).toBe(0);
  });

  it('that was booked is answered with nothing to do, in the dialect', async () => {
    expect(await form(`/answer/${OTHER_KEY}/hangup/`)).toEqual({
      ...{ status: 200, type: expect.stringContaining('application/xml') },
      text: '<?xml version="1.0" encoding="UTF-8"?>\n<Response/>',
    });
    const event = { event: 'call_hangup', data: { uuid: 'u-1', caller_number: '+905320000001' } };
    expect(await json(`/answer/${HIPCALL_KEY}/events/`, event)).toMatchObject({ status: 200, text: '{}' });
    expect((await json(`/answer/${HIPCALL_KEY}/events/`, { event: 'contact_created', data: {} })).status).toBe(200);
    expect(await calls()).toBe(2);
  });
});

describe('while the database is silent', () => {
  it('a report is answered 503, to be sent again, and is booked when it is', async () => {
    const road = await roadTo(service.databaseUrl);
    const far = await startService({ databaseUrl: road.url, config: { publicUrl: 'https://bauta.example' } });
    // So that the connection is known, and its address with it.
    expect(await plivoWebhook(far, 'hangup/', { ...HANGUP, CallUUID: 'before' })).toBe(200);
    road.freeze();
    const began = Date.now();
    expect(await plivoWebhook(far, 'hangup/', { ...HANGUP, CallUUID: 'during' })).toBe(503);
    expect(Date.now() - began).toBeLessThan(4_000);
    road.thaw();
    expect(await plivoWebhook(far, 'hangup/', { ...HANGUP, CallUUID: 'during' })).toBe(200);
    expect(await service.deps.db.sql`select from calls where provider_call_id = 'during'`).toHaveLength(1);
    await far.close();
    road.close();
  });
});

it('the test’s accounts are what they are taken for', () => {
  expect(declared().providers.find(({ key }) => key === OTHER_KEY)).not.toHaveProperty('auth_token');
});
