import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, disconnect } from '../../src/store/connect.ts';
import { startService, type TestService } from '../support/service.ts';
import { type StorySession, type StoryWorld, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';
import { type Road, roadTo } from '../support/story-road.ts';

const ALL = [lines.plivo, lines.hipcall, lines.guide];
// The promise is 2.5 s; a busy machine may need a little to notice that they are over. At 3 s Hipcall is gone.
const IN_TIME_MS = 2_900;

let world: StoryWorld;
const closers: (() => unknown)[] = [];
beforeAll(async () => {
  world = await startStories();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await world.forget();
});
afterAll(() => world.service.close());

/** An instance of the service that has answered nobody yet, whose way to the database a test can close. */
async function instance(now = () => new Date()): Promise<{ through: TestService; road: Road }> {
  const { databaseUrl } = world.service;
  const road = await roadTo(databaseUrl);
  const answerDb = connect(road.url, { connections: 5, statementTimeoutMs: 1_500 });
  const through = await startService({ databaseUrl, deps: { answerDb, now } });
  closers.push(
    () => road.close(),
    () => disconnect(answerDb, 0),
    () => through.close(),
  );
  return { through, road };
}

/** Calls over every line at once; each must hear an apology, in its own dialect and in time. */
async function expectApologies(through: TestService, sessions: readonly StorySession[]): Promise<void> {
  const calls = ALL.map((line, i) =>
    world.call(line, sessions[i]?.first ?? '', { through, callId: `call-${line.id}` }),
  );
  await Promise.all(
    calls.map(async (call, i) => {
      const start = performance.now();
      // The handset refuses any status but 200, another media type, and what is no document of the dialect.
      expect(await call.dial()).toEqual(['hangup']);
      expect(performance.now() - start).toBeLessThan(IN_TIME_MS);
      expect(call.last().spoken).toHaveLength(ALL[i]?.dialect === 'plivo' ? 1 : 0);
    }),
  );
}

const sessionsOfAll = (wish = {}) => Promise.all(ALL.map((line) => world.session(line, wish)));

describe('a database that does not answer', () => {
  it('costs a caller no more than the 2.5 s of the deadline and a polite end, also on a connection never seen before', async () => {
    const { through, road } = await instance();
    const sessions = await sessionsOfAll();
    road.freeze();
    await expectApologies(through, sessions);
  });

  it('in the midst of its work does so too, and connects again as soon as it answers', async () => {
    const { through, road } = await instance();
    const sessions = await sessionsOfAll();
    const connected = sessions.map(({ second }) => [`dial ${second}`]);
    const everybodyCalls = () =>
      Promise.all(ALL.map((line, i) => world.call(line, sessions[i]?.first ?? '', { through }).dial()));
    expect(await everybodyCalls()).toEqual(connected);
    road.freeze();
    await expectApologies(through, sessions);
    road.thaw();
    await sleep(300);
    expect(await everybodyCalls()).toEqual(connected);
  });

  it('leaves a connection its dialect, however long ago it was read', async () => {
    let minutes = 0;
    const { through, road } = await instance(() => new Date(Date.now() + 60_000 * minutes));
    const [, session] = await sessionsOfAll();
    await world.call(lines.hipcall, session?.first ?? '', { through }).dial();
    road.freeze();
    minutes = 60;
    const query = new URLSearchParams({ caller: session?.first ?? '', callee: lines.hipcall.number });
    const headers = { authorization: `Basic ${btoa('hip:call')}` };
    const answer = await fetch(`${through.url}/answer/${lines.hipcall.key}?${query}`, { headers });
    expect(await answer.json()).toEqual({ version: '1', seq: [{ action: 'hangup' }] });
  });

  it('until a caller has been sent off books no connection for them afterwards', async () => {
    const { through, road } = await instance();
    const sessions = await sessionsOfAll({ ...WITH_PIN, callback_url: 'https://app.example/cb' });
    // Each connection is known, so that the call itself is all that there is to read.
    await Promise.all(ALL.map((line) => world.call(line, world.phone(line), { through }).dial()));
    const before = await world.calls();
    road.freeze();
    await expectApologies(through, sessions);
    road.thaw();
    await sleep(500);
    expect(await world.calls()).toEqual(before);
    expect(await world.callbacks()).toEqual([]);
  });
});

describe('a database that refuses', () => {
  it('by a pool that was ended gets a caller the same end, at once', async () => {
    const { through } = await instance();
    const sessions = await sessionsOfAll();
    await disconnect(through.deps.answerDb, 0);
    await expectApologies(through, sessions);
  });

  it('is made up for by what was known of a connection: its dialect and its credentials', async () => {
    let minutes = 0;
    const { through } = await instance(() => new Date(Date.now() + 60_000 * minutes));
    const [session, other] = await sessionsOfAll();
    await world.call(lines.plivo, session?.first ?? '', { through }).dial();
    await world.call(lines.hipcall, other?.first ?? '', { through }).dial();
    await disconnect(through.deps.answerDb, 0);
    minutes = 60;
    const url = `${through.url}/answer/${lines.plivo.key}`;
    expect((await fetch(url, { method: 'POST', body: new URLSearchParams({ CallUUID: 'x' }) })).status).toBe(403);
    // A GET does not tell its dialect by itself.
    const query = new URLSearchParams({ caller: other?.first ?? '', callee: lines.hipcall.number });
    const authorization = `Basic ${btoa('hip:call')}`;
    const answer = await fetch(`${through.url}/answer/${lines.hipcall.key}?${query}`, { headers: { authorization } });
    expect(await answer.json()).toEqual({ version: '1', seq: [{ action: 'hangup' }] });
  });

  it('by a closed port does so too', async () => {
    const { through, road } = await instance();
    const sessions = await sessionsOfAll();
    road.close();
    await expectApologies(through, sessions);
  });

  it('by a lock that somebody else holds does so too', async () => {
    const { through } = await instance();
    const sessions = await sessionsOfAll();
    const holder = postgres(world.service.databaseUrl, { max: 1 });
    try {
      await holder`begin`;
      await holder`lock table calls in access exclusive mode`;
      await expectApologies(through, sessions);
    } finally {
      await holder`rollback`;
      await holder.end();
    }
    expect(await world.calls()).toEqual([]);
  });
});

describe('a request that is nobody’s', () => {
  it('is refused by its signature without the database, once the connection is known', async () => {
    const { through, road } = await instance();
    const [session] = await sessionsOfAll();
    await world.call(lines.plivo, session?.first ?? '', { through }).dial();
    road.freeze();
    const start = performance.now();
    const answer = await fetch(`${through.url}/answer/${lines.plivo.key}`, {
      method: 'POST',
      body: new URLSearchParams({ CallUUID: 'x', From: '1', To: '2' }),
    });
    expect(answer.status).toBe(403);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
