import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPhone, parsePhone, parseProviderPhone } from '../../src/core/phone.ts';
import { patient } from '../support/patient.ts';
import {
  declared,
  HIPCALL_KEY,
  MAIN,
  PLIVO_KEY,
  SESSIONS,
  startService,
  type TestService,
} from '../support/service.ts';

const SEED = 20_261_126;
const RUNS = 5_000;
const AT_ONCE = 8;
const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
/** How the account reads phones: one of its connections is Turkish. */
const turkish = { defaultCountry: 'TR', strict: false } as const;

let service: TestService;
let pool: Pool;

beforeAll(async () => {
  const open = { plivo: { auth_token: undefined }, hipcall: { username: undefined, password: undefined } };
  service = await startService({ bootstrap: declared({ us: 60, ...open }) });
  pool = new Pool(service.url, { connections: AT_ONCE });
});
afterAll(async () => {
  await pool.destroy();
  await service.close();
});

const examples = JSON.parse(readFileSync('node_modules/libphonenumber-js/examples.mobile.json', 'utf8'));
const mobiles = getCountries().map((country) => getExampleNumber(country, examples)?.number ?? '+12025550000');

const MARKS = [
  ...[
    '\u200e',
    '\u200f',
    '\u202a',
    '\u202e',
    '\u2066',
    '\u2069',
    '\u200b',
    '\u200d',
    '\ufeff',
    '\u00ad',
    '\u00a0',
    '\u3000',
  ],
  ...[
    '\0',
    '\x01',
    '\t',
    '\n',
    '\r',
    '\x7f',
    '\ud800',
    '\udfff',
    '\u0301',
    '\ufe0f',
    '\u20e3',
    '🎭',
    '‐',
    '−',
    '（',
    '／',
  ],
];
/** Where the digits of other scripts begin. */
const ZEROS = [0x660, 0x6f0, 0x966, 0x9e6, 0xff10, 0x1d7ce, 0x1d7d8, 0x104a0, 0xe50, 0x7c0];

const phone = fc.oneof(
  fc.constantFrom(...mobiles),
  fc.nat(9_999).map((n) => `+1202557${String(n).padStart(4, '0')}`),
);
const digits = (min: number, max: number) =>
  fc.array(fc.nat(9), { minLength: min, maxLength: max }).map((all) => all.join(''));
const insert = (text: string, at: number, mark: string) => {
  const place = at % (text.length + 1);
  return text.slice(0, place) + mark + text.slice(place);
};

const written = fc.tuple(phone, fc.nat(4), fc.nat(20)).map(([e164, way, at]) => {
  const ways = [e164, e164.slice(1), `00${e164.slice(1)}`, `(${e164.slice(1, 4)}) ${e164.slice(4)}`, e164];
  return way === 4 ? [...e164].join(at % 2 === 0 ? ' ' : '-') : insert(ways[way] ?? e164, at, way === 3 ? '.' : '');
});
const inOtherScript = fc
  .tuple(fc.oneof(phone, digits(4, 12)), fc.constantFrom(...ZEROS), fc.nat(99))
  .map(([text, zero, which]) =>
    [...text]
      .map((one, at) =>
        /\d/.test(one) && (which % 3 === 0 || which % text.length === at)
          ? String.fromCodePoint(zero + Number(one))
          : one,
      )
      .join(''),
  );
const marked = fc
  .tuple(fc.oneof(phone, digits(4, 8)), fc.nat(30), fc.constantFrom(...MARKS))
  .map(([text, at, mark]) => insert(text, at, mark));
const odd = fc.constantFrom(
  ...[
    '',
    ' ',
    '+',
    '00',
    '0',
    '+0',
    '911',
    '112',
    '+1911',
    'anonymous',
    'Restricted',
    'sip:a@b.example',
    'tel:+12025550000',
  ],
  ...[
    '+12025550000;ext=5',
    '+12025550000x5',
    '+1-800-FLOWERS',
    '1e10',
    '0x1f',
    'NaN',
    'null',
    '-12025550000',
    '++12025550000',
  ],
  ...['+12025550000,+12025550001', "+12025550000' or '1'='1", '#', '*', '1234#', '12*34', '0000', '00000000'],
);
const long = fc
  .tuple(fc.constantFrom('1', '+', ' ', '0', '(', '٣', '\u202e', '12 '), fc.constantFrom(100, 5_000, 20_000, 120_000))
  .map(([text, times]) => text.repeat(times));
const noText = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom<unknown>(null, true, [], {}, 12_025_550_000, 1234, 0, -0, 1e21, ['+12025550000'], { toString: 'x' }),
);
const input: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: written, weight: 6 },
  { arbitrary: digits(0, 20), weight: 3 },
  { arbitrary: digits(3, 16), weight: 2 },
  { arbitrary: digits(6, 16).map((text) => `+${text}`), weight: 2 },
  { arbitrary: inOtherScript, weight: 4 },
  { arbitrary: marked, weight: 5 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 24 }), weight: 1 },
  { arbitrary: odd, weight: 2 },
  { arbitrary: long, weight: 1 },
  { arbitrary: noText, weight: 2 },
);

const CREATE = ['first_party', 'second_party', 'first_party_pin', 'second_party_pin'] as const;
const HOOKS = ['From', 'To', 'Digits', 'caller', 'callee', 'pin_code'] as const;
type Answer = { readonly status: number; readonly text: string };

