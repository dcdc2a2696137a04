import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { api, MAIN, OTHER, SESSIONS, startService, type TestService } from '../support/service.ts';

const A = { first_party: '+12025550000', second_party: '+12025551111' };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} \+0000 UTC$/;
const WITH_PIN = {
  ...A,
  is_pin_authentication_required: true,
  pin_prompt_play: 'https://app.example/prompt.mp3',
  first_party_pin: '1470',
  second_party_pin: '2580',
};

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(() => service.deps.db.sql`truncate sessions, leases, pins, callbacks`);

type Shown = Readonly<Record<string, unknown>>;

async function create(
  body: unknown,
  as = MAIN,
): Promise<{ status: number; error?: string; body: Shown; session: Shown }> {
  const path = SESSIONS.replace(MAIN.id, as.id);
  const made = await api(service, 'POST', path, body, as);
  const { session = {} as never, error } = made.body;
  return { status: made.status, body: made.body, session, ...(error !== undefined && { error }) };
}

const refusal = (error: string) => ({ status: 400, error });

describe('a session made with two parties and nothing else', () => {
  it('has every field of the documents, in their order, with the defaults 1800, 14400 and 45', async () => {
    const { status, body, session } = await create(A);
    expect(status).toBe(201);
    expect(Object.keys(body)).toEqual(['api_id', 'session_uuid', 'virtual_number', 'message', 'session']);
    expect(body).toMatchObject({ api_id: expect.stringMatching(UUID), message: 'Session created' });
    expect(body.virtual_number).toMatch(/^\+1415555010[0-4]$/);
    const expected = {
      first_party: '12025550000',
      second_party: '12025551111',
      virtual_number: String(body.virtual_number).slice(1),
      status: 'active',
      initiate_call_to_first_party: false,
      session_uuid: body.session_uuid,
      callback_url: '',
      callback_method: 'POST',
      created_time: expect.stringMatching(TIME),
      modified_time: session.created_time,
      expiry_time: expect.stringMatching(TIME),
      duration: 1800,
      amount: 0,
      call_time_limit: 14_400,
      ring_timeout: 45,
      first_party_play_url: '',
      second_party_play_url: '',
      record: false,
      record_file_format: 'mp3',
      recording_callback_url: '',
      recording_callback_method: 'POST',
      interaction: null,
      total_call_amount: 0,
      total_call_count: 0,
      total_call_billed_duration: 0,
      total_session_amount: 0,
      last_interaction_time: '',
      unknown_caller_play: '',
      is_pin_authentication_required: false,
      generate_pin: null,
      generate_pin_length: null,
      first_party_pin: null,
      second_party_pin: null,
      pin_prompt_play: null,
      pin_retry: null,
      pin_retry_wait: null,
      incorrect_pin_play: null,
      create_session_with_single_party: null,
      virtual_number_cooloff_period: 0,
      force_pin_authentication: false,
    };
    expect(session).toEqual(expected);
    expect(Object.keys(session)).toEqual(Object.keys(expected));
    const seconds = (name: string) => Date.parse(String(session[name]).replace(' +0000 UTC', 'Z')) / 1000;
    expect(seconds('expiry_time') - seconds('created_time')).toBe(1800);
    expect(Math.abs(seconds('created_time') - Date.now() / 1000)).toBeLessThan(5);
  });

  it('has whole numbers where Go decodes integers', async () => {
    const { session } = await create({ ...WITH_PIN, session_expiry: '90', pin_retry: '2' });
    const whole = ['amount', 'duration', 'call_time_limit', 'ring_timeout', 'total_call_count', 'pin_retry'];
    for (const name of [...whole, 'total_call_billed_duration', 'pin_retry_wait', 'generate_pin_length'])
      expect(session[name], name).toSatisfy(Number.isInteger);
  });
});

