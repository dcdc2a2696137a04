import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, type Line, sound, WITH_PIN } from '../support/story-lines.ts';

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const SINGLE = { create_session_with_single_party: true };

/** A session with one party only, and that party's phone. */
async function single(line: Line, wish: object = {}, side: 'first' | 'second' = 'first') {
  const known = world.phone(line);
  const session = await world.session(line, { ...SINGLE, [`${side}_party`]: known, ...wish });
  return { ...session, known };
}

describe.each(LINES)('a session with a single party, without PIN, over $name,', (line) => {
  it.each(['first', 'second'] as const)('connects whoever calls to its %s party', async (side) => {
    const session = await single(line, {}, side);
    for (const stranger of [world.phone(line), world.phone(line), 'anonymous']) {
      expect(await world.call(line, stranger).dial()).toEqual([`dial ${session.known}`]);
    }
    const other = side === 'first' ? 'second' : 'first';
    const row = { reason: 'open_session', session_id: session.id, caller_side: other, authenticated: false };
    expect(await world.calls()).toMatchObject([row, row, row]);
  });

  it('connects its party to the last caller', async () => {
    const session = await single(line);
    const [one, two] = [world.phone(line), world.phone(line)];
    await world.call(line, one).dial();
    expect(await world.call(line, session.known).dial()).toEqual([`dial ${one}`]);
    await world.call(line, two).dial();
    expect(await world.call(line, session.known, { callId: 'call-back-2' }).dial()).toEqual([`dial ${two}`]);
  });

  it('refuses its party as long as nobody has called', async () => {
    const session = await single(line);
    expect(await world.call(line, session.known).dial()).toEqual(['hangup']);
    expect(await world.calls()).toMatchObject([{ outcome: 'refused', reason: 'nobody_to_call' }]);
  });

  it('remembers nobody whose number is withheld', async () => {
    const session = await single(line);
    const stranger = world.phone(line);
    await world.call(line, stranger).dial();
    await world.call(line, 'anonymous').dial();
    expect(await world.call(line, session.known).dial()).toEqual([`dial ${stranger}`]);
  });

  it('plays each side its own URL, the stranger that of the missing party', async () => {
    const plays = { first_party_play_url: sound('to-first'), second_party_play_url: sound('to-second') };
    const session = await single(line, plays);
    const stranger = world.phone(line);
    expect(await world.call(line, stranger).dial()).toEqual(['play to-second', `dial ${session.known}`]);
    expect(await world.call(line, session.known).dial()).toEqual(['play to-first', `dial ${stranger}`]);
  });

  it('becomes a session like any other when its other party is added', async () => {
    const session = await single(line);
    const stranger = world.phone(line);
    await world.call(line, stranger).dial();
    const second = world.phone(line);
    await world.update(line, session, { second_party: second });
    expect(await world.call(line, second).dial()).toEqual([`dial ${session.known}`]);
    expect(await world.call(line, session.known).dial()).toEqual([`dial ${second}`]);
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['hangup']);
  });

  it('connects nobody any more after its end', async () => {
    const session = await single(line);
    await world.call(line, world.phone(line)).dial();
    await world.expire(session);
    expect(await world.call(line, world.phone(line)).dial()).toEqual(['hangup']);
    expect(await world.call(line, session.known).dial()).toEqual(['hangup']);
  });
});

describe.each(LINES)('a session with a single party, with PIN, over $name,', (line) => {
  it('connects nobody without the PIN of the missing party, and remembers who had it', async () => {
    const session = await single(line, WITH_PIN);
    const stranger = world.phone(line);
    const call = world.call(line, stranger);
    expect(await call.dial()).toEqual(['ask pin']);
    expect(await call.press('9999')).toEqual(['play incorrect', 'ask pin']);
    expect(await call.press('2468')).toEqual([`dial ${session.known}`]);
    expect(await world.call(line, session.known).dial()).toEqual([`dial ${stranger}`]);
  });

  it('remembers nobody who had no right PIN', async () => {
    const session = await single(line, { ...WITH_PIN, pin_retry: 0 });
    const call = world.call(line, world.phone(line));
    await call.dial();
    expect(await call.press('9999')).toEqual(['play incorrect', 'hangup']);
    expect(await world.call(line, session.known).dial()).toEqual(['hangup']);
  });

  it('takes its party’s own PIN from another phone for a call back, and for a wrong one where nobody called', async () => {
    const session = await single(line, WITH_PIN);
    const fromElsewhere = world.call(line, world.phone(line));
    await fromElsewhere.dial();
    expect(await fromElsewhere.press('1357')).toEqual(['play incorrect', 'ask pin']);
    const stranger = world.phone(line);
    const call = world.call(line, stranger);
    await call.dial();
    await call.press('2468');
    const again = world.call(line, world.phone(line));
    await again.dial();
    expect(await again.press('1357')).toEqual([`dial ${stranger}`]);
    expect(await world.call(line, session.known).dial(), 'who called back is no last caller').toEqual([
      `dial ${stranger}`,
    ]);
  });

  it('never connects a caller to themself: its party’s PIN keyed by the last caller is a wrong one', async () => {
    await single(line, WITH_PIN);
    const stranger = world.phone(line);
    const first = world.call(line, stranger);
    await first.dial();
    await first.press('2468');
    const second = world.call(line, stranger);
    await second.dial();
    expect(await second.press('1357')).toEqual(['play incorrect', 'ask pin']);
  });

  it('when its other party is added asks that party no PIN, and strangers still', async () => {
    const session = await single(line, WITH_PIN);
    const second = world.phone(line);
    await world.update(line, session, { second_party: second });
    expect(await world.call(line, second).dial()).toEqual([`dial ${session.known}`]);
    const stranger = world.call(line, world.phone(line));
    expect(await stranger.dial()).toEqual(['ask pin']);
    expect(await stranger.press('1357')).toEqual([`dial ${second}`]);
    expect(await world.call(line, session.known).dial()).toEqual([`dial ${second}`]);
  });

  it('with forced PIN asks its own party as well', async () => {
    const session = await single(line, { ...WITH_PIN, force_pin_authentication: true });
    const stranger = world.phone(line);
    const call = world.call(line, stranger);
    await call.dial();
    await call.press('2468');
    const back = world.call(line, session.known);
    expect(await back.dial()).toEqual(['ask pin']);
    expect(await back.press('2468'), 'the PIN of the other side').toEqual(['play incorrect', 'ask pin']);
    expect(await back.press('1357')).toEqual([`dial ${stranger}`]);
  });
});
