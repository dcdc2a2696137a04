import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { CALLBACK_ATTRIBUTES } from '../../src/core/callback-params.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { api, MAIN, OTHER, SUB, startService, type TestService } from '../support/service.ts';

const callbacksOf = (account: { id: string }) => `/v1/Account/${account.id}/Masking/Callback/`;
const endpointsOf = (account: { id: string }) => `/v1/Account/${account.id}/Masking/Endpoint/`;
const CALLBACKS = callbacksOf(MAIN);
const ENDPOINTS = endpointsOf(MAIN);
const THEN = { from: '2020-01-01 00:00:00', to: '2020-01-20 00:00:00' };

let service: TestService;
let outbox: Outbox;
let app: Receiver;
let status = 200;

beforeAll(async () => {
  service = await startService();
  outbox = openOutbox(service);
  app = await receiver((_request, response) => response.writeHead(status).end('an answer'));
});
beforeEach(async () => {
  await outbox.sql`truncate callbacks, callback_attempts, endpoints, sessions cascade`;
  status = 200;
});
afterAll(async () => {
  await app.close();
  await outbox.close();
  await service.close();
});

type Listed = { meta: { total_count: number; next: string | null }; objects: Record<string, never>[] };
const list = async (query = '', as = MAIN, of = as) => {
  const answer = await api(service, 'GET', `${callbacksOf(of)}${query}`, undefined, as);
  expect(answer.status).toBe(200);
  return answer.body as unknown as Listed;
};
const post = (path: string, body?: object, as = MAIN) => api(service, 'POST', path, body, as);
const idsOf = ({ objects }: Listed) => objects.map(({ id }) => String(id)).sort();

/** Sends all that is due, and waits until it is settled. */
async function dispatch(): Promise<void> {
  service.dispatcher.wake();
  await vi.waitUntil(
    async () =>
      (
        await outbox.sql`select from callbacks c where state = 'pending' and next_attempt_at <= now() or attempts >
        (select count(*) from callback_attempts where callback_id = c.id)`
      ).length === 0,
    10_000,
  );
}

