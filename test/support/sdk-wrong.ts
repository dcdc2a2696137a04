import { HIPCALL_KEY, MAIN, OTHER_KEY, SESSIONS } from './service.ts';

// Wrong requests, by the field that is wrong in them, with the rule that the answer must name.

/** A request for `inject`. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly type?: string;
  readonly payload?: string;
}

export const NUMBERS = `/v1/Account/${MAIN.id}/Number/`;
export const PARTIES = { first_party: '+12025550000', second_party: '+12025551111' };

/** A create with everything in it, so that each of its fields is looked at. */
export const FULL_CREATE = {
  ...PARTIES,
  session_expiry: 600,
  call_time_limit: 600,
  ring_timeout: 30,
  callback_url: 'https://app.example/events',
  callback_method: 'POST',
  record: true,
  record_file_format: 'mp3',
  recording_callback_url: 'https://app.example/recordings',
  recording_callback_method: 'POST',
  first_party_play_url: 'https://app.example/1.mp3',
  second_party_play_url: 'https://app.example/2.mp3',
  geomatch: true,
  initiate_call_to_first_party: false,
  is_pin_authentication_required: true,
  generate_pin: false,
  generate_pin_length: 4,
  first_party_pin: '1470',
  second_party_pin: '2580',
  pin_prompt_play: 'https://app.example/pin.mp3',
  pin_retry: 1,
  pin_retry_wait: 5,
  incorrect_pin_play: '',
  unknown_caller_play: '',
  force_pin_authentication: false,
  create_session_with_single_party: false,
  virtual_number_cooloff_period: 0,
};

export const post = (url: string, body: unknown): Request => {
  return {
    method: 'POST',
    url,
    type: 'application/json',
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  };
};
export const form = (url: string, payload: string): Request => {
  return { method: 'POST', url, type: 'application/x-www-form-urlencoded', payload };
};
export const get = (url: string): Request => ({ method: 'GET', url });

const DURATIONS = 'session_expiry call_time_limit ring_timeout';
const WHOLE = `${DURATIONS} generate_pin_length pin_retry pin_retry_wait virtual_number_cooloff_period`;
const FLAGS = `record geomatch initiate_call_to_first_party is_pin_authentication_required generate_pin
  force_pin_authentication create_session_with_single_party`;
const URLS = `callback_url recording_callback_url first_party_play_url second_party_play_url pin_prompt_play
  incorrect_pin_play unknown_caller_play`;
const JUNK = [[], {}, [1], { a: 1 }];
const NO_PHONES = `911 112 12345 999 +90112 +1911 +1202555 +120255500001234567 alice sip:a@b.example +1202555O000
  ++12025550000 +1202555000٠ １２０２５５５００００ 0 00 + +12025550000,+12025550001 +12025550000;ext=5`;
const words = (text: string) => text.split(/\s+/);

const TEXT_RULE = 'should be text without NUL and without half a surrogate pair';
const DEPTH_RULE = 'should be nested less than 16 levels deep';

/** What is wrong, the fields that it may be wrong with, values, the rule. */
export const WRONG_FIELDS: readonly [string, string[], unknown[], string][] = [
  ['whole number', words(WHOLE), [...words('abc 1e3 0x10 5.0 ٥ ５'), ' 5', true, ...JUNK], 'should be a whole number'],
  ['fraction', words(DURATIONS), [5.5, 0.5], 'should be a whole number'],
  ['range', words(WHOLE), [-1, '-1', 2 ** 31, 1e21, '9'.repeat(20), '9'.repeat(400)], 'is outside the allowed range'],
  ['flag', words(FLAGS), ['yes', 'TRUE', 1, 0, '1', ...JUNK], 'allowed values are true or false'],
  ['format', ['record_file_format'], ['MP3', 'ogg', 1, true, ...JUNK], 'allowed values are mp3 or wav'],
  [
    'method',
    words('callback_method recording_callback_method'),
    ['PUT', 'GET ', 1, ...JUNK],
    'allowed values are GET or POST',
  ],
  [
    'address',
    words(URLS),
    [
      ...words('x ftp://a.example https://u:p@a.example https://u@a.example http:a javascript:alert(1) https://'),
      5,
      ...JUNK,
    ],
    'should be a valid URL',
  ],
  ['long address', words(URLS), [`https://a.example/${'a'.repeat(983)}`], 'should be under 1000 characters'],
  [
    'PIN',
    words('first_party_pin second_party_pin'),
    [...words('123 12a4 1234567890123456 ١٢٣٤'), '12 34', 123, -1234, 1234.5, 1e15, true, ...JUNK],
    'should be 4 to 15 digits',
  ],
  ['subaccount', ['subaccount'], ['x', MAIN.id, 'S'.repeat(20), 5, ...JUNK], 'should be the auth id of a subaccount'],
  [
    'party',
    words('first_party second_party'),
    [...words(NO_PHONES), '+1202\u00a05550000', '4'.repeat(65), -12025550000, 1202.5, true, ...JUNK],
    'is not a valid phone number',
  ],
];

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const rule = (field: string, text: string) => `Invalid parameter. ${field} ${text}.`;

