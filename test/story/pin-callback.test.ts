import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, WITH_PIN } from '../support/story-lines.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const TOLD = { ...WITH_PIN, callback_url: 'https://app.example/cb' };

/** What an app is told of PINs: session, sequence, status, counter. */
const told = async () => {
  const rows = (await world.callbacks()).filter(({ event }) => event === 'SessionPinAuthenticationStatus');
  return rows.map(({ session_id, sequence, details }) => {
    return [session_id, sequence, details.pinStatus, details.pinRetryCounter];
  });
};

describe.each(LINES)('an app, over $name,', (line) => {
  it('is told of each wrong try and of the right one, in order, with the wrong tries so far', async () => {
    const { id } = await world.session(line, TOLD);
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect(await told()).toEqual([]);
    await call.press('9999');
    await call.silence();
    await call.press('1357');
    expect(await told()).toEqual([
      [id, 1, 'failed', 1],
      [id, 2, 'failed', 2],
      [id, 3, 'success', 2],
    ]);
  });

  it('is told of a right PIN at the first try with no wrong ones', async () => {
    const { id } = await world.session(line, TOLD);
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('2468');
    expect(await told()).toEqual([[id, 1, 'success', 0]]);
  });

  it('is told of the last wrong try as of each one before, and of nothing after it', async () => {
    const { id } = await world.session(line, { ...TOLD, pin_retry: 1 });
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('9999');
    await call.press('9999');
    await call.repeat();
    expect(await told()).toEqual([
      [id, 1, 'failed', 1],
      [id, 2, 'failed', 2],
    ]);
  });

  it('is told of a known caller who needed no PIN as authorized', async () => {
    const session = await world.session(line, TOLD);
    await world.call(line, session.first).dial();
    await world.call(line, session.second).dial();
    expect(await told()).toEqual([
      [session.id, 1, 'AuthorizedCaller', 0],
      // Between them the app is told that the first caller is connected.
      [session.id, 3, 'AuthorizedCaller', 0],
    ]);
  });

  it('is told of a known caller of a forced PIN by what was keyed', async () => {
    const session = await world.session(line, { ...TOLD, force_pin_authentication: true });
    const call = world.call(line, session.first);
    await call.dial();
    await call.press('2468');
    await call.press('1357');
    expect(await told()).toEqual([
      [session.id, 1, 'failed', 1],
      [session.id, 2, 'success', 1],
    ]);
  });

  it('is told of success by the session of the PIN, and of wrong tries by the one that asked', async () => {
    const older = await world.session(line, TOLD);
    const newer = await world.session(line, { ...TOLD, first_party_pin: '7531', second_party_pin: '8642' });
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('9999');
    await call.press('1357');
    expect(await told()).toEqual([
      [newer.id, 1, 'failed', 1],
      [older.id, 1, 'success', 1],
    ]);
  });

  it('is told nothing where it gave no address, where PINs are off, and where nobody is connected', async () => {
    const silent = await world.session(line, WITH_PIN);
    await world.call(line, silent.first).dial();
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('9999');
    await world.end(line, silent);
    await world.forget();
    const open = await world.session(line, { callback_url: 'https://app.example/cb' });
    await world.call(line, open.first).dial();
    await world.call(line, world.phone(line)).dial();
    expect(await told()).toEqual([]);
  });

  it('is told no PIN event any more by a session that has ended between the prompt and the PIN', async () => {
    const session = await world.session(line, TOLD);
    const call = world.call(line, world.phone(line));
    await call.dial();
    await world.expire(session);
    await call.press('1357');
    expect(await told()).toEqual([]);
  });
});
