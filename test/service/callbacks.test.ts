import { parse } from 'node:querystring';
import { validateV3Signature } from 'plivo';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { RETRY_DELAYS_SECONDS } from '../../src/core/retry.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

let service: TestService;
let outbox: Outbox;
const receivers: Receiver[] = [];

beforeAll(async () => {
  service = await startService();
  outbox = openOutbox(service);
});
beforeEach(() => outbox.sql`truncate callbacks, callback_attempts, endpoints, sessions cascade`);
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((r) => r.close()));
});
afterAll(async () => {
  await outbox.close();
  await service.close();
});

type Handler = Parameters<typeof receiver>[0];

async function receives(handler: Handler = (_request, response) => response.end()): Promise<Receiver> {
  const started = await receiver(handler);
  receivers.push(started);
  return started;
}

/** Wakes the dispatcher and waits until every callback has been tried and settled since `makeDue`. */
async function dispatch(): Promise<void> {
  service.dispatcher.wake();
  await vi.waitUntil(
    async () => (await outbox.rows()).every(({ state, lastError }) => state !== 'pending' || lastError !== null),
    10_000,
  );
}

describe('a callback is signed', () => {
  const secretOf = (token: string) => `whsec_${Buffer.from(token).toString('base64')}`;

  test.each([
    ['POST', MAIN, {}],
    ['GET', MAIN, {}],
    ['POST', SUB, { subaccount: SUB.id, geomatch: false }],
    ['GET', SUB, { subaccount: SUB.id, geomatch: false }],
  ])(
    '%s: so that the SDK of Plivo and the library of Standard Webhooks verify it by the token of its account',
    async (method, account, more) => {
      const app = await receives();
      await outbox.book(`${app.url}/cb?shop=1`, { callback_method: method, ...more });
      await dispatch();
      const [request] = app.requests();
      if (!request) throw new Error('nothing came');
      const url = app.url + request.url;
      const isGet = method === 'GET';
      const params = isGet ? new URL(url).searchParams : new URLSearchParams(request.body);
      expect(Object.fromEntries(params)).toMatchObject({ EventName: 'SessionTimeout', SequenceNumber: '1' });
      expect(request.url.startsWith('/cb?shop=1')).toBe(true);

      const nonce = String(request.headers['x-plivo-signature-v3-nonce']);
      const isSigned = (header: string, token: string) =>
        validateV3Signature(
          method,
          url,
          nonce,
          token,
          String(request.headers[header]),
          isGet ? {} : { ...parse(request.body) },
        );
      expect(isSigned('x-plivo-signature-v3', account.token)).toBe(true);
      expect(isSigned('x-plivo-signature-ma-v3', MAIN.token)).toBe(true);
      expect(isSigned('x-plivo-signature-v3', 'another-token')).toBe(false);

      const content = isGet ? new URL(url).search.slice(1) : request.body;
      const headers = request.headers as Record<string, string>;
      const verify = (token: string) => new Webhook(secretOf(token)).verify(content, headers, { jsonParse: false });
      expect(() => verify(account.token)).not.toThrow();
      expect(() => verify('another-token')).toThrow('No matching signature');
    },
  );
});

