import type { ServerResponse } from 'node:http';
import type { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallToPlace, placeCall, placingAgent } from '../../src/outbound/place-call.ts';
import { receiver } from './receiver.ts';

const AUTH_ID = 'MAPLIVOPLIVOPLIVO000';
const CALL: CallToPlace = {
  apiUrl: '',
  authId: AUTH_ID,
  authToken: 'a token',
  from: '14155550100',
  to: '12025550000',
  answerUrl: 'https://bauta.example/answer/key/',
  ringUrl: 'https://bauta.example/answer/key/ring/',
  hangupUrl: 'https://bauta.example/answer/key/hangup/',
  ringTimeoutSeconds: 20,
  timeLimitSeconds: 600,
};

let agent: Agent;
beforeEach(() => {
  agent = placingAgent();
});
afterEach(() => agent.destroy());

/** What comes of a call that is placed at a provider which answers like this. */
async function placedAt(respond: (response: ServerResponse) => void, timeoutMs = 5_000) {
  const plivo = await receiver((_request, response) => respond(response));
  const outcome = await placeCall(agent, { ...CALL, apiUrl: `${plivo.url}/v1` }, timeoutMs);
  await plivo.close();
  return { outcome, requests: plivo.requests(), connections: plivo.connections() };
}

describe('a call that we ask a provider for', () => {
  it('is one request of Plivo’s, signed in with the connection’s credentials, and known by its id', async () => {
    const { outcome, requests } = await placedAt((r) =>
      r.writeHead(201).end('{"message":"call fired","request_uuid":"9834029e-58b6","api_id":"97ceeb52"}'),
    );
    expect(outcome).toEqual({ kind: 'placed', requestId: '9834029e-58b6' });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.url).toBe(`/v1/Account/${AUTH_ID}/Call/`);
    expect(requests[0]?.headers).toMatchObject({
      authorization: `Basic ${btoa(`${AUTH_ID}:a token`)}`,
      'content-type': 'application/json',
    });
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      ...{ from: '14155550100', to: '12025550000', ring_timeout: 20, time_limit: 600 },
      ...{ answer_url: CALL.answerUrl, answer_method: 'POST', ring_url: CALL.ringUrl, ring_method: 'POST' },
      ...{ hangup_url: CALL.hangupUrl, hangup_method: 'POST' },
    });
  });

  const cutOff = (status: number) => (r: ServerResponse) => {
    r.writeHead(status, { 'content-length': '100' }).write('{', () => r.destroy());
  };
  it.each<[string, (response: ServerResponse) => void, object]>([
    ['a 400', (r) => r.writeHead(400).end('{"error":"bad"}'), { kind: 'refused', status: 400 }],
    ['a 401', (r) => r.writeHead(401).end(), { kind: 'refused', status: 401 }],
    ['a 429', (r) => r.writeHead(429).end('{}'), { kind: 'refused', status: 429 }],
    ['a 400 that breaks off', cutOff(400), { kind: 'refused', status: 400 }],
    ['a 500, after which nobody knows', (r) => r.writeHead(500).end(), { kind: 'unknown', status: 500 }],
    ['a redirect', (r) => r.writeHead(307, { location: '/' }).end(), { kind: 'unknown', status: 307 }],
    ['a 201 of no JSON', (r) => r.writeHead(201).end('ok'), { kind: 'unknown', status: 201 }],
    ['a 201 of JSON without object', (r) => r.writeHead(201).end('null'), { kind: 'unknown', status: 201 }],
    ['a 201 of two ids', (r) => r.writeHead(201).end('{"request_uuid":["a","b"]}'), { kind: 'unknown', status: 201 }],
    ['a 201 with a number in its id', (r) => r.end('{"request_uuid":"+1 202"}'), { kind: 'unknown', status: 200 }],
    [
      'a 201 of more than 64 kB',
      (r) => r.writeHead(201).end(`{"pad":"${'x'.repeat(65_536)}","request_uuid":"a"}`),
      { kind: 'unknown', status: 201 },
    ],
    ['a 201 that breaks off', cutOff(201), { kind: 'unknown', status: 201 }],
    ['a broken connection', (r) => r.destroy(), { kind: 'unknown', status: null }],
  ])('and answered with %s is never asked for again', async (_what, respond, outcome) => {
    const answered = await placedAt(respond);
    expect(answered.outcome).toEqual(outcome);
    expect([answered.requests.length, answered.connections]).toEqual([1, 1]);
  });

  it.each<[string, (response: ServerResponse) => void, number | null]>([
    ['silence', () => {}, null],
    ['an answer without end', (r) => r.writeHead(201).write('{'), 201],
  ])('ends at its deadline with %s', async (_what, respond, status) => {
    const { outcome, requests } = await placedAt(respond, 300);
    expect(outcome).toEqual({ kind: 'unknown', status });
    expect(requests).toHaveLength(1);
  });

  it('was surely not placed where nobody listens', async () => {
    const gone = await receiver(() => {});
    await gone.close();
    expect(await placeCall(agent, { ...CALL, apiUrl: gone.url })).toEqual({ kind: 'refused', status: null });
  });
});
