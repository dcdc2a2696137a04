import fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostileRequest, OPEN_CONNECTIONS } from '../support/sdk-hostile.ts';
import {
  FULL_CREATE,
  get,
  PARTIES,
  post,
  type Request,
  WRONG_BODIES,
  WRONG_FIELDS,
  WRONG_FILTERS,
  WRONG_NUMBERS,
  WRONG_WEBHOOKS,
} from '../support/sdk-wrong.ts';
import { api, MAIN, makeSession, SESSIONS, startService, type TestService } from '../support/service.ts';

const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
// Words of a library rather than ours.
const FOREIGN = /invalid input|invalid string|expected|received|too (small|big)|must match|FST_|undefined|\[object/i;
const LONG_DIGITS = /\p{Nd}{6}/u;

let service: TestService;
/** The one session that is there before all bad input, and after it. */
let id: string;
let before: object;

beforeAll(async () => {
  service = await startService({ bootstrap: OPEN_CONNECTIONS });
  id = (await makeSession(service, { ...PARTIES, session_expiry: 86_400 })).session_uuid;
  before = await stored();
});
afterAll(() => service.close());

async function stored(): Promise<object> {
  const [counts] = await service.deps.db.sql`select (select count(*) from sessions) as sessions,
    (select count(*) from leases) as leases, (select count(*) from pins) as pins, (select count(*) from calls) as calls,
    (select count(*) from callbacks) as callbacks, (select count(*) from virtual_numbers) as numbers,
    (select md5(string_agg(s::text, '' order by id)) from sessions s) as session`;
  return counts ?? {};
}

async function send({ method, url, type, payload }: Request) {
  const answer = await service.app.inject({
    method,
    url,
    headers: { authorization, ...(type !== undefined && { 'content-type': type }) },
    ...(payload !== undefined && { payload }),
  });
  return { status: answer.statusCode, type: String(answer.headers['content-type'] ?? ''), text: answer.body };
}

/** A refusal in Plivo's form, in our words, that repeats nothing which was sent. */
function expectRefusal(answer: { status: number; text: string }, error: unknown, status = 400): void {
  const body = JSON.parse(answer.text);
  expect({ ...body, status: answer.status }).toEqual({
    api_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    error,
    status,
  });
  expect(body.error).not.toMatch(FOREIGN);
  expect(body.error).not.toMatch(LONG_DIGITS);
}

describe('a create or update', () => {
  const changeable = /^(session_expiry|call_time|ring_|callback_|record|(first|second)_party_play)/;

  it.each(WRONG_FIELDS)('with a wrong %s is told the field and the rule', async (_what, names, values, rule) => {
    for (const name of names) {
      const error = `Invalid parameter. ${name} ${rule}.`;
      for (const value of values) {
        expectRefusal(await send(post(SESSIONS, { ...FULL_CREATE, [name]: value })), error);
        if (changeable.test(name)) expectRefusal(await send(post(SESSIONS + id, { [name]: value })), error);
      }
    }
  });

  it.each(WRONG_BODIES)(
    'with a wrong body (%s) is told what is wrong with it',
    async (_what, request, error, status) => {
      expectRefusal(await send(request), error, status);
      // Nothing at all is no change.
      if (error.startsWith('Mandatory')) return;
      expectRefusal(await send({ ...request, url: SESSIONS + id }), error, status);
    },
  );

  it('with a body of a megabyte is told so over the wire, and the connection serves on', async () => {
    const big = { ...PARTIES, callback_url: `https://app.example/${'a'.repeat(2 ** 20)}` };
    expect(await api(service, 'POST', SESSIONS, big)).toMatchObject({ status: 413 });
    expect(await api(service, 'GET', SESSIONS + id)).toMatchObject({ status: 200 });
  });

  it('ignores names that nobody knows, whatever is in them, and those that JavaScript knows', async () => {
    const unknown = '"__proto__":{"record":true},"constructor":{"prototype":{}},"toString":1,"4155550100":[{"a":null}]';
    const made = await send(post(SESSIONS, `{"first_party":"+12025558888",${unknown}}`));
    expectRefusal(made, 'Mandatory parameter missing. second_party must be present.');
  });
});

describe('a create is refused', () => {
  const missing = (name: string) => `Mandatory parameter missing. ${name} must be present.`;
  const invalid = (name: string, rule: string) => `Invalid parameter. ${name} ${rule}.`;

  it.each([
    ['first_party', { first_party: null }, missing('first_party')],
    ['second_party', { second_party: '' }, missing('second_party')],
    [
      'party at all',
      { first_party: '', second_party: null, create_session_with_single_party: true },
      missing('first_party'),
    ],
    ['prompt for the PIN', { pin_prompt_play: '' }, missing('pin_prompt_play')],
    ['PIN of the first party', { first_party_pin: null }, missing('first_party_pin')],
    ['PIN of the second party', { second_party_pin: '' }, missing('second_party_pin')],
  ])('without a %s', async (_what, change, error) => {
    expectRefusal(await send(post(SESSIONS, { ...FULL_CREATE, ...change })), error);
  });

  it.each([
    ['is its first party, in another notation', '001 (202) 555-0000', 'must differ from first_party'],
    ['is a virtual number', '+14155550100', 'is a virtual number'],
    // It would call into that tenant's sessions.
    ["is another tenant's virtual number", '14155550902', 'is a virtual number'],
  ])('whose second party %s', async (_what, second_party, rule) => {
    expectRefusal(await send(post(SESSIONS, { ...FULL_CREATE, second_party })), invalid('second_party', rule));
  });

  it('whose PINs are the same, also as number and text', async () => {
    const error = invalid('second_party_pin', 'must differ from first_party_pin');
    for (const second_party_pin of ['1470', 1470])
      expectRefusal(await send(post(SESSIONS, { ...FULL_CREATE, second_party_pin })), error);
  });
});

describe('a list', () => {
  const at = (name: string, value: string) => get(`${SESSIONS}?${name}=${encodeURIComponent(value)}`);

  it.each(WRONG_FILTERS)('with a wrong %s is told the filter and the rule', async (_what, names, values, rule) => {
    for (const name of names)
      for (const value of values) expectRefusal(await send(at(name, value)), `Invalid parameter. ${name} ${rule}.`);
  });

  it('with a filter given twice is told which', async () => {
    for (const name of ['status', 'limit', 'offset', 'first_party', 'created_time__gt', 'duration', 'subaccount']) {
      const error = expect.stringContaining(`Invalid parameter. ${name} `);
      expectRefusal(await send(get(`${SESSIONS}?${name}=1&${name}=2`)), error);
    }
  });
});

describe('the API of numbers', () => {
  it.each(WRONG_NUMBERS)('names the field of a wrong %s', async (_what, request, text) => {
    expectRefusal(await send(request), expect.stringContaining(text));
  });
});

describe('the answer webhook', () => {
  it.each(WRONG_WEBHOOKS)('names the parameter of a wrong %s', async (_what, request, text, status) => {
    expectRefusal(await send(request), expect.stringContaining(text), status);
  });
});

describe('an address that cannot be read', () => {
  it.each([
    ['no escape', '/v1/Account/%/Masking/Session', 400],
    ['a broken escape', `${SESSIONS}%zz4155550100`, 400],
    ['no UTF-8', `${SESSIONS}%ED%A0%80`, 400],
    ['a long part', `${SESSIONS}${'4'.repeat(201)}`, 414],
    ['a broken key', '/answer/4155550100%ff/', 400],
  ])("(%s) is refused in Plivo's form and not repeated", async (_what, url, status) => {
    expectRefusal(await send(get(url)), expect.stringContaining('URL'), status);
  });
});

it('nothing of all that has left a row or changed one', async () => {
  expect(await stored()).toEqual(before);
});

it("any request at all gets its document or a refusal in Plivo's form, never a failure or an echo", async () => {
  await fc.assert(
    fc.asyncProperty(hostileRequest([id]), async (request) => {
      const answer = await send(request);
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400) expectRefusal(answer, expect.any(String), answer.status);
      else if (answer.type.startsWith('application/xml')) expect(XMLValidator.validate(answer.text)).toBe(true);
      else if (answer.status === 204) expect(answer.text).toBe('');
      else expect(JSON.parse(answer.text)).toHaveProperty(request.url.startsWith('/answer/') ? 'seq' : 'api_id');
    }),
    { numRuns: 1500 },
  );
}, 60_000);