describe('a callback is sent until it was taken', () => {
  test('again after 500, a redirect, silence and a broken line: the same id and body each time, until 2xx', async () => {
    const elsewhere = await receives();
    const answers: Handler[] = [
      (_request, response) => response.writeHead(500).end(),
      (_request, response) => response.writeHead(302, { location: elsewhere.url }).end(),
      () => {},
      (request) => request.socket.destroy(),
      (_request, response) => response.writeHead(204).end(),
    ];
    const app = await receives((...exchange) => answers.shift()?.(...exchange));
    await outbox.book(app.url);
    for (const [i, error] of ['status 500', 'status 302', 'timeout', 'reset', null].entries()) {
      if (i > 0) await outbox.makeDue();
      await dispatch();
      expect(await outbox.rows()).toMatchObject([
        { attempts: i + 1, lastError: error, state: error === null ? 'delivered' : 'pending' },
      ]);
    }
    await outbox.makeDue();
    await dispatch();
    const requests = app.requests();
    expect(requests).toHaveLength(5);
    expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(new Set(requests.map(({ headers }) => headers['x-plivo-signature-v3-nonce'])).size).toBe(5);
    expect(elsewhere.connections()).toBe(0);
  });

  test('for 72 hours at least, with jitter, then it is given up', async () => {
    const app = await receives((_request, response) => response.writeHead(503).end());
    await outbox.bookMany({ [app.url]: 10 });
    let shortest = 0;
    for (const [i, delay] of [...RETRY_DELAYS_SECONDS.slice(1), null].entries()) {
      await outbox.makeDue();
      await dispatch();
      const rows = await outbox.rows();
      expect(rows.map(({ attempts }) => attempts)).toEqual(rows.map(() => i + 1));
      if (delay === null) expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['given_up']));
      else {
        const waits = rows.map(({ dueIn }) => dueIn);
        expect(Math.min(...waits)).toBeGreaterThan(delay - 3);
        expect(Math.max(...waits)).toBeLessThan(delay * 1.2);
        expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(delay / 50);
        shortest += Math.min(...waits);
      }
    }
    expect(shortest).toBeGreaterThan(72 * 3600);
    expect(app.requests()).toHaveLength(10 * RETRY_DELAYS_SECONDS.length);
    await outbox.makeDue();
    await dispatch();
    expect(app.requests()).toHaveLength(10 * RETRY_DELAYS_SECONDS.length);
  });

  test('not before the time that it asks for, and not at all after 410', async () => {
    const answers: Handler[] = [
      (_request, response) => response.writeHead(503, { 'retry-after': '600' }).end(),
      (_request, response) => response.writeHead(503, { 'retry-after': '1' }).end(),
      (_request, response) => response.writeHead(410).end(),
    ];
    const app = await receives((...exchange) => answers.shift()?.(...exchange));
    await outbox.book(app.url);
    await dispatch();
    expect((await outbox.rows())[0]?.dueIn).toBeGreaterThan(590);
    await outbox.makeDue();
    await dispatch();
    expect((await outbox.rows())[0]?.dueIn).toBeGreaterThan(25);
    await outbox.makeDue();
    await dispatch();
    expect(await outbox.rows()).toMatchObject([{ state: 'given_up', attempts: 3, lastError: 'status 410' }]);
    await outbox.makeDue();
    await dispatch();
    expect(app.requests()).toHaveLength(3);
  });

  test('and each attempt is logged with its time, status, error and duration, by the statement that settles it', async () => {
    const answers: Handler[] = [
      (_request, response) => response.writeHead(500).end(),
      (request) => request.socket.destroy(),
      (_request, response) => setTimeout(() => response.end(), 300),
    ];
    const app = await receives((...exchange) => answers.shift()?.(...exchange));
    await outbox.book(app.url);
    for (let i = 0; i < 3; i++) {
      await outbox.makeDue();
      await dispatch();
    }
    const logged = await outbox.sql`
      select attempt, status, error, duration_ms as ms, extract(epoch from now() - at)::float8 as age from callback_attempts
      order by attempt`;
    expect(logged).toMatchObject([
      { attempt: 1, status: 500, error: 'status 500' },
      { attempt: 2, status: null, error: 'reset' },
      { attempt: 3, status: 200, error: null },
    ]);
    expect(logged[2]?.ms).toBeGreaterThanOrEqual(300);
    expect(logged[2]?.age).toBeGreaterThanOrEqual(0.3);
    expect(logged[0]?.age).toBeGreaterThan(logged[2]?.age);
  });

  test('and an attempt whose process died does not use the schedule up', async () => {
    const app = await receives((_request, response) => response.writeHead(500).end());
    await outbox.book(app.url);
    // Taken three times by dispatchers of which nothing was heard again.
    await outbox.sql`update callbacks set attempts = 3`;
    await dispatch();
    const [row] = await outbox.rows();
    expect(row?.attempts).toBe(4);
    expect(row?.dueIn).toBeLessThan(7);
  });

  test('and never to a private address, unless that is allowed', async () => {
    const app = await receives();
    const careful = await startService({ databaseUrl: service.databaseUrl, config: { callbackAllowPrivate: false } });
    await outbox.bookMany({ [app.url]: 1, [`http://localhost:${app.port}/`]: 1, 'http://169.254.169.254/latest': 1 });
    careful.dispatcher.wake();
    await vi.waitUntil(async () => (await outbox.rows()).every(({ lastError }) => lastError !== null), 10_000);
    expect((await outbox.rows()).map(({ lastError, state }) => [lastError, state])).toEqual(
      Array(3).fill(['blocked', 'pending']),
    );
    expect(app.connections()).toBe(0);
    await careful.close();
  });
});

test('callbacks of a session are numbered in the order of their facts', async () => {
  const app = await receives();
  const made = await makeSession(service, {
    ...{ first_party: '+905326202911', second_party: '+905326202912', is_pin_authentication_required: true },
    ...{
      first_party_pin: '2741',
      second_party_pin: '9052',
      pin_retry: 5,
      pin_prompt_play: 'https://example.com/pin.mp3',
    },
    callback_url: app.url,
  });
  const ask = (data: object) =>
    fetch(`${service.url}/answer/${HIPCALL_KEY}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa('hip:call')}` },
      body: JSON.stringify({ caller: '+905320000009', callee: made.virtual_number, uuid: 'call-1', data }),
    });
  for (const data of [{}, { pin_code: '1111' }, { pin_code: '1111', pin_code_2: '2222' }, { pin_code_3: '2741' }])
    await ask(data);
  await api(service, 'DELETE', `${SESSIONS}${made.session_uuid}/`);
  await dispatch();
  const told = app.requests().map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  told.sort((a, b) => Number(a.SequenceNumber) - Number(b.SequenceNumber));
  expect(
    told.map(({ SequenceNumber, EventName, PinRetryCounter }) => [SequenceNumber, EventName, PinRetryCounter]),
  ).toEqual([
    ['1', 'SessionPinAuthenticationStatus', '1'],
    ['2', 'SessionPinAuthenticationStatus', '2'],
    ['3', 'SessionPinAuthenticationStatus', '2'],
    ['4', 'SessionFirstPartyAnswer', undefined],
    ['5', 'SessionTimeout', undefined],
  ]);
});
