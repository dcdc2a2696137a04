import fc from 'fast-check';
import { FULL_CREATE, NUMBERS, type Request } from './sdk-wrong.ts';
import { declared, HIPCALL_KEY, OTHER_KEY, PLIVO_KEY, SESSIONS, SUB } from './service.ts';

// Requests that no SDK would send, at random.

/** Connections without signatures, so that the webhooks' parameters are looked at. */
export const OPEN_CONNECTIONS = declared({
  plivo: { auth_token: undefined },
  hipcall: { username: undefined, password: undefined },
});

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    'a\udc00b',
    '٣٤٥٦',
    '５６７８',
    'NaN',
    '1e9',
    '-0',
    '0x1f',
    'null',
    'true',
    ' 7 ',
  ),
  fc.constantFrom('+12025550000', '911', '+14155550100', 'https://app.example/a', 'http://a/\0', 'GET', 'mp3', SUB.id),
  fc.constantFrom('2024-01-31 13:35', '1800', '7', 'active', 'true', '14155550777'),
  fc.integer({ min: 4, max: 2000 }).map((length) => '4'.repeat(length)),
  fc.constantFrom('0000-01-01 00:00', '9999-12-31 23:59:59', '2024-02-30 00:00', '2024-01-31 13:35:51.123456'),
);
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1e21, 2 ** 53, -1, 12_025_550_000));
const value = fc.oneof(
  { arbitrary: text, weight: 6 },
  { arbitrary: number, weight: 3 },
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
  fc.nat(40).map((depth) => JSON.parse('['.repeat(depth + 1) + ']'.repeat(depth + 1))),
);

const none: fc.Arbitrary<object> = fc.constant({});
/** A create that succeeds where nobody spoils it. */
const aCreate = fc.nat(9_999).map((n) => {
  const parties = { first_party: `+${12_025_550_000 + n}`, second_party: `+${12_025_660_000 + n}` };
  return { ...FULL_CREATE, ...parties, generate_pin: true, generate_pin_length: 6 };
});

const aNumber = fc.nat(99).map((n) => ({ numbers: `${14_155_551_000 + n}`, provider: PLIVO_KEY }));
const aPlivoCall = fc.constant({ CallUUID: 'fuzz', From: '12025550000', To: '14155550100' });
const aHipcallCall = fc.constant({ uuid: 'fuzz', caller: '+905326202911', callee: '+902125550100' });

/** Some of the named fields with anything in them, and a name that nobody knows. */
const someOf = <T>(names: readonly string[], values: fc.Arbitrary<T>, max: number) =>
  fc.dictionary(
    fc.oneof({ arbitrary: fc.constantFrom(...names), weight: 20 }, fc.constantFrom('__proto__', 'toString', '\0')),
    values,
    { maxKeys: max },
  );

const CREATE = Object.keys(FULL_CREATE);
const RANGES = ['created_time', 'expiry_time', 'duration'].flatMap((name) =>
  ['', 's', '__gt', '__gte', '_lt', '__lte'].map((suffix) => name + suffix),
);
const LIST = [...RANGES, 'first_party', 'second_party', 'virtual_number', 'status', 'subaccount', 'limit', 'offset'];
const NUMBER = ['numbers', 'provider', 'subaccount', 'alias'];
const NUMBER_LIST = ['number_startswith', 'subaccount', 'alias', 'limit', 'offset'];
const PLIVO_CALL = ['CallUUID', 'From', 'To', 'Digits', 'CallerName'];
const HIPCALL_CALL = ['uuid', 'caller', 'callee', 'data', 'version'];

const encode = (part: string) => encodeURIComponent(part.toWellFormed());
/** Names and values as a query or a form; some twice, some as bytes that are no text. */
const pairs = (names: readonly string[], base: fc.Arbitrary<object>) =>
  fc
    .tuple(
      base,
      someOf(names, text, 3),
      fc.constantFrom('', '', '&limit=%ED%A0%80', '&alias=%00', `&${names[0]}=1&${names[0]}=2`),
    )
    .map(([valid, some, tail]) => {
      const fields = Object.entries({ ...valid, ...some });
      return fields.map(([name, item]) => `${encode(name)}=${encode(String(item))}`).join('&') + tail;
    });

const json = (names: readonly string[], base: fc.Arbitrary<object>) =>
  fc.oneof(
    {
      arbitrary: fc.tuple(base, someOf(names, value, 3)).map((both) => JSON.stringify(Object.assign({}, ...both))),
      weight: 8,
    },
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.jsonValue({ maxDepth: 2 }).map((any) => JSON.stringify(any)),
    fc.constantFrom('', '{', '{"a":1e999}', '{"pin_retry":1e999}', `{"alias":"${'x'.repeat(70_000)}"}`),
  );

const body = (names: readonly string[], base: fc.Arbitrary<object>) =>
  fc.oneof(
    { arbitrary: json(names, base).map((payload) => ({ type: 'application/json', payload })), weight: 3 },
    pairs(names, base).map((payload) => ({ type: 'application/x-www-form-urlencoded', payload })),
    fc.constantFrom({ type: 'text/plain', payload: 'x' }, { type: 'application/xml', payload: '<x/>' }, {}),
  );

const last = fc.oneof(
  fc.constantFrom('%00', '14155550100', '+14155550101', '911', '٣', 'x', `${'4'.repeat(199)}`),
  fc.string({ unit: 'binary', maxLength: 8 }).map(encode),
);

/** Any request at all to the routes that take something, `ids` among the sessions that it may name. */
export function hostileRequest(ids: readonly string[]): fc.Arbitrary<Request> {
  const all = fc.constantFrom(SESSIONS, SESSIONS, '/Masking/Session/');
  const one = fc.tuple(all, fc.oneof(fc.constantFrom(...ids), last)).map((parts) => parts.join(''));
  const numbers = fc.constant(NUMBERS);
  const number = last.map((end) => NUMBERS + end);
  const plivo = fc.constant(`/answer/${OTHER_KEY}/`);
  const hipcall = fc.constant(`/answer/${HIPCALL_KEY}/`);
  return fc.oneof(
    { arbitrary: anyPost(all, CREATE, aCreate), weight: 4 },
    { arbitrary: anyPost(one, CREATE), weight: 2 },
    { arbitrary: anyGet(all, LIST), weight: 3 },
    anyGet(one, LIST),
    anyGet(numbers, NUMBER_LIST),
    anyPost(numbers, NUMBER, aNumber),
    anyPost(number, NUMBER),
    number.map((url) => ({ method: 'DELETE' as const, url })),
    anyPost(plivo, PLIVO_CALL, aPlivoCall),
    anyGet(plivo, PLIVO_CALL, aPlivoCall),
    anyPost(hipcall, HIPCALL_CALL, aHipcallCall),
    anyGet(hipcall, HIPCALL_CALL, aHipcallCall),
  );
}

const anyPost = (url: fc.Arbitrary<string>, names: readonly string[], base = none) =>
  fc.tuple(url, body(names, base)).map(([at, rest]) => ({ method: 'POST' as const, url: at, ...rest }));

const anyGet = (url: fc.Arbitrary<string>, names: readonly string[], base = none) =>
  fc.tuple(url, pairs(names, base)).map(([at, query]) => ({ method: 'GET' as const, url: `${at}?${query}` }));
