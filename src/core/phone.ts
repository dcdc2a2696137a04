import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  isSupportedCountry,
  type NumberType,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';

/** A phone number in E.164 with its `+`, e.g. `+14155550100`. */
export type Phone = string & { readonly __brand: 'Phone' };

/** ISO 3166-1 alpha-2, e.g. `TR`. */
export type Country = CountryCode;

const E164 = /^\+[1-9]\d{6,14}$/;
const E164_WITHOUT_PLUS = /^[1-9]\d{6,14}$/;
// What people and phone systems write between digits. Only ASCII: a digit of another script, or an
// invisible mark beside one, is not worth the risk of reading it wrongly.
const SANE_NOTATION = /^\+?[0-9 ().\-/]{2,32}$/;

/** True when the text is already a phone in E.164 with `+`. */
export function isPhone(text: string): text is Phone {
  return E164.test(text);
}

/** How a notation without `+` or `00` is read, and how strict the numbering plan is taken. */
export interface PhoneRules {
  /** Country of national forms such as `0532 620 29 11`; null reads every number as international. */
  readonly defaultCountry: Country | null;
  /** True asks for numbers that are in use by their plan; false lets fictional and test numbers through. */
  readonly strict: boolean;
}

/**
 * Reads a phone number in any sane notation.
 *
 * With a default country a number that is valid there wins over the same digits read as an
 * international number: `5326202911` is a Turkish mobile for a Turkish connection, not Cuba. Only a
 * number with that country's own calling code comes before: `4915123456789` is a German mobile for a
 * German connection, though 0491 is an area code too.
 *
 * @returns the phone in E.164, or null where the text is no possible phone number
 *   (too short, emergency and short codes, other characters).
 */
export function parsePhone(text: string, rules: PhoneRules): Phone | null {
  if (!SANE_NOTATION.test(text)) return null;
  const compact = text.replace(/[^\d+]/g, '').replace(/^00/, '+');
  if (compact.startsWith('+')) return international(compact, rules.strict);
  if (rules.defaultCountry !== null) {
    const hasOwnCode = compact.startsWith(getCountryCallingCode(rules.defaultCountry));
    const own = hasOwnCode ? international(`+${compact}`, true) : null;
    if (own !== null) return own;
    const national = parsePhoneNumberFromString(compact, rules.defaultCountry);
    if (national?.isValid() && isPhone(national.number)) return national.number;
    const abroad = international(`+${compact}`, rules.strict);
    if (abroad !== null) return abroad;
    if (!rules.strict && national?.isPossible() && isPhone(national.number)) return national.number;
    return null;
  }
  return international(`+${compact}`, rules.strict);
}

/**
 * Reads a phone that a telephony provider sent, on the path of every call: digits with country code
 * are taken as they are, since the provider has routed them already; only other forms are parsed.
 */
export function parseProviderPhone(text: string, defaultCountry: Country | null): Phone | null {
  if (isPhone(text)) return text;
  if (defaultCountry === null && E164_WITHOUT_PLUS.test(text)) return `+${text}` as Phone;
  return parsePhone(text, { defaultCountry, strict: false });
}

/**
 * The country that a phone belongs to. A number that its plan does not use (a fictional one) has no
 * country of its own; then it is the main country of its calling code.
 */
export function countryOf(phone: Phone): Country | null {
  const parsed = planned(phone);
  return parsed?.country ?? parsed?.getPossibleCountries()[0] ?? null;
}

/** The kind of number by its country's plan, such as `PREMIUM_RATE`; null where the plan does not use it. */
export function typeOf(phone: Phone): NumberType | null {
  return planned(phone)?.getType() ?? null;
}

/** True for a country that has a numbering plan we know. */
export function isCountry(text: string): text is Country {
  return isSupportedCountry(text);
}

// Of one to three digits, none of which begins another; those of no country as well. Source: ITU-T E.164, list of codes.
const CALLING_CODES: ReadonlySet<string> = new Set([
  ...getCountries().map((country) => getCountryCallingCode(country)),
  ...['800', '808', '870', '878', '881', '882', '883', '888', '979'],
]);

/** The phone as logs may show it: calling code and last two digits, e.g. `+1…00`. */
export function maskPhone(phone: Phone): string {
  const code = [2, 3, 4].map((end) => phone.slice(1, end)).find((digits) => CALLING_CODES.has(digits)) ?? '';
  return `+${code}…${phone.slice(-2)}`;
}

function international(text: string, strict: boolean): Phone | null {
  const phone = readInternational(text, strict);
  // What loses another zero each time that it is read has no canonical form, and so is no phone.
  return phone === null || phone === text || readInternational(phone, strict) === phone ? phone : null;
}

function readInternational(text: string, strict: boolean): Phone | null {
  if (!isPhone(text)) return null;
  const parsed = planned(text);
  if (!parsed || !(strict ? parsed.isValid() : parsed.isPossible())) return null;
  // libphonenumber drops a trunk zero that people write after the country code (+44 (0)20…).
  return isPhone(parsed.number) ? parsed.number : null;
}

// Those that were read last. Of a phone a create asks whether there may be such a one, its country and its type, and
// each time all countries of its calling code would be tried anew.
const MOST_REMEMBERED = 1_000;
const remembered = new Map<Phone, PhoneNumber | undefined>();

/** What the numbering plans make of a phone. */
function planned(phone: Phone): PhoneNumber | undefined {
  if (remembered.has(phone)) return remembered.get(phone);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  const parsed = parsePhoneNumberFromString(phone);
  remembered.set(phone, parsed);
  return parsed;
}
