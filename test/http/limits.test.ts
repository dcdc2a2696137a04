import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { countOne, selectBlocked } from '../../src/store/windows.ts';
import { startPair } from '../support/invariants.ts';
import { declared, MAIN, OTHER, SESSIONS, type TestService } from '../support/service.ts';

let pair: Awaited<ReturnType<typeof startPair>>;
beforeAll(async () => {
  pair = await startPair(declared(), { config: { rateLimit: 20, trustProxy: ['10.9.9.9'] } });
});
afterEach(() => pair.sql`truncate request_windows`);
afterAll(async () => expect(await pair.settle()).toEqual([]));

const through = (i: number): TestService => pair.instances[i % 2 === 0 ? 0 : 1];

interface Visit {
  readonly from?: string;
  readonly id?: string;
  readonly token?: string;
  readonly forwardedFor?: string;
}

async function visit(i: number, { from = '198.51.100.7', id = MAIN.id, token = 'wrong', forwardedFor }: Visit) {
  const answer = await through(i).app.inject({
    method: 'GET',
    url: SESSIONS.replace(MAIN.id, id),
    remoteAddress: from,
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${token}`).toString('base64')}`,
      ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }),
    },
  });
  return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], body: answer.body };
}

/** How often each status came, of so many visits at the same moment. */
async function statuses(count: number, how: Visit): Promise<Record<string, number>> {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => visit(i, how)));
  const seen: Record<string, number> = {};
  for (const { status } of answers) seen[status] = (seen[status] ?? 0) + 1;
  return seen;
}

describe('bad sign-ins', () => {
  it('are ten a minute for an address and an auth id, counted by all instances together', async () => {
    expect(await statuses(30, {})).toEqual({ 401: 10, 429: 20 });
    const { retryAfter, body } = await visit(0, {});
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(Number(retryAfter)).toBeLessThanOrEqual(60);
    expect(JSON.parse(body)).toEqual({
      api_id: expect.any(String),
      error: 'Too many requests. Come back when Retry-After says.',
    });
  });

  it('beyond that keep even the right token out, from that address alone', async () => {
    await statuses(10, {});
    expect((await visit(0, { token: MAIN.token })).status).toBe(429);
    expect((await visit(1, { token: MAIN.token, from: '198.51.100.8' })).status).toBe(200);
    expect((await visit(1, { id: OTHER.id, token: OTHER.token })).status).toBe(200);
  });

  it('are not counted where the token is right', async () => {
    for (let i = 0; i < 15; i++) expect((await visit(i, { token: MAIN.token })).status).toBe(200);
    expect(await statuses(10, {})).toEqual({ 401: 10 });
  });

  it('are those of the address that a trusted proxy names, and of nobody else’s word', async () => {
    await statuses(10, { from: '10.9.9.9', forwardedFor: '203.0.113.1' });
    expect((await visit(0, { from: '10.9.9.9', forwardedFor: '203.0.113.1' })).status).toBe(429);
    expect((await visit(0, { from: '10.9.9.9', forwardedFor: '203.0.113.2' })).status).toBe(401);
    await statuses(10, { from: '198.51.100.9' });
    expect((await visit(0, { from: '198.51.100.9', forwardedFor: '203.0.113.3' })).status).toBe(429);
  });

  it('for an unknown account look as those for a known one', async () => {
    const unknown = 'MAZZZZZZZZZZZZZZZZZZ';
    expect(await statuses(12, { id: unknown })).toEqual({ 401: 10, 429: 2 });
  });

  it('leave no address behind', async () => {
    await visit(0, { from: '198.51.100.77' });
    const rows = await pair.sql`select subject from request_windows`;
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('198.51.100.77');
  });
});

describe('requests of an account', () => {
  it('are as many in five seconds as are allowed, on all instances together, and no other account’s', async () => {
    expect(await statuses(50, { token: MAIN.token })).toEqual({ 200: 20, 429: 30 });
    const { status, retryAfter } = await visit(0, { token: MAIN.token });
    expect(status).toBe(429);
    expect(Number(retryAfter)).toBeLessThanOrEqual(5);
    expect((await visit(0, { id: OTHER.id, token: OTHER.token })).status).toBe(200);
  });

  it('that are refused are not counted: there is room again as soon as time has passed', async () => {
    await statuses(50, { token: MAIN.token });
    await pair.sql`update request_windows set "window" = "window" - 2`;
    expect((await visit(0, { token: MAIN.token })).status).toBe(200);
  });
});

describe('a window', () => {
  it('slides: what came in the one before counts by the part that is less than a window ago', async () => {
    const { db } = through(0).deps;
    const rate = { most: 10, seconds: 1_000_000 };
    for (let i = 0; i < 10; i++) expect(await countOne(db, 'somebody', rate)).toBeNull();
    expect(await countOne(db, 'somebody', rate)).toBeGreaterThan(0);
    await pair.sql`update request_windows set "window" = "window" - 1`;
    const [now] = await pair.sql<{ past: number }[]>`select (extract(epoch from now()) / 1000000 % 1)::float8 as past`;
    const free = Math.ceil(10 * (now?.past ?? 0));
    for (let i = 0; i < free; i++) expect(await countOne(db, 'somebody', rate)).toBeNull();
    expect(await countOne(db, 'somebody', rate)).toBeGreaterThan(0);
    const [blocked] = await pair.sql`select ${selectBlocked(pair.sql, pair.sql`${'somebody'}`, rate)} as seconds`;
    expect(blocked?.seconds).toBeGreaterThan(0);
  });
});
