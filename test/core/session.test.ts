import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import { changeParties, draftSession, otherSide, type SessionWish, UNSAID_SETTINGS } from '../../src/core/session.ts';

const defaults = { expirySeconds: 1800, callTimeLimitSeconds: 7_200, ringTimeoutSeconds: 30 };
const rules = { defaultCountry: 'TR', strict: false } as const;
const PROMPT = 'https://sounds.example/pin.mp3';
const two = { firstParty: '+14155550111', secondParty: '+905326202911' };
const pin = { ...two, pinRequired: true, firstPin: '1357', secondPin: '2468' };
const withPrompt = { pinPromptPlayUrl: PROMPT };

const draft = (wish: Omit<SessionWish, 'settings'> & { settings?: SessionWish['settings'] }) =>
  draftSession({ settings: {}, ...wish }, defaults, rules);

/** The draft, which must not be refused. */
function drafted(wish: Parameters<typeof draft>[0]) {
  const made = draft(wish);
  if (isRefused(made)) throw new Error(JSON.stringify(made.problem));
  return made;
}

const missing = (field: string) => ({ problem: { kind: 'missing', field } });
const invalid = (field: string, rule = 'is not a valid phone number') => ({
  problem: { kind: 'invalid', field, rule },
});
const differ = (first: string, second: string) => invalid(second, `must differ from ${first}`);

describe('a session wish', () => {
  it.each([
    ['without first party', { secondParty: two.secondParty }, missing('first_party')],
    ['without second party', { firstParty: two.firstParty }, missing('second_party')],
    ['with an empty party', { firstParty: '', secondParty: two.secondParty }, missing('first_party')],
    ['with nobody, also for a single party', { singleParty: true }, missing('first_party')],
    ['with a party that is no phone', { ...two, firstParty: 'alice' }, invalid('first_party')],
    ['with an emergency number as party', { ...two, secondParty: '112' }, invalid('second_party')],
    ['with one phone as both parties', { ...two, secondParty: two.firstParty }, differ('first_party', 'second_party')],
    [
      'with one phone in two notations',
      { firstParty: '05326202911', secondParty: '+90 532 620 29 11' },
      differ('first_party', 'second_party'),
    ],
    ['with PINs and no prompt', pin, missing('pin_prompt_play')],
    ['with PINs on and none given', { ...two, pinRequired: true, settings: withPrompt }, missing('first_party_pin')],
    [
      'with one PIN alone',
      { ...two, pinRequired: true, firstPin: '1357', settings: withPrompt },
      missing('second_party_pin'),
    ],
    [
      'with one PIN for both',
      { ...pin, secondPin: '1357', settings: withPrompt },
      differ('first_party_pin', 'second_party_pin'),
    ],
  ])('%s is refused by the field at fault', (_, wish, problem) => {
    expect(draft(wish)).toEqual(problem);
  });

  it.each([
    ['a missing party before a bad one', { secondParty: 'bob' }, 'first_party'],
    [
      'a bad party before missing PINs',
      { firstParty: 'x', secondParty: '+14155550111', pinRequired: true },
      'first_party',
    ],
  ])('names %s', (_, wish, field) => {
    expect(draft(wish)).toMatchObject({ problem: { field } });
  });
});

describe('a session draft', () => {
  it('is filled with documented defaults where the app says nothing', () => {
    expect(drafted(two)).toEqual({
      firstParty: '+14155550111',
      secondParty: '+905326202911',
      subaccountId: null,
      country: 'US',
      expirySeconds: 1800,
      cooloffSeconds: 0,
      pinLength: null,
      pinRequired: false,
      pins: null,
      singleParty: false,
      callbackUrl: '',
      callbackMethod: 'POST',
      // What each of them is, `store/stored-settings.test.ts` says.
      settings: { ...UNSAID_SETTINGS, callTimeLimitSeconds: 7_200, ringTimeoutSeconds: 30 },
    });
  });

  it('keeps what the app says', () => {
    const settings = { record: true, recordFormat: 'wav', ringTimeoutSeconds: 9, pinRetry: 0 } as const;
    const said = {
      expirySeconds: 60,
      cooloffSeconds: 30,
      callbackUrl: 'https://app.example',
      callbackMethod: 'GET',
    } as const;
    expect(drafted({ ...two, ...said, settings })).toMatchObject({ ...said, settings });
  });

  it('reads parties in any notation as E.164', () => {
    const made = drafted({ firstParty: '0532 620 29 11', secondParty: '1 (415) 555-0111' });
    expect(made).toMatchObject({ firstParty: '+905326202911', secondParty: '+14155550111', country: 'TR' });
  });

  it('asks for a number of the first party’s country, and of any where geomatch is off', () => {
    expect(drafted({ ...two, settings: { geomatch: false } }).country).toBeNull();
    expect(drafted({ firstParty: two.secondParty, secondParty: two.firstParty }).country).toBe('TR');
    expect(drafted({ secondParty: two.secondParty, singleParty: true }).country).toBe('TR');
    expect(drafted({ ...two, firstParty: '+14165550111' }).country).toBe('CA');
  });

  it.each([
    ['the first party alone', { firstParty: two.firstParty }, [two.firstParty, null]],
    ['the second party alone', { secondParty: two.secondParty }, [null, two.secondParty]],
    ['both parties', two, [two.firstParty, two.secondParty]],
  ])('may have %s where a single party was asked for', (_, parties, [first, second]) => {
    const made = drafted({ ...parties, singleParty: true });
    expect(made).toMatchObject({ firstParty: first, secondParty: second, singleParty: true });
  });

  it('tells a single party that was declined from one that was not spoken of', () => {
    for (const singleParty of [true, false]) {
      expect(drafted({ ...two, singleParty }).settings.singlePartyAsked).toBe(singleParty);
    }
    expect(drafted(two).settings.singlePartyAsked).toBeNull();
  });

  it('has the app’s PINs, or leaves them to be generated', () => {
    expect(drafted({ ...pin, settings: withPrompt }).pins).toEqual({ first: '1357', second: '2468' });
    expect(drafted({ ...pin, settings: { ...withPrompt, generatePin: true } }).pins).toBeNull();
  });

  it('ignores PIN fields where PINs are off', () => {
    const made = drafted({ ...two, firstPin: '1357', secondPin: '1357', settings: { generatePin: true } });
    expect(made).toMatchObject({ pinRequired: false, pins: null });
  });
});

describe('a change of parties', () => {
  const session = { firstParty: '+14155550111' as Phone, secondParty: null };

  it.each([
    [{ secondParty: '0532 620 29 11' }, { first: '+14155550111', second: '+905326202911' }],
    [{ firstParty: '+14155550122' }, { first: '+14155550122', second: null }],
    [{}, { first: '+14155550111', second: null }],
    [{ secondParty: '+1 415 555 0111' }, differ('first_party', 'second_party')],
    [{ secondParty: '911' }, invalid('second_party')],
    [{ firstParty: '' }, invalid('first_party')],
  ])('to %j is read like a new session’s', (wish, result) => {
    expect(changeParties(session, wish, rules)).toEqual(result);
  });
});

it('the other side of the other side is the side itself', () => {
  expect([otherSide('first'), otherSide('second')]).toEqual(['second', 'first']);
});