/** Bodies of a create that cannot be read, or not as fields. */
export const WRONG_BODIES: readonly [string, Request, string, number?][] = [
  ['no JSON', post(SESSIONS, '{"first_party"'), 'The request body is not valid JSON.'],
  ['list', post(SESSIONS, '[]'), rule('body', 'should be of type object')],
  ['text', post(SESSIONS, '"x"'), rule('body', 'should be of type object')],
  [
    'plain text',
    { method: 'POST', url: SESSIONS, type: 'text/plain', payload: 'x' },
    rule('body', 'should be of type object'),
  ],
  ['nothing', { method: 'POST', url: SESSIONS }, 'Mandatory parameter missing. first_party must be present.'],
  ['null', post(SESSIONS, 'null'), 'Mandatory parameter missing. first_party must be present.'],
  ['17 levels', post(SESSIONS, `{"first_party":${nested(16)}}`), rule('first_party', DEPTH_RULE)],
  ['20 000 lists', post(SESSIONS, nested(20_000)), rule('body', DEPTH_RULE)],
  ['9000 objects', post(SESSIONS, `${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`), rule('a', DEPTH_RULE)],
  ['NUL in a name', post(SESSIONS, '{"4155550100123\\u0000":1}'), rule('body', TEXT_RULE)],
  ['NUL in an unknown field', post(SESSIONS, '{"4155550100123":["\\u0000"]}'), rule('body', TEXT_RULE)],
  [
    'field twice',
    form(SESSIONS, `${new URLSearchParams(PARTIES)}&ring_timeout=1&ring_timeout=2`),
    rule('ring_timeout', 'should be a whole number'),
  ],
  ['megabyte', post(SESSIONS, `{"first_party":"${'1'.repeat(2 ** 20)}"}`), 'The request body is too large.', 413],
  [
    'XML',
    { method: 'POST', url: SESSIONS, type: 'application/xml', payload: '<x/>' },
    'The content type is not supported: send application/json.',
    415,
  ],
  // Every text that an app can write, as JSON and as a form.
  ...Object.keys(FULL_CREATE).flatMap((name): [string, Request, string][] => [
    [`NUL in ${name}`, post(SESSIONS, `{"${name}":"a\\u0000b"}`), rule(name, TEXT_RULE)],
    [`half a pair in ${name}`, post(SESSIONS, `{"${name}":"a\\ud83db"}`), rule(name, TEXT_RULE)],
    [`NUL in the form's ${name}`, form(SESSIONS, `${name}=http://a.example/%00`), rule(name, TEXT_RULE)],
  ]),
];

const TIME_RULE = 'should be a time such as 2024-01-31 13:35:51';
const NO_TIMES = [
  'x',
  '2024-01-01',
  '٢٠٢٤-01-01 00:00',
  ...words('2024-02-31 2024-13-01 0000-01-01 9999-12-31').map((day) => `${day} 00:00`),
  ...words('24:00 10:60 1:00').map((time) => `2024-01-01 ${time}`),
];

/** What is wrong, the filters that it may be wrong with, values, the rule. */
export const WRONG_FILTERS: readonly [string, string[], string[], string][] = [
  ['time', words('created_time created_time__gt expiry_time__lte'), NO_TIMES, TIME_RULE],
  ['duration', words('duration duration__lt duration__gte'), words('x 1.5 ٥'), 'should be a whole number'],
  ['place', words('limit offset'), [...words('x 1.5 ٥'), ' 1'], 'should be a whole number'],
  ['range', words('limit offset duration'), words('-1 99999999999'), 'is outside the allowed range'],
  ['limit', ['limit'], words('0 21'), 'is outside the allowed range'],
  ['status', ['status'], words('ended ACTIVE \ufffd'), 'allowed values are active or in-progress or expired or all'],
  [
    'party',
    words('first_party second_party virtual_number'),
    [...words('x 911 ٣'), '4'.repeat(50)],
    'is not a valid phone number',
  ],
  ['subaccount', ['subaccount'], ['x', MAIN.id], 'should be the auth id of a subaccount'],
  ['text', words('status first_party created_time nobody_knows'), ['a\0b'], TEXT_RULE],
];

