import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { type Line, lines, WITH_PIN } from '../support/story-lines.ts';

const ALL = [lines.plivo, lines.hipcall, lines.guide];
const PATIENT = { ...WITH_PIN, pin_retry: 5 };

let world: StoryWorld;
let second: TestService;
beforeAll(async () => {
  world = await startStories();
  second = await startService({ databaseUrl: world.service.databaseUrl });
});
afterEach(() => world.forget());
afterAll(async () => {
  await second.close();
  await world.service.close();
});

/** Somebody calls anew for each of the PINs, every other time through the other instance; what the last one heard. */
async function guessAnew(line: Line, from: string, pins: readonly string[]): Promise<string[]> {
  let heard: string[] = [];
  for (const [i, pin] of pins.entries()) {
    const call = world.call(line, from, i % 2 === 1 ? { through: second } : {});
    expect(await call.dial()).toEqual(['ask pin']);
    heard = await call.press(pin);
  }
  return heard;
}

const wrong = (count: number, start = 9000) => Array.from({ length: count }, (_, i) => String(start + i));
const isDial = (heard: readonly string[]) => heard.some((word) => word.startsWith('dial'));

/** How many guesses were looked up, by what the calls say of them. */
async function lookedUp(): Promise<number> {
  const calls = await world.calls();
  return calls.filter(({ reason, pin_tries }) => pin_tries.length > 0 && reason !== 'pin_suspended').length;
}

describe.each(ALL)('guessing PINs over $name', (line) => {
  it('is over for a caller after five wrong ones in five calls, and sounds no different', async () => {
    await world.session(line, PATIENT);
    const from = world.phone(line);
    const fifth = await guessAnew(line, from, wrong(5));
    const sixth = await guessAnew(line, from, ['1357']);
    expect(sixth).toEqual(fifth);
    expect((await world.calls()).at(-1)?.reason).toBe('pin_suspended');
    expect(isDial(await guessAnew(line, world.phone(line), ['1357']))).toBe(true);
  });

  it('is over for fifty calls of one caller at the same moment after exactly five', async () => {
    await world.session(line, PATIENT);
    const from = world.phone(line);
    // A provider that names no calls has one at a time of the same caller.
    const callIds = wrong(line.style === 'guide' ? 1 : 50);
    const calls = callIds.map((id, i) =>
      world.call(line, from, { callId: `many-${id}-${from.slice(1)}`, ...(i % 2 === 1 && { through: second }) }),
    );
    await Promise.all(calls.map((call) => call.dial()));
    await Promise.all(calls.map((call, i) => call.press(callIds[i] ?? '')));
    expect(await lookedUp()).toBe(Math.min(callIds.length, 5));
  });

  it.each([
    ['one instance', 1],
    ['two instances', 2],
  ])(
    'is over on the number for all strangers after twenty, at %s, and touches nobody who is known there',
    async (_at, instances) => {
      const session = await world.session(line, PATIENT);
      await Promise.all(
        wrong(40).map(async (pin, i) => {
          const call = world.call(line, world.phone(line), i % instances === 1 ? { through: second } : {});
          await call.dial();
          await call.press(pin);
        }),
      );
      expect(await lookedUp()).toBe(20);
      expect(isDial(await guessAnew(line, world.phone(line), ['1357']))).toBe(false);
      for (const [from, to] of [
        [session.first, session.second],
        [session.second, session.first],
      ] as const) {
        expect(await world.call(line, from).dial()).toEqual([`dial ${to}`]);
      }
    },
  );

  it('by somebody who has a PIN of their own: it clears their own budget and not that of the number', async () => {
    await world.session(line, PATIENT);
    const from = world.phone(line);
    for (let round = 0; round < 5; round++) {
      await guessAnew(line, from, wrong(4, 9000 + 10 * round));
      const heard = await guessAnew(line, from, ['1357']);
      expect(isDial(heard)).toBe(round < 4);
    }
  });

  it('does not count silence', async () => {
    await world.session(line, PATIENT);
    const from = world.phone(line);
    for (let i = 0; i < 6; i++) {
      const call = world.call(line, from);
      await call.dial();
      await call.silence();
    }
    expect(isDial(await guessAnew(line, from, ['1357']))).toBe(true);
  });
});

describe('a party who is always asked for a PIN', () => {
  const { plivo } = lines;

  it('has a budget of their own, which strangers on the number do not spend', async () => {
    const session = await world.session(plivo, { ...PATIENT, force_pin_authentication: true });
    for (const pin of wrong(20)) await guessAnew(plivo, world.phone(plivo), [pin]);
    expect(isDial(await guessAnew(plivo, world.phone(plivo), ['1357']))).toBe(false);
    await guessAnew(plivo, session.first, wrong(4));
    expect(await guessAnew(plivo, session.first, ['1357'])).toEqual([`dial ${session.second}`]);
    await guessAnew(plivo, session.first, wrong(5));
    expect(await guessAnew(plivo, session.first, ['1357'])).toEqual(['play incorrect', 'ask pin']);
  });
});
