import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, lines, sound, WITH_PIN } from '../support/story-lines.ts';

const DESK = { plivo: '+12025559001', hipcall: '1092', guide: '+905329999001' } as const;
const FAILURE = { success_play: sound('success'), failure_play: sound('failure') };

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories({
    plivo: { ...FAILURE, fallback_destination: DESK.plivo },
    hipcall: { ...FAILURE, fallback_destination: DESK.hipcall },
    // Without a failure prompt of the connection.
    guide: { fallback_destination: DESK.guide },
  });
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

describe.each(LINES)('the fallback destination, over $name,', (line) => {
  const prompt = line.id === 'guide' ? 'play incorrect' : 'play failure';
  const desk = line.id === 'hipcall' ? `connect ${DESK.hipcall}` : `dial ${DESK[line.id]}`;

  it('takes a caller after the last wrong PIN, behind the failure prompt, and not before', async () => {
    await world.session(line, { ...WITH_PIN, pin_retry: 1 });
    const call = world.call(line, world.phone(line));
    expect(await call.dial()).toEqual(['ask pin']);
    expect(await call.press('9999')).toEqual(['play incorrect', 'ask pin']);
    expect(await call.press('9998')).toEqual([prompt, desk]);
    expect(await world.calls()).toMatchObject([{ outcome: 'pin_failed', session_id: null }]);
  });

  it('takes a caller who was silent throughout', async () => {
    await world.session(line, { ...WITH_PIN, pin_retry: 1 });
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.silence();
    expect(await call.silence()).toEqual([prompt, desk]);
  });

  it('does not take one whose PIN is right', async () => {
    const session = await world.session(line, { ...WITH_PIN, pin_retry: 1 });
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('9999');
    const success = line.id === 'guide' ? [] : ['play success'];
    expect(await call.press('1357')).toEqual([...success, `dial ${session.second}`]);
  });

  it('does not take an unknown caller who was never asked for a PIN', async () => {
    await world.session(line);
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['hangup']);
  });
});

describe('a fallback phone', () => {
  it('sees the virtual number, and is not recorded', async () => {
    await world.session(lines.plivo, { ...WITH_PIN, pin_retry: 0, record: true });
    const call = world.call(lines.plivo, world.phone(lines.plivo));
    await call.dial();
    await call.press('9999');
    const dialled = { callerId: lines.plivo.number.slice(1), ringTimeout: 45, timeLimit: 14_400, recording: false };
    expect(call.last().dialled).toMatchObject(dialled);
  });

  it.each([lines.plivo, lines.guide])('that calls itself is not rung: the call ends, over $name', async (line) => {
    await world.session(line, { ...WITH_PIN, pin_retry: 0 });
    const call = world.call(line, DESK[line.id]);
    await call.dial();
    expect((await call.press('9999')).at(-1)).toBe('hangup');
  });
});