/** Wrong in the API of numbers. */
export const WRONG_NUMBERS: readonly [string, Request, string][] = [
  ['alias in a query', get(`${NUMBERS}?alias=%00`), `alias ${TEXT_RULE}`],
  ['alias given twice', get(`${NUMBERS}?alias=a&alias=b`), 'alias should be a text'],
  [
    'start given twice',
    get(`${NUMBERS}?number_startswith=1&number_startswith=2`),
    'number_startswith should be digits',
  ],
  ['start', get(`${NUMBERS}?number_startswith=%D9%A3`), 'number_startswith should be digits'],
  ['limit', get(`${NUMBERS}?limit=21`), 'limit is outside the allowed range'],
  ['alias', post(`${NUMBERS}14155550100`, '{"alias":"\\u0000"}'), `alias ${TEXT_RULE}`],
  ['alias in a form', form(`${NUMBERS}14155550100`, 'alias=%00'), `alias ${TEXT_RULE}`],
  ['alias of a new number', form(NUMBERS, `numbers=14155550300&provider=${OTHER_KEY}&alias=%00`), `alias ${TEXT_RULE}`],
  ['list', post(NUMBERS, { numbers: ['14155550300', 5], provider: OTHER_KEY }), 'numbers should be numbers'],
  ['digit', post(NUMBERS, { numbers: '١٤١٥٥٥٥٠٣٠٠', provider: OTHER_KEY }), 'numbers should be numbers'],
  ['country', post(NUMBERS, { numbers: '+80012345678', provider: HIPCALL_KEY }), 'numbers has a number'],
  ['body', post(NUMBERS, '[]'), 'body should be of type object'],
  ['lack of a body', { method: 'POST', url: NUMBERS }, 'body should be of type object'],
];

const plivo = `/answer/${OTHER_KEY}/`;
const hipcall = `/answer/${HIPCALL_KEY}/`;
const call = 'CallUUID=c1&From=12025550000&To=14155550902';
const caller = '+905326202911';

/** Wrong in what a provider asks. */
export const WRONG_WEBHOOKS: readonly [string, Request, string, number?][] = [
  ...words('CallUUID From To Digits').flatMap((name): [string, Request, string][] => [
    [`second ${name}`, form(plivo, `${call}&${name}=1&${name}=1`), `${name} must be given once`],
    [`second ${name} in the query`, get(`${plivo}?${call}&${name}=1&${name}=1`), `${name} must be given once`],
  ]),
  ['lack of CallUUID', form(plivo, 'From=12025550000&To=14155550902'), 'CallUUID must be'],
  ['CallUUID', form(plivo, call.replace('c1', 'c%00')), 'CallUUID must be'],
  ['To', form(plivo, call.replace('14155550902', '%D9%A1%D9%A4%D9%A1%D9%A5')), 'To must be a phone number'],
  ['digit', form(plivo, `${call}&Digits=%D9%A1%D9%A2%D9%A3%D9%A4`), 'Digits must be'],
  ['number of digits', form(plivo, `${call}&Digits=${'1'.repeat(33)}`), 'Digits must be'],
  ['try', form(`${plivo}?try=0`, call), 'try must be'],
  ['form', post(plivo, '[]'), 'body must be a form'],
  ['JSON', post(hipcall, '{"caller"'), 'body is not valid JSON'],
  ['list', post(hipcall, '[]'), 'body must be a JSON object'],
  ['lack of caller', post(hipcall, '{}'), 'caller must be given'],
  ['caller', post(hipcall, { caller: 5 }), 'caller must be a string'],
  ['callee', post(hipcall, { caller, callee: '٣' }), 'callee must be a phone number'],
  ['uuid', post(hipcall, { caller, uuid: 'a b' }), 'uuid must be'],
  ['data', post(hipcall, { caller, data: 'x' }), 'data must be an object'],
  ['text', post(hipcall, '{"caller":"\\u0000"}'), `caller ${TEXT_RULE}`],
  ['depth', post(hipcall, `{"data":${nested(2000)}}`), `data ${DEPTH_RULE}`],
  ['session', get(`${plivo}callee-play/x/first/`), 'session is not valid'],
  ['size', form(plivo, `${call}&x=${'1'.repeat(2 ** 20)}`), 'body is too large', 413],
  [
    'type',
    { method: 'POST', url: plivo, type: 'application/xml', payload: '<x/>' },
    'content type is not supported',
    415,
  ],
];