describe('an option of create', () => {
  const url = 'https://app.example/a?b=c&d=é#f';
  const parties = ['first_party_play_url', 'second_party_play_url'] as const;
  const addresses = ['callback_url', 'recording_callback_url', ...parties, 'unknown_caller_play'] as const;

  it.each([
    ['session_expiry', 600, 'duration', 600],
    ['session_expiry', '600', 'duration', 600],
    ['session_expiry', 0, 'duration', 1800],
    ['call_time_limit', '0', 'call_time_limit', 14_400],
    ['ring_timeout', 0, 'ring_timeout', 45],
    ['ring_timeout', null, 'ring_timeout', 45],
    ['call_time_limit', '', 'call_time_limit', 14_400],
    ['record', true, 'record', true],
    ['record', 'true', 'record', true],
    ['record', 'false', 'record', false],
    ['record_file_format', 'wav', 'record_file_format', 'wav'],
    ['initiate_call_to_first_party', 'true', 'initiate_call_to_first_party', true],
    ['force_pin_authentication', true, 'force_pin_authentication', true],
    ['create_session_with_single_party', false, 'create_session_with_single_party', false],
    ['create_session_with_single_Party', true, 'create_session_with_single_party', true],
    ['callback_method', 'GET', 'callback_method', 'GET'],
    ['callback_method', 'get', 'callback_method', 'GET'],
    ['recording_callback_method', 'GET', 'recording_callback_method', 'GET'],
    ['callback_url', '', 'callback_url', ''],
    ...addresses.map((name) => [name, url, name, url] as const),
    // PIN fields say nothing while PIN authentication is off.
    ['pin_prompt_play', url, 'pin_prompt_play', null],
    ['first_party_pin', '1234', 'first_party_pin', null],
    // Java's stray key, and keys that nobody knows.
    ['pin_authentication_required', true, 'is_pin_authentication_required', false],
    ['toString', 'x', 'status', 'active'],
    ['surprise', { deeply: [{ nested: null }] }, 'status', 'active'],
  ] as const)('%s = %j shows as %s = %j', async (name, given, shownName, shown) => {
    const { status, session } = await create({ ...A, [name]: given });
    expect(status).toBe(201);
    expect(session[shownName]).toBe(shown);
  });

  it.each([
    ['session_expiry', 1, 7_776_000],
    ['call_time_limit', 1, 86_400],
    ['ring_timeout', 1, 600],
    ['virtual_number_cooloff_period', 0, 3600],
    ['generate_pin_length', 4, 15],
    ['pin_retry', 0, 5],
    ['pin_retry_wait', 5, 10],
  ] as const)('%s is taken from %d to %d and refused beyond', async (name, min, max) => {
    const shown = name === 'session_expiry' ? 'duration' : name;
    for (const value of [min, max]) {
      const { session } = await create({ ...WITH_PIN, [name]: value });
      expect(session[shown]).toBe(value);
      await service.deps.db.sql`truncate sessions, leases, pins`;
    }
    const outside = refusal(`Invalid parameter. ${name} is outside the allowed range.`);
    // Below 1 stands 0, which means that no duration was given.
    const below = min === 1 ? -1 : min - 1;
    for (const value of [below, max + 1, String(max + 1)])
      expect(await create({ ...WITH_PIN, [name]: value })).toMatchObject(outside);
  });
});

