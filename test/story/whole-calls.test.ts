import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { invariantFaults } from '../../src/store/invariants.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { logOf } from '../support/exchanges.ts';
import { api } from '../support/service.ts';
import { type StorySession, type StoryWorld, startStories } from '../support/story.ts';
import { type Line, lines, WITH_PIN } from '../support/story-lines.ts';
import { type Course, playOut } from './switchboard.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(async () => {
  const { sql } = world.service.deps.db;
  expect([...(await invariantFaults(sql)), ...(await totalsFaults(sql))]).toEqual([]);
  await sql`delete from recordings`;
  await world.forget();
  await sql`delete from tallies`;
});
afterAll(() => world.service.close());

const CALLBACKS = { callback_url: 'https://app.example/cb' };

/** A call from its first ring to its last report. */
async function wholeCall(line: Line, session: StorySession, from: string, keyed: readonly string[], course: Course) {
  const call = world.call(line, from);
  await call.dial();
  for (const digits of keyed) await call.press(digits);
  const { document } = call.last();
  await playOut({ line, serviceUrl: world.service.url, callId: call.callId, from, document }, course);
  const path = `/v1/Account/${line.account.id}/Masking/Session/${session.id}/`;
  const { body } = await api(world.service, 'GET', path, undefined, line.account);
  const shown = body.response as unknown as Record<string, unknown>;
  const told = (await world.callbacks()).map(({ event }) => event.replace('Session', ''));
  return { shown, told, callId: call.callId, log: await logOf(world.service, line, `call_uuid=${call.callId}`) };
}

const { plivo, hipcall } = lines;
const END = ['FirstPartyHangup', 'PartiesHangup'];
const TALKED = ['FirstPartyAnswer', 'SecondPartyRing', 'SecondPartyAnswer', 'SecondPartyHangup', ...END];

describe.each([
  // Hipcall reports no costs and bills nothing to us.
  { line: plivo, money: { total_call_amount: 0.02281, total_call_billed_duration: 120 } },
  { line: hipcall, money: { total_call_amount: 0, total_call_billed_duration: 0 } },
])('over $line.name', ({ line, money }) => {
  const isPlivo = line.dialect === 'plivo';
  const bridgedReports = isPlivo ? ['dial-callback', 'dial-callback', 'dial-action', 'hangup'] : ['events', 'events'];
  const missedReports = isPlivo ? ['dial-callback', 'dial-action', 'hangup'] : ['events', 'events'];
  const booked = (names: readonly string[]) => names.map((name) => `${name}: booked on its call`);

  it.each(['caller hangs up', 'callee hangs up'] as const)(
    'a call that is connected, until the %s, is counted to the second',
    async (course) => {
      const session = await world.session(line, CALLBACKS);
      const { shown, told, log } = await wholeCall(line, session, session.first, [], course);
      expect(told).toEqual(TALKED);
      expect(log).toEqual(['answer: known caller, connected', ...booked(bridgedReports)]);
      expect(shown).toMatchObject({ ...money, status: 'active', total_call_count: 2 });
      expect(shown.last_interaction_time).toBe('2026-03-01 10:00:36 +0000 UTC');
      const [one] = shown.interaction as Record<string, unknown>[];
      expect(one).toMatchObject({
        ...{ start_time: '2026-03-01 10:00:00 +0000 UTC', end_time: '2026-03-01 10:00:36 +0000 UTC', duration: 66 },
        ...{ first_party_status: 'completed', second_party_status: 'completed', total_call_count: 2 },
      });
      const { body } = await api(
        world.service,
        'GET',
        new URL(String(one?.first_party_resource_url)).pathname,
        undefined,
        line.account,
      );
      expect(body).toMatchObject({
        hangup_source: course === 'caller hangs up' ? 'Caller' : 'Callee',
        call_duration: 35,
      });
    },
  );

  it.each(['busy', 'no answer', 'caller cancels'] as const)(
    'a call whose callee is not there (%s) is told of and costs what its first leg did',
    async (course) => {
      const session = await world.session(line, CALLBACKS);
      const { shown, told, log } = await wholeCall(line, session, session.first, [], course);
      const rang = isPlivo && course !== 'busy' ? ['SecondPartyRing'] : [];
      expect(told).toEqual(['FirstPartyAnswer', 'SecondPartyHangup', ...rang, ...END]);
      // What the dial's end adds to the end of its leg: that it rang.
      const reports = booked(missedReports).map((line) =>
        course === 'busy' ? line.replace(/^(dial-action): .*/, '$1: known already, nothing new') : line,
      );
      expect(log).toEqual(['answer: known caller, connected', ...reports]);
      const [one] = shown.interaction as Record<string, unknown>[];
      // Hipcall does not say why nobody answered.
      const status = { busy: 'busy', 'no answer': 'no-answer', 'caller cancels': 'canceled' }[course];
      expect(one).toMatchObject({
        second_party_status: isPlivo ? status : 'no-answer',
        total_call_count: 2,
      });
      expect(shown).toMatchObject({ total_call_amount: isPlivo ? 0.005 : 0, total_call_count: 2 });
    },
  );

  it('a call with a wrong PIN, the right one, and a talk reads as that in its log, and no PIN is kept anywhere', async () => {
    const session = await world.session(line, {
      ...WITH_PIN,
      ...CALLBACKS,
      first_party_pin: '718293',
      second_party_pin: '637485',
    });
    const { shown, told, callId, log } = await wholeCall(
      line,
      session,
      world.phone(line),
      ['999111', '718293'],
      'callee hangs up',
    );
    expect(told).toEqual(['PinAuthenticationStatus', 'PinAuthenticationStatus', ...TALKED]);
    expect(log).toEqual([
      'answer: asked for the PIN',
      'answer: wrong PIN, asked again',
      'answer: right PIN, connected',
      ...booked(bridgedReports),
    ]);
    // The whole story is found under its session as well.
    expect(await logOf(world.service, line, `session_uuid=${session.id}`)).toEqual(log);
    expect(shown).toMatchObject({ ...money, total_call_count: 2 });

    const path = `/v1/Account/${line.account.id}/Masking/Exchange/?call_uuid=${callId}`;
    const { body } = await api(world.service, 'GET', path, undefined, line.account);
    expect(JSON.stringify(body)).toContain('6 digits');
    expect(JSON.stringify(body)).not.toMatch(/718293|999111/);
    for (const text of await everyRow()) expect(text).not.toMatch(/718293|637485|999111/);
  });

  it('a call that is refused counts nowhere in its session, and its end is booked', async () => {
    const session = await world.session(line, CALLBACKS);
    const { shown, told, log } = await wholeCall(line, session, world.phone(line), [], 'sent off');
    expect(told).toEqual([]);
    expect(shown).toMatchObject({ total_call_count: 0, interaction: null });
    expect(log).toEqual(['answer: unknown caller, refused', ...booked(isPlivo ? ['hangup'] : ['events', 'events'])]);
  });
});

/** Every row of every table, as text; bytes as what they stand for, since six digits may be in a hexadecimal by chance. */
async function everyRow(): Promise<readonly string[]> {
  const { sql } = world.service.deps.db;
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const rows = await Promise.all(
    tables.map(({ name }) => sql<{ text: string }[]>`select t::text as text from ${sql(name)} t`),
  );
  const asBytes = (_: string, hex: string) => Buffer.from(hex, 'hex').toString('latin1');
  return rows
    .flat()
    .map(({ text }) => text.replace(/\\x([0-9a-f]+)/g, asBytes).replace(/[0-9a-f]+(-[0-9a-f]+){4}/g, ''));
}
