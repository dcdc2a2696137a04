import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  api,
  type CreatedSession,
  MAIN,
  makeSession,
  SESSIONS,
  startService,
  type TestService,
} from '../support/service.ts';

const A = { first_party: '+12025550000', second_party: '+12025551111' };
const SINGLE = { first_party: A.first_party, create_session_with_single_party: true };
const NOBODY = '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';
const EXPIRED = { status: 400, body: { error: 'Session already expired' } };

type Shown = Readonly<Record<string, unknown>>;

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(() => service.deps.db.sql`truncate sessions, leases, pins, callbacks`);

const make = (wish: object = A): Promise<CreatedSession> => makeSession(service, wish);
const update = (id: string, body?: unknown) => api(service, 'POST', `${SESSIONS}${id}/`, body);
const remove = (id: string) => api(service, 'DELETE', `${SESSIONS}${id}/`);

async function shown(id: string): Promise<Shown> {
  return (await api(service, 'GET', `${SESSIONS}${id}/`)).body.response as never;
}

async function updated(id: string, body: object): Promise<Shown> {
  const { status, body: answer } = await update(id, body);
  expect(answer.error).toBeUndefined();
  expect(status).toBe(200);
  expect(Object.keys(answer)).toEqual(['api_id', 'message', 'session']);
  return answer.session as never;
}

/** Lets a session have been made, changed and due to end that many seconds earlier. */
const age = (id: string, seconds: number) =>
  service.deps.db.sql`update sessions set created_at = created_at - make_interval(secs => ${seconds}),
    modified_at = modified_at - make_interval(secs => ${seconds}),
    expires_at = expires_at - make_interval(secs => ${seconds}) where id = ${id}`;

const seconds = (session: Shown, name: string) => Date.parse(String(session[name]).replace(' +0000 UTC', 'Z')) / 1000;
const aboutNow = () => expect.toSatisfy((at: number) => Math.abs(at - Date.now() / 1000) < 5);

describe('an update', () => {
  const url = 'https://app.example/new';

  it.each([
    [{ call_time_limit: 600 }, { call_time_limit: 600 }],
    [{ ring_timeout: '120' }, { ring_timeout: 120 }],
    [
      { callback_url: url, callback_method: 'GET' },
      { callback_url: url, callback_method: 'GET' },
    ],
    [
      { record: 'true', record_file_format: 'wav' },
      { record: true, record_file_format: 'wav' },
    ],
    [
      { recording_callback_url: url, recording_callback_method: 'get' },
      { recording_callback_url: url, recording_callback_method: 'GET' },
    ],
    [
      { first_party_play_url: url, second_party_play_url: url },
      { first_party_play_url: url, second_party_play_url: url },
    ],
    [{}, {}],
    // What Go, Java and Python send along.
    [{ session_expiry: 0, call_time_limit: 0, ring_timeout: 0, record: true }, { record: true }],
    [{ session_uuid: NOBODY, session_expiry: null, callback_url: null }, {}],
  ])('with %j changes that and nothing else: defaults are for create alone', async (change, expected) => {
    const { session, session_uuid: id } = await make({
      ...A,
      session_expiry: 900,
      call_time_limit: 700,
      callback_url: 'https://app.example/old',
    });
    const now = await updated(id, change);
    expect(now).toEqual({ ...session, ...expected, modified_time: expect.any(String) });
    expect(Object.keys(now)).toEqual(Object.keys(session));
    expect(await shown(id)).toEqual(now);
  });

  it('takes an address away with an empty text', async () => {
    const { session_uuid: id } = await make({ ...A, callback_url: url, first_party_play_url: url });
    expect(await updated(id, { callback_url: '' })).toMatchObject({ callback_url: '', first_party_play_url: url });
  });

  it('of session_expiry counts from the update, and the duration from the creation', async () => {
    const { session_uuid: id } = await make();
    await age(id, 1000);
    // Late in its second, as a session may be made: times are shown without the rest.
    await service.deps.db.sql`
      update sessions set created_at = date_trunc('second', created_at) + interval '0.999 s' where id = ${id}`;
    const now = await updated(id, { session_expiry: 16_400 });
    expect(now.duration).toBe(seconds(now, 'expiry_time') - seconds(now, 'created_time'));
    expect(now.duration).toBeGreaterThanOrEqual(17_400);
    expect(seconds(now, 'modified_time')).toEqual(aboutNow());
    expect(seconds(now, 'expiry_time') - 16_400).toEqual(aboutNow());
    const sooner = await updated(id, { session_expiry: '60' });
    expect(seconds(sooner, 'expiry_time') - 60).toEqual(aboutNow());
    expect(sooner.duration).toBeLessThan(1070);
  });

  it("ignores what cannot change in a session's life, right or wrong", async () => {
    const { session, session_uuid: id } = await make();
    const pin = { is_pin_authentication_required: true, generate_pin: 'yes', generate_pin_length: 99, pin_retry: -1 };
    const pins = {
      first_party_pin: '1',
      second_party_pin: {},
      pin_prompt_play: 'x',
      incorrect_pin_play: 7,
      pin_retry_wait: 'x',
    };
    const rest = {
      geomatch: 'no',
      subaccount: 'x',
      initiate_call_to_first_party: true,
      unknown_caller_play: 'x',
      force_pin_authentication: 1,
    };
    const more = {
      virtual_number_cooloff_period: 4000,
      create_session_with_single_party: true,
      virtual_number: '+14155550101',
      status: 'expired',
    };
    const parties = { first_party: '+12025559999', second_party: 'nobody at all' };
    const now = await updated(id, { ...pin, ...pins, ...rest, ...more, ...parties });
    expect(now).toEqual({ ...session, modified_time: expect.any(String) });
  });

  it.each([
    [{ session_expiry: 7_776_001 }, 'Invalid parameter. session_expiry is outside the allowed range.'],
    [{ call_time_limit: -1 }, 'Invalid parameter. call_time_limit is outside the allowed range.'],
    [{ record: 1 }, 'Invalid parameter. record allowed values are true or false.'],
    [{ record_file_format: 'ogg' }, 'Invalid parameter. record_file_format allowed values are mp3 or wav.'],
    [{ recording_callback_url: 'x' }, 'Invalid parameter. recording_callback_url should be a valid URL.'],
  ])('with %j is refused as a whole', async (change, error) => {
    const { session, session_uuid: id } = await make();
    expect(await update(id, { ring_timeout: 99, ...change })).toMatchObject({ status: 400, body: { error } });
    expect(await shown(id)).toEqual(session);
  });
});

