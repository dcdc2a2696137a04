import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import {
  countryOf,
  isCountry,
  isPhone,
  maskPhone,
  type Phone,
  parsePhone,
  parseProviderPhone,
} from '../../src/core/phone.ts';

const anywhere = { defaultCountry: null, strict: false } as const;
const turkish = { defaultCountry: 'TR', strict: false } as const;
const strictly = { defaultCountry: null, strict: true } as const;
const examples = JSON.parse(readFileSync('node_modules/libphonenumber-js/examples.mobile.json', 'utf8'));

/** A mobile of every country with a numbering plan. */
const mobiles = getCountries().map((country) => {
  const number = getExampleNumber(country, examples);
  if (!number) throw new Error(`no example of ${country}`);
  return { country, e164: number.number as Phone, number };
});

describe('a phone', () => {
  it.each([
    '+905326202911',
    '00905326202911',
    '0090 532 620 29 11',
    '905326202911',
    '90 532 620 29 11',
    '05326202911',
    '0532 620 29 11',
    '0(532) 620-29-11',
    '0532.620.29.11',
    '532 620 29 11',
    '+90 (532) 620 29 11',
    '+90 0532 620 29 11',
  ])('is one and the same for a Turkish connection written as %s', (text) => {
    expect(parsePhone(text, turkish)).toBe('+905326202911');
    expect(parseProviderPhone(text, 'TR')).toBe('+905326202911');
  });

  it('is read alike in every notation that its own country uses', () => {
    for (const { country, e164, number } of mobiles) {
      const national = [number.formatNational(), String(number.nationalNumber)];
      const abroad = [number.formatInternational(), e164, e164.replace('+', '00'), e164.slice(1)];
      for (const text of [...national, ...abroad]) {
        expect(parsePhone(text, { defaultCountry: country, strict: true }), `${text} in ${country}`).toBe(e164);
      }
    }
  });

  it('is read as the national number where both readings are possible', () => {
    expect(parsePhone('5326202911', turkish)).toBe('+905326202911');
    expect(parsePhone('5326202911', anywhere)).toBe('+5326202911');
    expect(parsePhone('+5326202911', turkish)).toBe('+5326202911');
    expect(parsePhone('4155550100', { defaultCountry: 'US', strict: false })).toBe('+14155550100');
  });

  it('is read as an international number where it is none of the default country', () => {
    expect(parsePhone('442079460018', turkish)).toBe('+442079460018');
    expect(parsePhone('14155550100', turkish)).toBe('+14155550100');
  });

  it('of a national form alone is unreadable where no country is the default', () => {
    for (const text of ['05326202911', '0532 620 29 11', '4155550100']) expect(parsePhone(text, anywhere)).toBeNull();
  });

  it('may be fictional, unless the service is strict', () => {
    for (const fictional of ['+15555550100', '+905001234567', '+12025550000'] as const) {
      expect(parsePhone(fictional, anywhere), fictional).toBe(fictional);
    }
    expect(parsePhone('+15555550100', strictly)).toBeNull();
    expect(parsePhone('+905326202911', strictly)).toBe('+905326202911');
  });

  it.each(['112', '155', '110', '911', '999', '+112', '+911', '0112', '+90112', '1001', '118'])(
    'is never an emergency or short code such as %s',
    (text) => {
      for (const defaultCountry of ['TR', 'US', 'GB', 'DE', null] as const) {
        expect(parsePhone(text, { defaultCountry, strict: false })).toBeNull();
        expect(parseProviderPhone(text, defaultCountry)).toBeNull();
      }
    },
  );

  it.each([
    ['digits of another script', '+٩٠٥٣٢٦٢٠٢٩١١'],
    ['full-width digits', '+９０５３２６２０２９１１'],
    ['a mark that nobody sees', '+90\u200B5326202911'],
    ['a mark of direction', '\u202A+905326202911\u202C'],
    ['a hard space', '+90\u00A0532 620 29 11'],
    ['letters', '1-800-FLOWERS'],
    ['an extension', '+905326202911;ext=5'],
    ['an address', 'sip:905326202911@h.example'],
    ['a line feed', '+905326202911\n'],
    ['two plus signs', '++905326202911'],
    ['a plus in the middle', '90+5326202911'],
    ['a country that there is not', '+999123456789'],
    ['a zero after the plus', '+05326202911'],
    ['a digit too many', '+9053262029111'],
    ['nothing', ''],
    ['only a plus', '+'],
  ])('is not read from a text with %s', (_, text) => {
    for (const rules of [anywhere, turkish, strictly]) expect(parsePhone(text, rules)).toBeNull();
  });

  it('is canonical: what was read once is read as itself by everybody, with and without its +', () => {
    const start = fc.constantFrom('+', '+90', '+1', '+44', '+49', '+39', '+64', '00', '0', '90', '');
    const digits = fc.array(fc.nat({ max: 9 }), { maxLength: 14 }).map((list) => list.join(''));
    const rules = fc.constantFrom(anywhere, turkish, strictly, { defaultCountry: 'DE', strict: false } as const);
    fc.assert(
      fc.property(start, digits, rules, (prefix, rest, how) => {
        const phone = parsePhone(prefix + rest, how);
        if (phone === null) return;
        expect(isPhone(phone)).toBe(true);
        expect(parsePhone(phone, how)).toBe(phone);
        expect(parsePhone(phone, anywhere)).toBe(phone);
        expect(parseProviderPhone(phone, 'TR')).toBe(phone);
        expect(parseProviderPhone(phone.slice(1), null)).toBe(phone);
      }),
      { numRuns: 3000 },
    );
  });

  it('does not depend on what is written between its digits', () => {
    const noise = fc.array(fc.constantFrom('', ' ', '-', '.', '/', '(', ')'), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(noise, (marks) => {
        const noisy = Array.from('905326202911', (digit, i) => digit + marks[i]).join('');
        expect(parsePhone(`+${noisy}`, anywhere)).toBe('+905326202911');
      }),
    );
  });

  it('is either E.164 or null, whatever text comes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(anywhere, turkish, strictly), (text, rules) => {
        const phone = parsePhone(text, rules);
        if (phone !== null) expect(phone).toMatch(/^\+[1-9]\d{6,14}$/);
        const sent = parseProviderPhone(text, rules.defaultCountry);
        if (sent !== null) expect(sent).toMatch(/^\+[1-9]\d{6,14}$/);
      }),
    );
  });
});

