import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { type Line, lines, sound, WITH_PIN } from '../support/story-lines.ts';

// Stories that nobody thought of: any session, any caller, any keys. They go the same way in every dialect,
// they end, and they put nobody through to themself. That no document shows the caller's number, and that a
// callee sees the virtual number alone, is checked by every story's telephone.

const log: string[] = [];
let world: StoryWorld;
beforeAll(async () => {
  const sounds = { success_play: sound('success'), failure_play: sound('failure') };
  world = await startStories({ plivo: sounds, hipcall: sounds, guide: sounds }, { logLines: log });
});
afterAll(() => world.service.close());

const session = fc.record({
  isSingle: fc.boolean(),
  isCompleted: fc.boolean(),
  wish: fc.record({
    is_pin_authentication_required: fc.boolean(),
    force_pin_authentication: fc.boolean(),
    pin_retry: fc.nat({ max: 2 }),
    first_party_play_url: fc.constantFrom('', sound('to-first')),
    second_party_play_url: fc.constantFrom('', sound('to-second')),
    unknown_caller_play: fc.constantFrom('', sound('unknown')),
  }),
});
const from = fc.constantFrom('first', 'second', 'stranger', 'withheld');
const deed = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('1357', '2468', '9999', '13', '1357#', '135724689') },
  { weight: 2, arbitrary: fc.constantFrom('silence', 'again') },
  { weight: 1, arbitrary: fc.constant('end') },
);
const calls = fc.array(fc.record({ from, deeds: fc.array(deed, { maxLength: 5 }) }), { minLength: 1, maxLength: 3 });

/** Tells all calls of a story over one line, with people instead of their numbers. */
async function tellStory(line: Line, kind: Kind, told: readonly Call[]): Promise<string[][]> {
  await world.forget();
  const people = { first: world.phone(line), second: world.phone(line), stranger: world.phone(line), withheld: '' };
  const parties = { first_party: people.first, ...(kind.isSingle ? {} : { second_party: people.second }) };
  const single = kind.isSingle ? { create_session_with_single_party: true } : {};
  const made = await world.session(line, { ...WITH_PIN, ...kind.wish, ...parties, ...single });
  if (kind.isSingle && kind.isCompleted) await world.update(line, made, { second_party: people.second });

  const story: string[][] = [];
  for (const { from: who, deeds } of told) {
    // A provider that names no call takes one soon after another for the same.
    if (line.style === 'guide') await world.service.deps.db.sql`delete from calls`;
    const call = world.call(line, people[who]);
    const hear = (heard: string[]) => {
      const named = heard.map((words) => words.replace(/\+\d+/, (number) => roleOf(people, number)));
      expect(named).not.toContain(`dial ${who}`);
      expect(named).not.toContain('dial nobody');
      story.push(named);
    };
    hear(await call.dial());
    for (const what of deeds) {
      const isAsked = call.last().asked !== null;
      if (what === 'again') hear(await call.repeat());
      else if (what === 'end') await world.end(line, made).catch(() => {});
      else if (isAsked) hear(await (what === 'silence' ? call.silence() : call.press(what)));
    }
    // Whoever goes on being wrong is sent off in the end.
    for (let i = 0; i < 3 && call.last().asked !== null; i++) hear(await call.press('0000'));
    expect(call.last().asked).toBeNull();
  }
  return story;
}

type Kind = typeof session extends fc.Arbitrary<infer T> ? T : never;
type Call = { readonly from: 'first' | 'second' | 'stranger' | 'withheld'; readonly deeds: readonly string[] };

function roleOf(people: Readonly<Record<string, string>>, number: string): string {
  return Object.keys(people).find((role) => people[role] === number) ?? 'nobody';
}

describe('any call', () => {
  it('goes the same way in every dialect, ends, and connects nobody to themself', async () => {
    await fc.assert(
      fc.asyncProperty(session, calls, async (kind, told) => {
        const overPlivo = await tellStory(lines.plivo, kind, told);
        expect(await tellStory(lines.hipcall, kind, told)).toEqual(overPlivo);
        expect(await tellStory(lines.guide, kind, told)).toEqual(overPlivo);
      }),
      { numRuns: 25 },
    );
  });

  it('is logged by its outcome, and without the number of anybody', () => {
    const decided = log.filter((line) => line.includes('call.decided'));
    expect(decided.length).toBeGreaterThan(50);
    for (const line of log) expect(line).not.toMatch(/2025550\d{3}|5320000\d{3}/);
  });
});
