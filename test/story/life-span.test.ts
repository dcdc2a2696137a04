import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StorySession, type StoryWorld, startStories } from '../support/story.ts';
import { LINES, type Line, sound, WITH_PIN } from '../support/story-lines.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

/** The two ways in which a session ends; no job has noticed either of them. */
const ENDINGS = [
  { ended: 'expired one second ago', end: (_: Line, session: StorySession) => world.expire(session) },
  { ended: 'was deleted', end: (line: Line, session: StorySession) => world.end(line, session) },
];
const CASES = LINES.flatMap((line) => ENDINGS.map((ending) => ({ line, name: line.name, ...ending })));

describe.each(CASES)('a session that $ended, over $name,', ({ line, end }) => {
  it('connects neither of its parties', async () => {
    const session = await world.session(line);
    await end(line, session);
    expect(await world.call(line, session.first).dial()).toEqual(['hangup']);
    expect(await world.call(line, session.second).dial()).toEqual(['hangup']);
  });

  it('connects none of them during its cool-off either', async () => {
    const session = await world.session(line, { virtual_number_cooloff_period: 3600 });
    await end(line, session);
    expect(await world.call(line, session.first).dial()).toEqual(['hangup']);
  });

  it('asks nobody for its PINs', async () => {
    await end(line, await world.session(line, { ...WITH_PIN, unknown_caller_play: sound('unknown') }));
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['hangup']);
  });

  it('has PINs that sound like wrong ones while another session on its number asks', async () => {
    const dead = await world.session(line, WITH_PIN);
    await world.session(line, { ...WITH_PIN, first_party_pin: '7531', second_party_pin: '8642', pin_retry: 0 });
    await end(line, dead);
    const documents = [];
    for (const pin of ['1357', '2468', '9999']) {
      const call = world.call(line, world.phone(line));
      await call.dial();
      expect(await call.press(pin)).toEqual(['play incorrect', 'hangup']);
      documents.push(call.last().document);
    }
    expect(new Set(documents).size).toBe(1);
  });

  it('between the prompt and the PIN makes it sound exactly like a wrong one, to the last try', async () => {
    const told: string[][] = [];
    for (const isEnded of [false, true]) {
      const session = await world.session(line, WITH_PIN);
      const call = world.call(line, world.phone(line));
      await call.dial();
      if (isEnded) await end(line, session);
      const pin = isEnded ? '1357' : '9999';
      const documents = [];
      for (let i = 0; i < 3; i++) {
        await call.press(pin);
        documents.push(call.last().document);
      }
      told.push(documents);
      expect((await world.calls()).at(-1)).toMatchObject({ outcome: 'pin_failed' });
      if (!isEnded) await world.forget();
    }
    expect(told[1]).toEqual(told[0]);
  });

  it('after a call was connected ends that call when the provider asks about it again', async () => {
    const session = await world.session(line, { unknown_caller_play: sound('unknown') });
    const call = world.call(line, session.first);
    expect(await call.dial()).toEqual([`dial ${session.second}`]);
    await end(line, session);
    expect(await call.repeat()).toEqual(['hangup']);
  });

  it('leaves its parties free for a new session, whose callee is the only one they reach', async () => {
    const old = await world.session(line);
    await end(line, old);
    const fresh = await world.session(line, { first_party: old.first, second_party: world.phone(line) });
    expect(await world.call(line, old.first).dial()).toEqual([`dial ${fresh.second}`]);
    expect(await world.call(line, old.second).dial()).toEqual(['hangup']);
  });
});

describe.each(LINES)('a session that is prolonged, over $name,', (line) => {
  it('connects until its new end', async () => {
    const session = await world.session(line, { session_expiry: 60 });
    await world.update(line, session, { session_expiry: 600 });
    expect(await world.call(line, session.first).dial()).toEqual([`dial ${session.second}`]);
  });
});