describe('a body as other SDKs send it', () => {
  const all = (names: string, value: unknown) => Object.fromEntries(names.split(' ').map((name) => [name, value]));
  const go = { first_party: '12025550000', session_expiry: 0, create_session_with_single_Party: true };
  const java = {
    ...all('session_expiry call_time_limit ring_timeout virtual_number_cooloff_period', 0),
    ...all('initiate_call_to_first_party record is_pin_authentication_required pin_authentication_required', false),
    ...all('generate_pin force_pin_authentication create_session_with_single_party', false),
    geomatch: true,
  };
  const older = { ...WITH_PIN, is_pin_authentication_required: null, is_pin_authentication: true };

  it.each([
    ['Java', { ...A, ...java }, { duration: 1800, call_time_limit: 14_400, ring_timeout: 45 }],
    ['Go', go, { second_party: '', duration: 1800, create_session_with_single_party: true }],
    ['.NET', { ...A, virtual_number_cooloff_period: 0 }, { virtual_number_cooloff_period: 0 }],
    ['Ruby', { ...A, ring_timeout: '120', record: 'true' }, { ring_timeout: 120, record: true }],
    ['older documents', older, { pin_retry: 1, first_party_pin: '1470' }],
    ['a form', new URLSearchParams({ ...A, ring_timeout: '30' }).toString(), { ring_timeout: 30 }],
  ])('of %s makes a session', async (_sdk, body, shown) => {
    const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
    const made = await service.app.inject({
      method: 'POST',
      url: SESSIONS,
      headers: {
        authorization,
        ...(typeof body === 'string' && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      payload: body,
    });
    expect(made.json()).toMatchObject({ message: 'Session created', session: shown });
  });
});

describe('PINs', () => {
  it('show when they are on, with their defaults and their leading zeros', async () => {
    const { session } = await create({ ...WITH_PIN, first_party_pin: '0042', second_party_pin: 1234 });
    expect(session).toMatchObject({
      is_pin_authentication_required: true,
      first_party_pin: '0042',
      second_party_pin: '1234',
      pin_prompt_play: WITH_PIN.pin_prompt_play,
      generate_pin: false,
      generate_pin_length: 4,
      pin_retry: 1,
      pin_retry_wait: 5,
      incorrect_pin_play: '',
    });
  });

  it.each([4, 5, 9, 15])('are generated %d digits long, different, and shown', async (length) => {
    const wish = { ...WITH_PIN, first_party_pin: null, second_party_pin: null, generate_pin: true };
    const { session } = await create({ ...wish, generate_pin_length: length });
    expect(session.first_party_pin).toMatch(new RegExp(`^\\d{${length}}$`));
    expect(session.second_party_pin).toMatch(new RegExp(`^\\d{${length}}$`));
    expect(session.first_party_pin).not.toBe(session.second_party_pin);
  });

  it('are as long as guessing on their number asks for where the app leaves the length open', async () => {
    const wish = { ...WITH_PIN, first_party_pin: null, second_party_pin: null, generate_pin: true };
    const made = await create(wish);
    expect(made.session.generate_pin_length).toBe(5);
    expect(made.session.first_party_pin).toMatch(/^\d{5}$/);
    expect(made.body.warning).toBeUndefined();
  });

  it('are said to be short where the app has made them so', async () => {
    const { body } = await create(WITH_PIN);
    expect(body.warning).toMatch(/chance of 0\.\d+ %/);
    const long = await create({ ...WITH_PIN, first_party_pin: '7413806', second_party_pin: '2958146' });
    expect(long.body.warning).toBeUndefined();
  });
});

describe('a party', () => {
  it.each([
    ['+1 (202) 555-0000', '12025550000'],
    ['+1.202.555.0000', '12025550000'],
    ['001 202 555 0000', '12025550000'],
    ['12025550000', '12025550000'],
    [12_025_550_000, '12025550000'],
    ['+44 (0)20 7946 0018', '442079460018'],
    // National forms, read in the one country that the account's connections name.
    ['0532 620 29 11', '905326202911'],
    ['5326202911', '905326202911'],
    ['(0212) 555 01 99', '902125550199'],
  ])('is read from %j', async (text, shown) => {
    const { session } = await create({ ...A, first_party: text, geomatch: false });
    expect(session.first_party).toBe(shown);
  });

  it('in a national form is refused where no connection names a country', async () => {
    const refused = await create({ ...A, first_party: '0532 620 29 11' }, OTHER);
    expect(refused).toMatchObject(refusal('Invalid parameter. first_party is not a valid phone number.'));
  });
});

describe('the virtual number', () => {
  const full = refusal('Number pool exhausted or not available.');

  it.each([
    ['the first party', { ...A, first_party: '+905326202911' }, /^\+90212/],
    ['the first party, not the second', { ...A, second_party: '+905326202911' }, /^\+1415/],
    ['the only party', { second_party: '+905326202911', create_session_with_single_party: true }, /^\+90212/],
  ])('is of the country of %s', async (_whom, body, number) => {
    expect((await create(body)).body.virtual_number).toMatch(number);
  });

  it('is of any country when geomatch is off, and none is free for another country when it is on', async () => {
    const british = { ...A, first_party: '+442079460018' };
    expect(await create(british)).toMatchObject(full);
    expect((await create({ ...british, geomatch: 'false' })).status).toBe(201);
    expect((await create({ ...british, geo_match: false, second_party: '+12025552222' })).status).toBe(201);
  });

  it('serves many pairs, and a party only once: then the pool is full, for that party alone', async () => {
    expect((await create(A, OTHER)).status).toBe(201);
    expect(await create({ ...A, first_party: '+12025552222' }, OTHER)).toMatchObject(full);
    expect(await create({ ...A, second_party: '+12025552222' }, OTHER)).toMatchObject(full);
    expect((await create({ first_party: '+12025552222', second_party: '+12025553333' }, OTHER)).status).toBe(201);
    expect(await service.deps.db.sql`select from sessions`).toHaveLength(2);
  });
});
