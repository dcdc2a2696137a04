import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, lines, sound, WITH_PIN } from '../support/story-lines.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories({ plivo: { default_country: 'TR' } });
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const PLAYS = { first_party_play_url: sound('to-first'), second_party_play_url: sound('to-second') };

describe.each(LINES)('a known caller, over $name,', (line) => {
  it('reaches the other party, whichever of the two calls', async () => {
    const session = await world.session(line);
    expect(await world.call(line, session.first).dial()).toEqual([`dial ${session.second}`]);
    expect(await world.call(line, session.second).dial()).toEqual([`dial ${session.first}`]);
    expect(await world.calls()).toMatchObject([
      { outcome: 'connected', reason: 'known_caller', session_id: session.id, caller_side: 'first', pin_tries: [] },
      { outcome: 'connected', reason: 'known_caller', session_id: session.id, caller_side: 'second', pin_tries: [] },
    ]);
  });

  it('hears the play URL of their own side before they are connected, and the callee that of theirs', async () => {
    const session = await world.session(line, PLAYS);
    const first = world.call(line, session.first);
    expect(await first.dial()).toEqual(['play to-first', `dial ${session.second}`]);
    const second = world.call(line, session.second);
    expect(await second.dial()).toEqual(['play to-second', `dial ${session.first}`]);
    // Hipcall's contract has no way to play anything to the callee.
    const isPlivo = line.dialect === 'plivo';
    expect(await first.calleeHears()).toEqual(isPlivo ? ['to-second'] : []);
    expect(await second.calleeHears()).toEqual(isPlivo ? ['to-first'] : []);
  });

  it.each(['+4740612345', '+5326202911', '+4915123456789', '+14155550199'])(
    'from abroad is who they are, whatever %s would be in the connection’s own country',
    async (abroad) => {
      const session = await world.session(line, { first_party: abroad, geomatch: false });
      expect(await world.call(line, abroad).dial()).toEqual([`dial ${session.second}`]);
    },
  );

  it('is asked no PIN where PINs are on and not forced', async () => {
    const session = await world.session(line, WITH_PIN);
    expect(await world.call(line, session.second).dial()).toEqual([`dial ${session.first}`]);
  });

  it('reaches their own callee alone, among the many sessions of a number', async () => {
    const sessions = [await world.session(line), await world.session(line, WITH_PIN), await world.session(line)];
    for (const { first, second } of sessions) {
      expect(await world.call(line, first).dial()).toEqual([`dial ${second}`]);
      expect(await world.call(line, second).dial()).toEqual([`dial ${first}`]);
    }
  });

  it('is connected by what the session says today: an update counts from the next call on', async () => {
    const session = await world.session(line, PLAYS);
    await world.update(line, session, { first_party_play_url: sound('new'), second_party_play_url: '' });
    const call = world.call(line, session.first);
    expect(await call.dial()).toEqual(['play new', `dial ${session.second}`]);
    expect(await call.calleeHears()).toEqual([]);
  });
});

describe('a session’s limits', () => {
  it('go with the dial where the dialect has words for them: ring timeout, time limit, caller ID', async () => {
    const { plivo, hipcall } = lines;
    const limits = { ring_timeout: 17, call_time_limit: 333 };
    for (const line of [plivo, hipcall]) {
      const session = await world.session(line, limits);
      const call = world.call(line, session.first);
      await call.dial();
      const spoken = { callerId: plivo.number.slice(1), ringTimeout: 17, timeLimit: 333 };
      const unspoken = { callerId: null, ringTimeout: null, timeLimit: null };
      expect(call.last().dialled).toMatchObject(line === plivo ? spoken : unspoken);
    }
  });

  it.each([{ record: true, record_file_format: 'wav' }, { record: true }, { record: false }])(
    'of recording are kept from the moment of the answer, as asked by %j',
    async (wish) => {
      const session = await world.session(lines.plivo, wish);
      const call = world.call(lines.plivo, session.first);
      await call.dial();
      expect(call.last().dialled?.recording).toBe(wish.record);
      const format = 'record_file_format' in wish ? 'wav' : 'mp3';
      const element = `redirect="false" recordSession="true" startOnDialAnswer="true" fileFormat="${format}"`;
      expect(call.last().document.includes(element)).toBe(wish.record);
    },
  );
});