describe('the list of callbacks', () => {
  test('shows each attempt with its time, status, error and duration, and nothing of what was said', async () => {
    status = 500;
    await outbox.book(`${app.url}/cb?key=1`, { first_party: '+12025550170', second_party: '+12025550171' });
    await dispatch();
    status = 200;
    await outbox.makeDue();
    await dispatch();
    const { objects, meta } = await list();
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
    expect(objects).toEqual([
      {
        id: app.requests().at(-1)?.headers['webhook-id'],
        session_uuid: expect.any(String),
        ...{ event: 'SessionTimeout', sequence: 1, state: 'delivered', method: 'POST' },
        ...{ endpoint: app.url, url: `${app.url}/cb?key=1` },
        ...{ occurred_at: time, next_attempt_time: null, delivered_time: time },
        attempts: [
          { attempt: 1, time, status: 500, duration_ms: expect.any(Number), error: 'status 500' },
          { attempt: 2, time, status: 200, duration_ms: expect.any(Number), error: null },
        ],
      },
    ]);
    expect(meta.total_count).toBe(1);
    const one = await api(service, 'GET', `${CALLBACKS}${objects[0]?.id}/`);
    expect(one).toMatchObject({ status: 200, body: { api_id: expect.any(String), ...objects[0] } });
    expect(JSON.stringify(one.body)).not.toMatch(/an answer|2025550/);
  });

  test('names an attempt of which nothing was heard again, but none that is still under way', async () => {
    await outbox.bookMany({ [app.url]: 2 });
    const lease = (seconds: number, n: number) => outbox.sql`
      update callbacks set attempts = 2, next_attempt_at = now() + make_interval(secs => ${seconds})
      where id = (select id from callbacks order by id limit 1 offset ${n})`;
    await lease(20, 0);
    await lease(-1, 1);
    const { objects } = await list();
    const lost = (attempt: number) => ({ attempt, time: null, status: null, duration_ms: null, error: 'unrecorded' });
    const attempts = objects.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1)).map((object) => object.attempts);
    expect(attempts).toEqual([[lost(1)], [lost(1), lost(2)]]);
  });

  test('is filtered by session, event, state, endpoint and time, newest first, page by page', async () => {
    await outbox.bookMany({ 'https://a.example/x': 3, 'http://b.example:81/y': 2 });
    await outbox.sql`update callbacks set state = 'given_up', event = 'SessionPartiesHangup' where endpoint like '%b.example%'`;
    const { objects } = await list();
    expect(objects).toHaveLength(5);
    const session = String(objects[2]?.session_uuid);
    expect(idsOf(await list(`?session_uuid=${session}`))).toEqual([objects[2]?.id]);
    const given = objects.filter(({ endpoint }) => String(endpoint) === 'http://b.example:81');
    for (const query of ['state=given_up', 'event=SessionPartiesHangup', 'endpoint=HTTP://B.example:81/any?thing'])
      expect(idsOf(await list(`?${query}`))).toEqual(idsOf({ objects: given } as never));
    expect(await list('?state=paused')).toMatchObject({ meta: { total_count: 0 }, objects: [] });

    await outbox.sql`update callbacks set occurred_at = '2020-01-10 12:00:00.5Z' where session_id = ${session}`;
    expect((await list()).meta.total_count).toBe(4);
    for (const query of [
      'from=2020-01-10 12:00&to=2020-01-10 12:00',
      'from=2020-01-10 00:00',
      'to=2020-01-10 12:00:00',
    ])
      expect(idsOf(await list(`?${query}`))).toEqual([objects[2]?.id]);
    expect(idsOf(await list(`?session_uuid=${session}`))).toEqual([objects[2]?.id]);

    const page = await list('?limit=2&state=given_up&offset=0');
    expect(page.meta).toMatchObject({ total_count: 2, next: null });
    const first = await list('?limit=3');
    expect(first.meta.next).toBe(`${CALLBACKS}?limit=3&offset=3`);
    const rest = await list('?limit=3&offset=3');
    expect([...first.objects, ...rest.objects].map(({ id }) => id)).toEqual((await list()).objects.map(({ id }) => id));
  });

  test.each([
    ['session_uuid=1', 'session_uuid should be the id of a session'],
    ['event=Nothing', 'event allowed values are'],
    ['state=lost', 'state allowed values are pending or paused or delivered or given_up'],
    ['endpoint=app.example', 'endpoint should begin with scheme and host'],
    ['from=yesterday', 'from should be a time such as'],
    ['from=2020-01-01 00:00&to=2020-03-01 00:00', 'from and to span more than 30 days'],
    ['limit=21', 'limit is outside the allowed range'],
  ])('refuses %s', async (query, text) => {
    const { status: code, body } = await api(service, 'GET', `${CALLBACKS}?${query}`);
    expect([code, body.error]).toEqual([400, expect.stringContaining(`Invalid parameter. ${text}`)]);
  });
});

