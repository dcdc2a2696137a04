import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LINES, type StoryWorld, sound, startStories, WITH_PIN } from '../support/story.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

describe.each(LINES)('a known caller, over $name', (line) => {
  it('reaches the other party, whichever of the two calls', async () => {
    const session = await world.session(line);
    expect(await world.call(line, session.first).dial()).toEqual([`dial ${session.second}`]);
    expect(await world.call(line, session.second).dial()).toEqual([`dial ${session.first}`]);
    expect(await world.calls()).toMatchObject([
      { outcome: 'connected', reason: 'known_caller', session_id: session.id, caller_side: 'first', pin_tries: [] },
      { outcome: 'connected', reason: 'known_caller', session_id: session.id, caller_side: 'second', pin_tries: [] },
    ]);
  });
});