describe('the parties of a session made with one', () => {
  it('change, each or both, and the virtual number stays', async () => {
    const { session, session_uuid: id } = await make(SINGLE);
    const { virtual_number, modified_time: _, ...same } = session as Shown;
    const both = await updated(id, { second_party: '+1 (202) 555-1111' });
    expect(both).toMatchObject({ ...same, virtual_number, second_party: '12025551111' });
    expect(await updated(id, { first_party: 12_025_552_222 })).toMatchObject({
      first_party: '12025552222',
      second_party: '12025551111',
    });
    // What the session gave up is free again.
    const next = await make({ ...A, first_party: A.first_party, second_party: '+12025557777' });
    expect(next.session.status).toBe('active');
    expect(await updated(id, { first_party: '+12025553333', second_party: '+12025554444' })).toMatchObject({
      virtual_number,
    });
  });

  it.each([
    [{ second_party: '12025550000' }, 'Invalid parameter. second_party must differ from first_party.'],
    [{ second_party: '+14155550104' }, 'Invalid parameter. second_party is a virtual number.'],
    [{ second_party: '911' }, 'Invalid parameter. second_party is not a valid phone number.'],
    [{ first_party: '+12' }, 'Invalid parameter. first_party is not a valid phone number.'],
  ])('do not become %j', async (change, error) => {
    const { session, session_uuid: id } = await make(SINGLE);
    expect(await update(id, change)).toMatchObject({ status: 400, body: { error } });
    expect(await shown(id)).toEqual(session);
  });

  it('do not become somebody who is in another session on the same virtual number', async () => {
    const single = await make(SINGLE);
    const others = await Promise.all(
      [3, 4, 5, 6, 7].map((n) => make({ first_party: `+1202555000${n}`, second_party: A.second_party })),
    );
    expect(others.filter((other) => other.virtual_number === single.virtual_number)).toHaveLength(1);
    for (const [change, field] of [
      [{ second_party: A.second_party }, 'second_party'],
      [A, 'second_party'],
      [{ first_party: A.second_party }, 'first_party'],
      [{ first_party: A.second_party, second_party: '+12025550099' }, 'first_party or second_party'],
    ] as const) {
      const error = `Invalid parameter. ${field} is already in a session on this virtual number.`;
      expect(await update(single.session_uuid, change)).toMatchObject({ status: 400, body: { error } });
    }
    expect(await shown(single.session_uuid)).toEqual(single.session);
  });
});

describe('a delete', () => {
  it('ends the session now, and leaves it to be read with its new duration', async () => {
    const { session, session_uuid: id } = await make();
    await age(id, 500);
    const { status, body } = await remove(id);
    expect([status, Object.keys(body), body.message]).toEqual([200, ['api_id', 'message'], 'Session expired']);
    const now = await shown(id);
    const times = { created_time: expect.any(String), modified_time: now.expiry_time, expiry_time: expect.any(String) };
    expect(now).toEqual({ ...session, ...times, status: 'expired', duration: expect.any(Number) });
    expect(seconds(now, 'expiry_time')).toEqual(aboutNow());
    expect(now.duration).toBeGreaterThanOrEqual(500);
    expect(now.duration).toBeLessThan(510);
  });

  it('frees both parties at once', async () => {
    for (let i = 0; i < 7; i++) await remove((await make()).session_uuid);
  });

  it.each([
    ['deleted', (id: string) => remove(id)],
    ['run out of time', (id: string) => age(id, 1801)],
  ])('or an update of a session that has %s is refused, and it stays as it is', async (_how, end) => {
    const { session_uuid: id } = await make();
    await end(id);
    const ended = await shown(id);
    expect(ended.status).toBe('expired');
    expect(await remove(id)).toMatchObject(EXPIRED);
    expect(await update(id, { session_expiry: 600 })).toMatchObject(EXPIRED);
    expect(await shown(id)).toEqual(ended);
  });

  it.each([
    ['none', undefined, undefined],
    ['an empty object', '{}', 'application/json'],
    ["Python's", `{"session_uuid": "${NOBODY}"}`, 'application/json'],
    ['broken JSON', '{"session_uuid', 'application/json; charset=utf-8'],
    ['an empty text', '', 'application/json'],
    ['a form', 'a=1&a=2', 'application/x-www-form-urlencoded'],
    ['a text', 'hello', 'text/plain'],
  ])('ignores its body: %s', async (_what, body, type) => {
    const { session_uuid: id } = await make();
    const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
    const answer = await fetch(`${service.url}${SESSIONS}${id}`, {
      method: 'DELETE',
      headers: { authorization, ...(type !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([200, { message: 'Session expired' }]);
  });
});