describe('a callback is sent again', () => {
  test.each(['delivered', 'given_up', 'pending'])(
    'when it is %s: at once, with its id and body, by a new round',
    async (state) => {
      status = 500;
      await outbox.bookMany({ [app.url]: 1 });
      await dispatch();
      const before = app.requests().at(-1);
      await outbox.sql`update callbacks set state = ${state}`;
      const [callback] = (await list()).objects;
      const resent = await post(`${CALLBACKS}${callback?.id}/Resend/`);
      expect(resent).toMatchObject({ status: 202, body: { message: 'resent', count: 1 } });
      await dispatch();
      const [row] = await outbox.rows();
      expect(row).toMatchObject({ state: 'pending', attempts: 2 });
      expect(row?.dueIn).toBeLessThan(7);
      expect(app.requests().at(-1)).toMatchObject({
        body: before?.body,
        headers: { 'webhook-id': before?.headers['webhook-id'] },
      });
      expect((await list()).objects[0]?.attempts).toHaveLength(2);
    },
  );

  test('but not while its endpoint is paused', async () => {
    await outbox.bookMany({ [app.url]: 2 });
    await outbox.sql`update callbacks set state = 'delivered' where id = (select id from callbacks limit 1)`;
    await post(`${ENDPOINTS}Pause/`, { endpoint: app.url });
    for (const { id } of (await list()).objects)
      expect(await post(`${CALLBACKS}${id}/Resend/`)).toMatchObject({
        status: 409,
        body: { error: 'The endpoint is paused. Resume it first.' },
      });
    expect(await post(`${CALLBACKS}Resend/`, { ...THEN, from: '2019-12-31 00:00' })).toMatchObject({
      body: { count: 0 },
    });
    expect((await outbox.rows()).map(({ state }) => state as string).sort()).toEqual(['delivered', 'paused']);
  });

  test('with all of a time, a session, an event, a state or an endpoint: exactly those', async () => {
    await outbox.bookMany({ 'https://a.example/': 4, 'https://b.example/': 2 });
    await outbox.sql`update callbacks set state = 'given_up', occurred_at = '2020-01-10 12:00Z', next_attempt_at = now() + interval '1 day'`;
    await outbox.sql`update callbacks set occurred_at = '2020-01-25 12:00Z' where id = (select id from callbacks where url like '%a.%' limit 1)`;
    await outbox.sql`update callbacks set state = 'delivered' where url like '%b.%'`;
    const due = async () => (await outbox.rows()).filter(({ dueIn }) => dueIn <= 0).length;
    const resend = async (body: object) => (await post(`${CALLBACKS}Resend/`, { ...THEN, ...body })).body.count;
    expect(await resend({ state: 'pending' })).toBe(0);
    expect(await resend({ endpoint: 'https://b.example', state: 'given_up' })).toBe(0);
    expect(await due()).toBe(0);
    expect(await resend({ state: 'given_up' })).toBe(3);
    expect(await due()).toBe(3);
    expect(await resend({ endpoint: 'https://b.example' })).toBe(2);
    expect(await due()).toBe(5);
    expect(await resend({ event: 'SessionPartiesHangup' })).toBe(0);
    const [{ session_uuid } = {}] = (await list(`?from=2020-01-25 00:00&to=2020-01-26 00:00`)).objects;
    expect(await resend({ session_uuid })).toBe(0);
    expect(await resend({ session_uuid, to: '2020-01-25 12:00:00' })).toBe(1);
    expect(await due()).toBe(6);
  });

  test.each([
    [{}, 'from should be a time'],
    [{ from: THEN.from }, 'to should be a time'],
    [{ ...THEN, to: '2020-03-01 00:00' }, 'from and to span more than 30 days'],
    [{ ...THEN, state: 'lost' }, 'state allowed values are'],
  ])('refuses %j', async (body, text) => {
    const { status: code, body: answer } = await post(`${CALLBACKS}Resend/`, body);
    expect([code, answer.error]).toEqual([400, expect.stringContaining(text)]);
  });
});

describe('the list of endpoints', () => {
  test('names those that fail or are paused, with what waits for them', async () => {
    status = 500;
    await outbox.bookMany({ [app.url]: 3, 'https://paused.example/hook': 2, 'https://well.example/': 1 });
    await outbox.sql`update callbacks set next_attempt_at = now() + interval '1 hour' where url not like ${`${app.url}%`}`;
    await outbox.sql`update callbacks set occurred_at = '2026-01-31 13:35:51Z' where url like '%paused%'`;
    await dispatch();
    expect(await post(`${ENDPOINTS}Pause/`, { endpoint: 'https://Paused.example/other' })).toMatchObject({
      status: 202,
      body: { message: 'paused', count: 2 },
    });
    const { body } = await api(service, 'GET', ENDPOINTS);
    const nothing = { failures: 0, failing_since: null };
    expect(body).toMatchObject({
      meta: { total_count: 2 },
      objects: [
        { endpoint: app.url, state: 'failing', failures: 3, pending_count: 3, pause_reason: null, paused_time: null },
        {
          ...{ endpoint: 'https://paused.example', state: 'paused', pause_reason: 'operator', pending_count: 2 },
          ...{ oldest_pending_time: '2026-01-31 13:35:51 +0000 UTC', ...nothing },
        },
      ],
    });
    const resumed = await post(`${ENDPOINTS}Resume/`, { endpoint: 'https://paused.example' });
    expect(resumed).toMatchObject({ status: 202, body: { message: 'resumed', count: 2 } });
    expect(await post(`${ENDPOINTS}Resume/`, { endpoint: 'https://paused.example' })).toMatchObject({ status: 404 });
    expect((await api(service, 'GET', ENDPOINTS)).body).toMatchObject({ meta: { total_count: 1 } });
    expect(await post(`${ENDPOINTS}Pause/`, { endpoint: 'paused.example' })).toMatchObject({ status: 400 });
  });
});

