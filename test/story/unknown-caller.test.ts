import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, lines, sound, WITH_PIN } from '../support/story-lines.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const isPlivo = (line: { dialect: string }) => line.dialect === 'plivo';
const WITHHELD = ['anonymous', 'Restricted', ''];

describe.each(LINES)('an unknown caller, over $name,', (line) => {
  it('is refused, and rejected before the call is answered where the dialect can', async () => {
    await world.session(line);
    const call = world.call(line, world.phone(line));
    expect(await call.dial()).toEqual(['hangup']);
    expect(call.last().rejected).toBe(isPlivo(line));
    expect(await world.calls()).toMatchObject([{ outcome: 'refused', reason: 'unknown_caller', session_id: null }]);
  });

  it('is refused on a number without any session', async () => {
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['hangup']);
  });

  it('hears the message for unknown callers, then the call ends', async () => {
    await world.session(line, { unknown_caller_play: sound('unknown') });
    await world.session(line);
    const call = world.call(line, world.phone(line));
    expect(await call.dial()).toEqual(['play unknown', 'hangup']);
    expect(call.last().rejected).toBe(false);
  });

  it('hears the message of the newest session that has one, and of no session that has ended', async () => {
    await world.session(line, { unknown_caller_play: sound('old') });
    const newest = await world.session(line, { unknown_caller_play: sound('new') });
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['play new', 'hangup']);
    await world.end(line, newest);
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['play old', 'hangup']);
  });

  it.each(WITHHELD)('with a number withheld as %j hears that message too', async (withheld) => {
    await world.session(line, { unknown_caller_play: sound('unknown') });
    expect(await world.call(line, withheld).dial()).toEqual(['play unknown', 'hangup']);
  });

  it.each(WITHHELD)('with a number withheld as %j may key a PIN, and is stored without number', async (withheld) => {
    const session = await world.session(line, WITH_PIN);
    const call = world.call(line, withheld);
    expect(await call.dial()).toEqual(['ask pin']);
    expect(await call.press('1357')).toEqual([`dial ${session.second}`]);
    const rows = await world.service.deps.db.sql`select caller_digest, caller_cipher from calls`;
    expect(rows.map((row) => ({ ...row }))).toEqual([{ caller_digest: null, caller_cipher: null }]);
  });

  it('is who has a session on another number alone', async () => {
    const other = line.id === 'plivo' ? lines.hipcall : lines.plivo;
    const session = await world.session(other);
    expect(await world.call(line, session.first).dial()).toEqual(['hangup']);
  });
});

describe.each(LINES.filter((line) => line.style === 'full'))(
  'a number that is not the account’s, over $name,',
  (line) => {
    it.each(['+14155559999', '+902125559999', '+442079460018'])(
      'as %s nobody’s, ends the call as a number without sessions does, and stores nothing',
      async (to) => {
        const call = world.call(line, world.phone(line), { to });
        expect(await call.dial()).toEqual(['hangup']);
        expect(call.last()).toMatchObject({ status: 200, rejected: isPlivo(line), spoken: [] });
        expect(await world.calls()).toEqual([]);
        // A guesser learns nothing of which numbers are ours.
        const ours = world.call(line, world.phone(line));
        expect(await ours.dial()).toEqual(['hangup']);
        expect(ours.last().document).toBe(call.last().document);
      },
    );

    it('as another account’s is out of reach, even for that account’s own parties and PINs', async () => {
      const other = line.id === 'plivo' ? lines.hipcall : lines.plivo;
      const session = await world.session(other, { ...WITH_PIN, first_party: '+14155557777', geomatch: false });
      for (const from of [session.first, session.second, world.phone(line)]) {
        const call = world.call(line, from, { to: other.number });
        expect(await call.dial()).toEqual(['hangup']);
        expect(call.last().document).not.toContain('1415555');
      }
      expect(await world.calls()).toEqual([]);
    });
  },
);