async function post(path: string, type: string, body: string): Promise<Answer> {
  const headers = { 'content-type': type, ...(path === SESSIONS && { authorization }) };
  const answer = await pool.request({ method: 'POST', path, headers, body });
  return { status: answer.statusCode, text: await answer.body.text() };
}

/** A create with this value in one of its fields; the parties are new ones. */
function create(field: (typeof CREATE)[number], value: unknown, index: number): Promise<Answer> {
  const [first, second] = [12_025_600_000 + index, 12_025_700_000 + index];
  const pins = { first_party_pin: `71${index}`, second_party_pin: `82${index}` };
  const wish = { first_party: first, second_party: second, ...(field.endsWith('pin') && { ...PIN, ...pins }) };
  return post(SESSIONS, 'application/json', JSON.stringify({ ...wish, [field]: value }));
}

const PIN = { is_pin_authentication_required: true, pin_prompt_play: 'https://app.example/pin.mp3' };

/** A question with this value in one of its fields. */
function ask(field: (typeof HOOKS)[number], value: unknown, index: number): Promise<Answer> {
  if (field === 'From' || field === 'To' || field === 'Digits') {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    const call = { CallUUID: `plivo-${index}`, From: '12025559999', To: '14155550100', [field]: text.toWellFormed() };
    const form = new URLSearchParams(call).toString();
    return post(`/answer/${PLIVO_KEY}/`, 'application/x-www-form-urlencoded', form);
  }
  const call = { uuid: `hipcall-${index}`, caller: '+905326202911', callee: '+902125550100' };
  const body = field === 'pin_code' ? { ...call, data: { pin_code: value } } : { ...call, [field]: value };
  return post(`/answer/${HIPCALL_KEY}/`, 'application/json', JSON.stringify(body));
}

describe('whatever is given for a phone or a PIN', () => {
  it('is read alike when what was read is read again', () => {
    const texts = fc.sample(input, { numRuns: RUNS, seed: SEED }).filter((one) => typeof one === 'string');
    let phones = 0;
    for (const text of texts) {
      for (const country of [null, 'US', 'TR', 'GB', 'IT'] as const) {
        for (const strict of [true, false]) {
          const once = parsePhone(text, { defaultCountry: country, strict });
          if (once === null) continue;
          phones += 1;
          expect(isPhone(once)).toBe(true);
          expect([text, parsePhone(once, { defaultCountry: country, strict })]).toEqual([text, once]);
          // A phone is digits of ASCII in an order that everybody can see.
          expect([text, /^[\x20-\x7e]+$/.test(text)]).toEqual([text, true]);
        }
        const provided = parseProviderPhone(text, country);
        if (provided !== null) expect([text, parseProviderPhone(provided, country)]).toEqual([text, provided]);
      }
    }
    expect(phones).toBeGreaterThan(5_000);
  });

  it('makes a session or a call of what it is, or is refused and leaves nothing', async () => {
    const cases = fc.sample(fc.tuple(input, fc.constantFrom(...CREATE), fc.constantFrom(...HOOKS)), {
      ...{ numRuns: RUNS, seed: SEED },
    });
    const faults: string[] = [];
    const made = new Set<string>();
    const asked = new Set<string>();
    const tally: Record<string, number> = {};
    const count = (name: string) => {
      tally[name] = (tally[name] ?? 0) + 1;
    };
    const judge = async ([value, field, hook]: (typeof cases)[number], index: number) => {
      const told = `case ${index}: ${JSON.stringify(value)?.slice(0, 80)}`;
      const created = await patient(() => create(field, value, index));
      count(`create ${created.status}`);
      if (created.status === 201) {
        const { session_uuid, session } = JSON.parse(created.text);
        made.add(session_uuid);
        const isParty = !field.endsWith('pin');
        const wanted = isParty ? parsePhone(String(value), turkish)?.slice(1) : String(value);
        if (session[field] !== wanted) faults.push(`${told} as ${field} became ${session[field]}`);
      } else if (created.status !== 400 && created.status !== 413)
        faults.push(`${told} as ${field}: ${created.status}`);
      const answered = await ask(hook, value, index);
      count(`ask ${answered.status}`);
      if (answered.status === 200) asked.add(`${/^[FTD]/.test(hook) ? 'plivo' : 'hipcall'}-${index}`);
      else if (answered.status !== 400 && answered.status !== 413)
        faults.push(`${told} as ${hook}: ${answered.status}`);
    };
    const waiting = [...cases.entries()].reverse();
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await judge(next[1], next[0]);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(faults).toEqual([]);
    const { sql } = service.deps.db;
    const sessions = await sql<{ id: string }[]>`select id from sessions`;
    expect(new Set(sessions.map(({ id }) => id))).toEqual(made);
    const calls = await sql<{ id: string }[]>`select provider_call_id as id from calls`;
    expect(calls.filter(({ id }) => !asked.has(id))).toEqual([]);
    expect(tally['create 201']).toBeGreaterThan(500);
    expect(tally['create 400']).toBeGreaterThan(2_000);
    expect(tally['ask 200']).toBeGreaterThan(1_000);
    expect(tally['ask 400']).toBeGreaterThan(1_000);
  }, 180_000);
});
