import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expireSessions } from '../../src/service/expiry.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { startService, type TestService } from '../support/service.ts';
import { type Caller, type StoryWorld, startStories } from '../support/story.ts';
import { type Line, lines, WITH_PIN } from '../support/story-lines.ts';
import { type Road, roadTo } from '../support/story-road.ts';

const ALL = [lines.plivo, lines.hipcall, lines.guide];
const GUESSES = 50;

let world: StoryWorld;
let second: TestService;
let road: Road;
beforeAll(async () => {
  world = await startStories();
  const { databaseUrl } = world.service;
  road = await roadTo(databaseUrl);
  const answerDb = connect(road.url, { connections: 5, statementTimeoutMs: 1_500 });
  second = await startService({ databaseUrl, deps: { answerDb } });
});
afterEach(() => world.forget());
afterAll(async () => {
  await disconnect(second.deps.answerDb, 1);
  await second.close();
  road.close();
  await world.service.close();
});

/** The same call as it reaches the two instances in turn, each time at the point where digits are awaited. */
async function oneCallManyTimes(line: Line, count: number): Promise<Caller[]> {
  const from = world.phone(line);
  const calls = Array.from({ length: count }, (_, i) =>
    world.call(line, from, { callId: `race-${from.slice(1)}`, ...(i % 2 === 1 && { through: second }) }),
  );
  const [first, ...others] = calls;
  expect(await first?.dial()).toEqual(['ask pin']);
  await Promise.all(others.map((call) => call.dial()));
  return calls;
}

/** What became of guesses keyed in the same moment: how many were asked again, connected, and sent off. */
async function guess(calls: readonly Caller[], pins: readonly string[]) {
  const told = await Promise.all(calls.map((call, i) => call.press(pins[i] ?? '')));
  const count = (word: string) => told.filter((heard) => heard.at(-1)?.startsWith(word)).length;
  return { asked: count('ask'), connected: count('dial'), sentOff: count('hangup') };
}

const wrongPins = Array.from({ length: GUESSES }, (_, i) => `90${10 + i}`);
const WITH_LIMIT = { ...WITH_PIN, pin_retry: 4, callback_url: 'https://app.example/cb' };

describe.each(ALL)('fifty guesses of one call in the same moment, over $name,', (line) => {
  it('are five tries, each told once; all beyond are sent off, and so is the right PIN afterwards', async () => {
    await world.session(line, WITH_LIMIT);
    const calls = await oneCallManyTimes(line, GUESSES + 2);
    expect(await guess(calls.slice(0, GUESSES), wrongPins)).toEqual({ asked: 4, connected: 0, sentOff: 46 });
    const [row, ...others] = await world.calls();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ outcome: 'pin_failed', session_id: null });
    expect(new Set(row?.pin_tries).size).toBe(5);
    expect(await guess(calls.slice(GUESSES), ['1357', '2468'])).toEqual({ asked: 0, connected: 0, sentOff: 2 });
    const told = await world.callbacks();
    expect(told.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(told.map(({ details }) => details)).toEqual(
      [1, 2, 3, 4, 5].map((n) => ({ pinStatus: 'failed', pinRetryCounter: n })),
    );
  });

  it('with the right one among them connect only where that one was among the five', async () => {
    const session = await world.session(line, WITH_LIMIT);
    for (let round = 0; round < 4; round++) {
      const calls = await oneCallManyTimes(line, GUESSES);
      const pins = wrongPins.map((pin, i) => (i === 9 * round ? '1357' : pin));
      const { connected } = await guess(calls, pins);
      const row = (await world.calls()).at(-1);
      expect(row?.pin_tries.length).toBeLessThanOrEqual(5);
      if (row?.outcome === 'connected') {
        expect(row).toMatchObject({ session_id: session.id, caller_side: 'first', authenticated: true });
        expect(connected).toBeGreaterThan(0);
      } else {
        expect(row).toMatchObject({ outcome: 'pin_failed', session_id: null });
        expect([row?.pin_tries.length, connected]).toEqual([5, 0]);
      }
    }
  });
});

describe('sessions that end at the moment of the answer', () => {
  const COUNT = 60;
  const RACE_MS = 500;

  it('connect nobody after their end, whether they expire or are deleted', async () => {
    const { sql } = world.service.deps.db;
    const { plivo } = lines;
    // Between what one instance reads and what it books there is time enough for a session to end.
    road.slowDown(15);
    const sessions = await Promise.all(Array.from({ length: COUNT }, () => world.session(plivo)));
    await sql`update sessions set expires_at = now() + make_interval(secs => 0.05 + random() * ${RACE_MS / 1000})`;
    const until = performance.now() + RACE_MS + 100;
    const deleted = new Map<string, number>();
    const connectedAfterDelete: string[] = [];
    let connects = 0;
    const caller = async (through: TestService) => {
      while (performance.now() < until) {
        const session = sessions[Math.floor(Math.random() * COUNT)];
        if (!session) continue;
        const begun = performance.now();
        const [heard] = await world.call(plivo, session.first, { through }).dial();
        if (heard !== `dial ${session.second}`) continue;
        connects++;
        if (begun > (deleted.get(session.id) ?? Number.POSITIVE_INFINITY)) connectedAfterDelete.push(session.id);
      }
    };
    const deleter = async () => {
      for (const session of sessions.filter((_, i) => i % 2 === 0)) {
        await world.end(plivo, session).catch(() => {});
        deleted.set(session.id, performance.now());
      }
    };
    const expirer = async () => {
      while (performance.now() < until) await expireSessions(world.service.deps);
    };
    const callers = [world.service, second, second, second, second].map(caller);
    await Promise.all([...callers, deleter(), expirer()]);

    expect(connects).toBeGreaterThan(0);
    expect(connectedAfterDelete).toEqual([]);
    // A delete's own instant is that of its start, which may lie a lock's wait before a connect that it waited
    // for. So of deleted sessions only what their callers and the deleter saw is compared, above.
    const late = await sql`
      select c.decided_at - s.expires_at as too_late from calls c join sessions s on s.id = c.session_id
      where c.outcome = 'connected' and s.id <> all(${[...deleted.keys()]}::uuid[])
        and (c.decided_at > s.expires_at or c.decided_at > s.ended_at)`;
    expect(late.map((row) => ({ ...row }))).toEqual([]);
    const open = await sql`select count(*)::int as open from sessions where ended_at is null`;
    expect(open[0]?.open).toBe(0);
  });
});
