import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, sound, WITH_PIN } from '../support/story-lines.ts';

const SUCCESS = { success_play: sound('success') };
let world: StoryWorld;
beforeAll(async () => {
  world = await startStories({ plivo: SUCCESS, hipcall: SUCCESS, guide: SUCCESS });
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const WRONG = ['play incorrect', 'ask pin'];
const THE_END = ['play incorrect', 'hangup'];

describe.each(LINES)('an unknown caller with PIN, over $name,', (line) => {
  it('reaches the other side of the PIN that they key, at the first try', async () => {
    const session = await world.session(line, WITH_PIN);
    for (const [pin, callee] of [
      ['1357', session.second],
      ['2468', session.first],
    ] as const) {
      const call = world.call(line, world.phone(line));
      expect(await call.dial()).toEqual(['ask pin']);
      expect(await call.press(pin)).toEqual(['play success', `dial ${callee}`]);
    }
    const connected = { outcome: 'connected', reason: 'pin_accepted', session_id: session.id, authenticated: true };
    expect(await world.calls()).toMatchObject([
      { ...connected, caller_side: 'first' },
      { ...connected, caller_side: 'second' },
    ]);
  });

  it('reaches it at the last try too, after the sound for a wrong PIN and a wait', async () => {
    const session = await world.session(line, WITH_PIN);
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect(await call.press('1358')).toEqual(WRONG);
    expect(call.last().waited).toBe(line.dialect === 'plivo' ? 6 : 0);
    expect(await call.press('9')).toEqual(WRONG);
    expect(await call.press('1357')).toEqual(['play success', `dial ${session.second}`]);
    expect((await world.calls())[0]?.pin_tries).toHaveLength(3);
  });

  it('hears success before the play URL of the side that they are', async () => {
    const session = await world.session(line, { ...WITH_PIN, first_party_play_url: sound('to-first') });
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect(await call.press('1357')).toEqual(['play success', 'play to-first', `dial ${session.second}`]);
  });

  it.each([0, 1, 5])('has pin_retry = %i tries more than one, and then the call ends', async (pin_retry) => {
    await world.session(line, { ...WITH_PIN, pin_retry });
    const call = world.call(line, world.phone(line));
    await call.dial();
    for (let i = 0; i < pin_retry; i++) expect(await call.press(`900${i}`)).toEqual(WRONG);
    expect(await call.press('9999')).toEqual(THE_END);
    const [row] = await world.calls();
    expect(row).toMatchObject({ outcome: 'pin_failed', authenticated: false, session_id: null });
    expect(row?.pin_tries).toHaveLength(pin_retry + 1);
    expect(await call.repeat()).toEqual(THE_END);
  });

  it('may key the same wrong PIN again and again: each counts', async () => {
    await world.session(line, WITH_PIN);
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect([await call.press('9999'), await call.press('9999'), await call.press('9999')]).toEqual([
      WRONG,
      WRONG,
      THE_END,
    ]);
  });

  it('who is silent comes back, and may still key the PIN', async () => {
    const session = await world.session(line, WITH_PIN);
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect(await call.silence()).toEqual(WRONG);
    expect(await call.press('2468')).toEqual(['play success', `dial ${session.first}`]);
  });

  it('who is silent throughout has as many tries as one who is wrong, then the call ends', async () => {
    await world.session(line, WITH_PIN);
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect([await call.silence(), await call.silence(), await call.silence()]).toEqual([WRONG, WRONG, THE_END]);
  });

  it('hears nothing more than the prompt where the app gave no sound for a wrong PIN', async () => {
    await world.session(line, { ...WITH_PIN, incorrect_pin_play: '', pin_retry: 1 });
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect([await call.press('9999'), await call.press('9998')]).toEqual([['ask pin'], ['hangup']]);
    expect(call.last().rejected).toBe(false);
  });

  it('may end the PIN with #, and key PINs of every length that lives on the number', async () => {
    const short = await world.session(line, WITH_PIN);
    const pins = { first_party_pin: '135790', second_party_pin: '246802468024680' };
    const long = await world.session(line, { ...WITH_PIN, ...pins });
    for (const [keys, callee] of [
      ['1357', short.second],
      ['1357#', short.second],
      ['135790', long.second],
      ['246802468024680', long.first],
    ] as const) {
      const call = world.call(line, world.phone(line));
      await call.dial();
      expect(call.last().asked).toMatchObject({ minDigits: line.dialect === 'plivo' ? 1 : 4, maxDigits: 15 });
      expect(await call.press(keys), keys).toEqual(['play success', `dial ${callee}`]);
    }
  });

  it('is put through to nobody else’s party, though somebody takes all callers without PIN there', async () => {
    const pin = await world.session(line, WITH_PIN);
    // The service keeps the two apart; should they meet all the same, the PIN comes first.
    const single = { create_session_with_single_party: true, first_party: world.phone(line) };
    await expect(world.session(line, single)).rejects.toThrow('Number pool exhausted');
    const call = world.call(line, world.phone(line));
    expect(await call.dial()).toEqual(['ask pin']);
    expect(await call.press('1357')).toEqual(['play success', `dial ${pin.second}`]);
  });
});

describe.each(LINES)('a known caller of a forced PIN, over $name,', (line) => {
  const FORCED = { ...WITH_PIN, force_pin_authentication: true };

  it('is asked all the same, and reaches the other party by their own PIN', async () => {
    const session = await world.session(line, FORCED);
    for (const [from, pin, callee] of [
      [session.first, '1357', session.second],
      [session.second, '2468', session.first],
    ] as const) {
      const call = world.call(line, from);
      expect(await call.dial()).toEqual(['ask pin']);
      expect(await call.press('9999')).toEqual(WRONG);
      expect(await call.press(pin)).toEqual(['play success', `dial ${callee}`]);
    }
  });

  it('who keys the other side’s PIN hears what a wrong PIN sounds like, and is never connected to themself', async () => {
    const session = await world.session(line, FORCED);
    const [own, wrong] = [world.call(line, session.first), world.call(line, session.first)];
    await own.dial();
    for (const expected of [WRONG, WRONG, THE_END]) {
      expect(await own.press('2468')).toEqual(expected);
    }
    await wrong.dial();
    for (const expected of [WRONG, WRONG, THE_END]) {
      expect(await wrong.press('9999')).toEqual(expected);
    }
    expect(own.last().document).toBe(wrong.last().document);
  });

  it('hears their own session’s prompt, not that of a newer one on the number', async () => {
    const session = await world.session(line, { ...FORCED, pin_prompt_play: sound('own-prompt') });
    await world.session(line, { ...WITH_PIN, first_party_pin: '7531', second_party_pin: '8642' });
    expect(await world.call(line, session.first).dial()).toEqual(['ask own-prompt']);
  });
});
