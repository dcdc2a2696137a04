import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StoryWorld, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';

// That every other story goes the same way when each request is sent twice in a row is told by its own
// lines "…, asking twice". Here are the repetitions that come late, in parallel, or are none.

const WRONG = ['play incorrect', 'ask pin'];
const PIN_WITH_CALLBACK = { ...WITH_PIN, callback_url: 'https://app.example/cb' };
const { plivo, hipcall, guide } = lines;

let world: StoryWorld;
beforeAll(async () => {
  world = await startStories();
});
afterEach(() => world.forget());
afterAll(() => world.service.close());

const onlyCall = async () => {
  const rows = await world.calls();
  expect(rows).toHaveLength(1);
  return rows[0];
};

/** What the app was told of PINs. */
const pinStatuses = async () => {
  const rows = await world.callbacks();
  return rows.flatMap(({ details }) => (details.pinStatus ? [details.pinStatus] : []));
};

describe.each([plivo, hipcall, guide])('a provider that asks again, over $name,', (line) => {
  it('ten times at once gets one answer, and one call, one try and one callback are counted', async () => {
    await world.session(line, PIN_WITH_CALLBACK);
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('9999');
    const heard = await Promise.all(Array.from({ length: 10 }, () => call.repeat()));
    expect(new Set(heard.map((told) => told.join()))).toEqual(new Set([WRONG.join()]));
    expect((await onlyCall())?.pin_tries).toHaveLength(1);
    expect(await world.callbacks()).toHaveLength(1);
  });

  it('after the PIN was right gets the same connection, in parallel too', async () => {
    const session = await world.session(line, PIN_WITH_CALLBACK);
    const call = world.call(line, world.phone(line));
    await call.dial();
    await call.press('1357');
    const { document } = call.last();
    await Promise.all(Array.from({ length: 10 }, () => call.repeat()));
    expect(call.last().document).toBe(document);
    expect(document).toContain(session.second.slice(1));
    expect(await pinStatuses()).toEqual(['success']);
  });

  it('about a known caller gets the same connection, and books it once', async () => {
    const session = await world.session(line, PIN_WITH_CALLBACK);
    const call = world.call(line, session.first);
    await call.dial();
    for (let i = 0; i < 3; i++) expect(await call.repeat()).toEqual([`dial ${session.second}`]);
    await onlyCall();
    expect(await pinStatuses()).toEqual(['AuthorizedCaller']);
  });

  it('after the last wrong try gets the same end, whatever is keyed then', async () => {
    await world.session(line, { ...WITH_PIN, pin_retry: 0 });
    const from = world.phone(line);
    const call = world.call(line, from, { callId: 'call-1' });
    await call.dial();
    expect(await call.press('9999')).toEqual(['play incorrect', 'hangup']);
    expect(await call.repeat()).toEqual(['play incorrect', 'hangup']);
  });
});

describe.each([plivo, hipcall])('a call named by its provider, over $name,', (line) => {
  it('is refused once and for all: the same call id is not connected by a session made meanwhile', async () => {
    const [first, second] = [world.phone(line), world.phone(line)];
    const call = world.call(line, first);
    expect(await call.dial()).toEqual(['hangup']);
    await world.session(line, { first_party: first, second_party: second });
    expect(await call.repeat()).toEqual(['hangup']);
    expect(await world.call(line, first).dial()).toEqual([`dial ${second}`]);
  });

  it('has tries of its own: the next call of the same caller starts anew', async () => {
    await world.session(line, { ...WITH_PIN, pin_retry: 1 });
    const from = world.phone(line);
    for (let i = 0; i < 3; i++) {
      const call = world.call(line, from);
      expect(await call.dial()).toEqual(['ask pin']);
      expect(await call.press('9999')).toEqual(WRONG);
    }
  });

  it('is not mistaken for a call of the same id that comes by another connection', async () => {
    const other = line === plivo ? hipcall : plivo;
    const [mine, theirs] = [await world.session(line), await world.session(other)];
    expect(await world.call(line, mine.first, { callId: 'same-id' }).dial()).toEqual([`dial ${mine.second}`]);
    expect(await world.call(other, theirs.first, { callId: 'same-id' }).dial()).toEqual([`dial ${theirs.second}`]);
    expect(await world.calls()).toHaveLength(2);
  });

  it('that asks an old question again after a newer one is asked the newest, and no try is counted', async () => {
    const session = await world.session(line, WITH_PIN);
    const from = world.phone(line);
    const [early, call] = ['early', 'later'].map(() => world.call(line, from, { callId: 'one-call' }));
    if (!early || !call) throw new Error('no calls');
    await early.dial();
    await early.press('9999');
    await call.dial();
    expect(call.last().asked).not.toBeNull();
    expect(await call.press('8888')).toEqual(WRONG);
    // The provider's late repetition of what it asked first.
    expect(await early.repeat()).toEqual(WRONG);
    expect((await onlyCall())?.pin_tries).toHaveLength(2);
    expect(await call.press('1357')).toEqual([`dial ${session.second}`]);
  });
});

describe('a call that its provider does not name', () => {
  it('keeps its tries by caller and callee, however the prefix is written', async () => {
    await world.session(guide, { ...WITH_PIN, pin_retry: 1 });
    const from = world.phone(guide);
    const call = world.call(guide, from);
    await call.dial();
    expect(await call.press('9999')).toEqual(WRONG);
    const answer = await fetch(`${world.service.url}/answer/${guide.key}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa('hip:call')}` },
      body: JSON.stringify({ caller: from.slice(1), data: { pin_code: '9999', pin_code_2: '8888' } }),
    });
    expect(await answer.json()).toMatchObject({ seq: [{ action: 'play' }, { action: 'hangup' }] });
    expect((await onlyCall())?.pin_tries).toHaveLength(2);
  });

  it('does not share its tries with another caller’s at the same time', async () => {
    const session = await world.session(guide, WITH_PIN);
    const [one, two] = [world.call(guide, world.phone(guide)), world.call(guide, world.phone(guide))];
    await one.dial();
    await two.dial();
    expect([await one.press('9999'), await two.press('9999'), await one.press('9998')]).toEqual([WRONG, WRONG, WRONG]);
    expect(await two.press('2468')).toEqual([`dial ${session.first}`]);
    expect(await one.press('9997')).toEqual(['play incorrect', 'hangup']);
  });

  it('and that was left after a wrong PIN is followed by a new one, with all its tries', async () => {
    const session = await world.session(guide, { ...WITH_PIN, pin_retry: 1 });
    const from = world.phone(guide);
    for (let i = 0; i < 2; i++) {
      const call = world.call(guide, from);
      expect(await call.dial()).toEqual(['ask pin']);
      expect(await call.press('9999')).toEqual(WRONG);
      expect(i === 0 ? WRONG : await call.press('1357')).toEqual(i === 0 ? WRONG : [`dial ${session.second}`]);
    }
    expect(await world.calls()).toHaveLength(2);
  });

  it('and was connected is followed by a new one that is asked for its PIN again', async () => {
    await world.session(guide, WITH_PIN);
    const from = world.phone(guide);
    for (let i = 0; i < 2; i++) {
      const call = world.call(guide, from);
      expect(await call.dial()).toEqual(['ask pin']);
      expect((await call.press('1357')).at(-1)).toMatch(/^dial/);
    }
  });
});