describe('another account', () => {
  test('sees and moves nothing: foreign callbacks answer as missing ones, a subaccount has its own', async () => {
    await outbox.bookMany({ [app.url]: 2 });
    const [mine, subs] = (await list()).objects.map(({ id }) => String(id));
    await outbox.sql`update callbacks set subaccount_id = ${SUB.id}, state = 'delivered' where id = ${subs ?? ''}`;
    await outbox.sql`update callbacks set state = 'delivered'`;
    const all = { from: '2026-01-01 00:00', to: '2026-01-02 00:00' };
    await outbox.sql`update callbacks set occurred_at = '2026-01-01 12:00Z'`;
    const see = async (as: typeof MAIN, id: string | undefined) =>
      (await api(service, 'GET', `${callbacksOf(as)}${id}/`, undefined, as)).status;
    expect([await see(SUB, mine), await see(SUB, subs), await see(MAIN, subs)]).toEqual([404, 200, 200]);
    expect([await see(OTHER, mine), await see(OTHER, subs)]).toEqual([404, 404]);
    const range = `?from=${all.from}&to=${all.to}`;
    expect(idsOf(await list(range, OTHER))).toEqual([]);
    expect(idsOf(await list(range, SUB))).toEqual([subs]);

    expect(await post(`${callbacksOf(OTHER)}${mine}/Resend/`, undefined, OTHER)).toMatchObject({ status: 404 });
    expect(await post(`${callbacksOf(SUB)}${mine}/Resend/`, undefined, SUB)).toMatchObject({ status: 404 });
    expect(await post(`${callbacksOf(OTHER)}Resend/`, all, OTHER)).toMatchObject({ body: { count: 0 } });
    expect(await post(`${callbacksOf(SUB)}Resend/`, all, SUB)).toMatchObject({ body: { count: 1 } });
    expect(await post(`${callbacksOf(MAIN)}Secret/`, undefined, OTHER)).toMatchObject({ status: 404 });
    expect(await post(`${callbacksOf(MAIN)}Secret/`, undefined, SUB)).toMatchObject({ status: 404 });
  });

  test('pauses nothing of this one, and a subaccount nothing at all: it may share receivers with others', async () => {
    await outbox.bookMany({ [app.url]: 1 });
    const pause = (as: typeof MAIN, of = as) => post(`${endpointsOf(of)}Pause/`, { endpoint: app.url }, as);
    expect(await pause(OTHER)).toMatchObject({ status: 202, body: { count: 0 } });
    expect(await pause(OTHER, MAIN)).toMatchObject({ status: 404 });
    for (const path of ['Pause/', 'Resume/'])
      expect(await post(`${endpointsOf(SUB)}${path}`, { endpoint: app.url }, SUB)).toMatchObject({ status: 403 });
    expect((await api(service, 'GET', endpointsOf(SUB), undefined, SUB)).status).toBe(403);
    expect((await api(service, 'GET', ENDPOINTS)).body).toMatchObject({ meta: { total_count: 0 } });
    expect((await outbox.rows())[0]?.state).toBe('pending');
  });
});

test('the OpenAPI document tells of every event, with its attributes', async () => {
  const { body } = await api(service, 'GET', '/openapi.json', undefined, null);
  const webhooks = body.webhooks as unknown as Record<string, { post: { requestBody: { content: object } } }>;
  const shown = Object.entries(webhooks).map(([event, { post: said }]) => {
    const [{ schema }] = Object.values(said.requestBody.content);
    return [event, Object.keys(schema.properties)];
  });
  expect(Object.fromEntries(shown)).toEqual(CALLBACK_ATTRIBUTES);
});
