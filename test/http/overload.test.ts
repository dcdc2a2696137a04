import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MAIN, PLIVO_KEY, SESSIONS, startService, type TestService } from '../support/service.ts';
import { plivoWebhook } from '../support/webhook-storm.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService({ config: { publicUrl: 'https://bauta.example' } });
});
afterAll(() => service.close());

const TURN_MS = 400;

/** A turn of the event loop with too much in it. */
async function longTurn(ms = TURN_MS): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until);
  await turn();
}

const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
const list = () => service.app.inject({ url: SESSIONS, headers: { authorization } });
const called = {
  CallUUID: 'busy',
  From: '12025550000',
  To: '14155550100',
  Direction: 'inbound',
  CallStatus: 'ringing',
};

it('a process with more to do than it can refuses apps, at once and for a moment, and answers callers', async () => {
  expect((await list()).statusCode).toBe(200);
  await longTurn(4_000);
  await turn();
  // Once is nothing, however long.
  expect((await list()).statusCode).toBe(200);
  for (let turns = 0; turns < 12; turns++) await longTurn();
  const refused = await list();
  expect([refused.statusCode, refused.headers['retry-after'], refused.json()]).toEqual([
    503,
    '1',
    { api_id: expect.any(String), error: expect.any(String) },
  ]);
  expect(await plivoWebhook(service, '', { ...called, Event: 'StartApp' })).toBe(200);
  expect((await service.app.inject('/health/ready')).statusCode).toBe(200);
  await sleep(2_000);
  expect((await list()).statusCode).toBe(200);
});

it('reports that come all at once are refused above so many, and asked for again; callers are answered', async () => {
  const tell = () => plivoWebhook(service, 'hangup/', { ...called, Event: 'Hangup', CallStatus: 'completed' });
  const reports = Array.from({ length: 200 }, tell);
  expect(await plivoWebhook(service, '', { ...called, Event: 'StartApp' })).toBe(200);
  const statuses = await Promise.all(reports);
  expect([200, 503].map((status) => statuses.filter((one) => one === status).length)).toEqual([128, 72]);
  expect(await tell()).toBe(200);
});

it('a report whose sender went away is under way no more', async () => {
  const { port } = service.app.server.address() as AddressInfo;
  const begun = `POST /answer/${PLIVO_KEY}/hangup/ HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n`;
  for (let i = 0; i < 150; i++) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`${begun}content-length: 100\r\n\r\nCallUUID=`);
    await sleep(2);
    socket.destroy();
  }
  await sleep(100);
  const told = { ...called, Event: 'Hangup', CallStatus: 'completed' };
  expect(await plivoWebhook(service, 'hangup/', told)).toBe(200);
});