describe('a phone that a provider sends', () => {
  it('with country code is taken as it is, also where no plan knows it', () => {
    for (const text of ['+999123456789', '999123456789']) expect(parseProviderPhone(text, null)).toBe('+999123456789');
  });

  it('with the country code of the default country is never read as a national number', () => {
    for (const { country, e164 } of mobiles) {
      expect(parseProviderPhone(e164.slice(1), country), `${e164} in ${country}`).toBe(e164);
    }
  });

  it.each(['', 'anonymous', 'Restricted', 'unknown', '+', 'sip:alice@h.example'])('is nobody for %j', (text) => {
    for (const country of ['TR', null] as const) expect(parseProviderPhone(text, country)).toBeNull();
  });
});

describe('what a phone tells', () => {
  it('is its country, also of a number that its plan does not use', () => {
    for (const { country, e164 } of mobiles) expect(isCountry(country) && countryOf(e164)).toBeTruthy();
    expect(countryOf('+905326202911' as Phone)).toBe('TR');
    expect(countryOf('+14165550100' as Phone)).toBe('CA');
    expect(countryOf('+15555550100' as Phone)).toBe('US');
    expect(isCountry('XX')).toBe(false);
  });

  it('in a log is its country code and two digits alone', () => {
    for (const { e164, number } of mobiles) {
      expect(maskPhone(e164)).toBe(`+${number.countryCallingCode}…${e164.slice(-2)}`);
    }
  });
});
