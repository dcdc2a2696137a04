import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  OTHER,
  OTHER_KEY,
  PLIVO_KEY,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

type Shown = Readonly<Record<string, unknown>>;

const pathOf = (account: { id: string }) => `/v1/Account/${account.id}/Number/`;
const ALL = pathOf(MAIN);

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const add = (body: object, as = MAIN) => api(service, 'POST', pathOf(as), body, as);
const change = (number: string, body: object, as = MAIN) => api(service, 'POST', `${pathOf(as)}${number}/`, body, as);
const remove = (number: string, as = MAIN) => api(service, 'DELETE', `${pathOf(as)}${number}/`, undefined, as);
const get = (number: string, as = MAIN) => api(service, 'GET', `${pathOf(as)}${number}/`, undefined, as);

async function list(query: Record<string, string> | string = {}, as = MAIN) {
  const { status, body } = await api(service, 'GET', `${pathOf(as)}?${new URLSearchParams(query)}`, undefined, as);
  const { meta, objects = [] } = body as { meta?: Shown; objects?: Shown[] };
  return { status, error: body.error, body, meta, numbers: objects.map(({ number }) => number) };
}

const refusal = (status: number, error: string) => ({ status, body: { error } });

describe('the list of numbers', () => {
  it("has the shape of Plivo's, with meta and objects beside api_id and each number without +", async () => {
    const { body } = await list({ limit: '1' });
    expect(Object.keys(body)).toEqual(['api_id', 'meta', 'objects']);
    const meta = { limit: 1, next: `${ALL}?limit=1&offset=1`, offset: 0, previous: null, total_count: 11 };
    expect(body.meta).toEqual(meta);
    expect(body.objects).toEqual([
      {
        added_on: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
        alias: null,
        application: null,
        carrier: 'plivo',
        monthly_rental_rate: '0.00000',
        number: '14155550100',
        number_type: 'local',
        region: 'United States',
        resource_uri: `${ALL}14155550100/`,
        sms_enabled: false,
        sms_rate: '0.00000',
        sub_account: null,
        active: true,
        city: '',
        compliance_application_id: null,
        compliance_status: null,
        country: 'United States',
        mms_enabled: false,
        mms_rate: '0.00000',
        tendlc_campaign_id: null,
        tendlc_registration_status: null,
        toll_free_sms_verification: null,
        renewal_date: null,
        cnam_lookup: 'disabled',
        voice_enabled: true,
        voice_rate: '0.00000',
      },
    ]);
  });

  it.each([
    [{ number_startswith: '90212' }, 5],
    [{ number_startswith: '+1415' }, 6],
    [{ number_startswith: '1415555010', limit: '2', offset: '4' }, 1],
    [{ subaccount: SUB.id }, 1],
    [{ alias: 'nobody has it' }, 0],
    [{ alias: "%' or true --" }, 0],
    [{ limit: '20', type: 'local', services: 'voice', unknown: 'x' }, 11],
    [{ offset: '100' }, 0],
  ] as [Record<string, string>, number][])('filtered by %j has %d', async (query, count) => {
    expect((await list(query)).numbers).toHaveLength(count);
  });

  it('leads from page to page with its filters', async () => {
    const first = await list({ number_startswith: '1415', limit: '4' });
    const second = await list(String(first.meta?.next).split('?')[1]);
    expect(second.meta).toMatchObject({ next: null, previous: expect.stringContaining('number_startswith=1415') });
    expect(new Set([...first.numbers, ...second.numbers]).size).toBe(6);
  });

  it('shows a subaccount its own numbers, and nobody those of another account', async () => {
    expect((await list({}, SUB)).numbers).toEqual(['14155550901']);
    expect((await list({}, OTHER)).numbers).toEqual(['14155550902']);
    expect(await get('14155550902')).toMatchObject(refusal(404, 'The number was not found.'));
    expect(await get('14155550100', SUB)).toMatchObject(refusal(404, 'The number was not found.'));
    expect((await get('14155550901', SUB)).body).toMatchObject({ sub_account: `/v1/Account/${SUB.id}/` });
  });
});

describe('a number', () => {
  it.each(['14155550101', '+14155550101', '%2B14155550101', '0014155550101', '1%20415%20555%200101'])(
    'is found as %s',
    async (text) => {
      const { status, body } = await get(text);
      expect([status, body.number, Object.keys(body)[0]]).toEqual([200, '14155550101', 'api_id']);
    },
  );

  it.each(['14155550999', 'x', '911', '١٤١٥٥٥٥٠١٠١', '1'.repeat(50)])('is not found as %s', async (text) => {
    for (const answer of [await get(text), await change(text, {}), await remove(text)])
      expect(answer).toMatchObject(refusal(404, 'The number was not found.'));
  });

  it('takes an alias, a subaccount and another connection, and keeps what a change does not name', async () => {
    const number = '14155550104';
    const changed = await change(number, {
      alias: 'front desk',
      subaccount: SUB.id,
      provider: HIPCALL_KEY,
      app_id: '1',
    });
    expect([changed.status, Object.keys(changed.body), changed.body.message]).toEqual([
      202,
      ['api_id', 'message'],
      'changed',
    ]);
    const sub_account = `/v1/Account/${SUB.id}/`;
    expect((await get(number)).body).toMatchObject({ alias: 'front desk', sub_account, carrier: 'hipcall' });
    expect((await list({ alias: 'front desk' })).numbers).toEqual([number]);
    expect((await change(number, {})).status).toBe(202);
    expect((await get(number, SUB)).body).toMatchObject({ alias: 'front desk', sub_account, carrier: 'hipcall' });
    await change(number, { subaccount: '', provider: PLIVO_KEY });
    expect((await get(number)).body).toMatchObject({ alias: 'front desk', sub_account: null, carrier: 'plivo' });
  });

  it.each([
    [{ subaccount: OTHER.id }, 'Invalid parameter. subaccount should be the auth id of a subaccount.'],
    [{ subaccount: 'SABBBBBBBBBBBBBBBBBB' }, 'Invalid parameter. subaccount is not a subaccount of this account.'],
    [{ provider: OTHER_KEY }, 'Invalid parameter. provider is not the key of a connection of this account.'],
    [{ provider: 5 }, 'Invalid parameter. provider should be the key of a connection.'],
    [{ alias: 'x'.repeat(101) }, 'Invalid parameter. alias should be a text of at most 100 characters.'],
    [{ alias: ['x'] }, 'Invalid parameter. alias should be a text of at most 100 characters.'],
  ])('does not take %j', async (body, error) => {
    const before = await get('14155550103');
    expect(await change('14155550103', { alias: 'new', ...body })).toMatchObject(refusal(400, error));
    expect((await get('14155550103')).body).toEqual({ ...before.body, api_id: expect.any(String) });
  });

  it('of a subaccount stays with it when the subaccount changes it', async () => {
    const error = 'Invalid parameter. subaccount cannot be another than your own.';
    expect(await change('14155550901', { subaccount: '' }, SUB)).toMatchObject(refusal(400, error));
    expect((await change('14155550901', { subaccount: SUB.id, alias: 'ours' }, SUB)).status).toBe(202);
  });
});

describe('adding numbers', () => {
  it.each([
    ["as Plivo's text with commas", '14155550200, +1 (415) 555-0201,14155550200', ['14155550200', '14155550201']],
    ['as a list', ['+902125550300', '00902125550301'], ['902125550300', '902125550301']],
  ])('is done %s, once each, and answers with what was added', async (_how, numbers, added) => {
    const { status, body } = await add({ numbers, provider: PLIVO_KEY, carrier: 'x', region: 'x', alias: 'new' });
    expect(status).toBe(201);
    expect(Object.keys(body)).toEqual(['api_id', 'message', 'numbers']);
    expect(body).toMatchObject({ message: 'created', numbers: added.map((number) => ({ number, status: 'Success' })) });
    for (const number of added) expect((await get(number)).body).toMatchObject({ number, alias: 'new' });
    expect((await add({ numbers, provider: PLIVO_KEY })).status).toBe(201);
    expect((await list({ alias: 'new' })).numbers).toEqual(expect.arrayContaining(added));
    for (const number of added) expect((await remove(number)).status).toBe(204);
  });

  const rule = 'Invalid parameter. numbers should be numbers with country code, separated by commas.';
  it.each([
    [{ numbers: '14155550200,12345', provider: PLIVO_KEY }, 400, rule],
    [{ numbers: '14155550200,', provider: PLIVO_KEY }, 400, rule],
    [{ numbers: '05326202911', provider: PLIVO_KEY }, 400, rule],
    [{ numbers: [], provider: PLIVO_KEY }, 400, rule],
    [{ numbers: 14155550200, provider: PLIVO_KEY }, 400, rule],
    [{ provider: PLIVO_KEY }, 400, rule],
    [
      { numbers: '+80012345678', provider: PLIVO_KEY },
      400,
      'Invalid parameter. numbers has a number that belongs to no country.',
    ],
    [{ numbers: '14155550200' }, 400, 'Mandatory parameter missing. provider must be present.'],
    [
      { numbers: '14155550200', provider: OTHER_KEY },
      400,
      'Invalid parameter. provider is not the key of a connection of this account.',
    ],
    [
      { numbers: '14155550200', provider: PLIVO_KEY, subaccount: 'SABBBBBBBBBBBBBBBBBB' },
      400,
      'Invalid parameter. subaccount is not a subaccount of this account.',
    ],
    [{ numbers: '14155550200,14155550902', provider: PLIVO_KEY }, 409, 'A number belongs to another account.'],
  ])('as %j is refused as a whole', async (body, status, error) => {
    const before = (await list()).meta;
    expect(await add(body)).toMatchObject(refusal(status, error));
    expect((await list()).meta).toEqual(before);
  });

  it('needs no connection named where the account has one, and may go to a subaccount', async () => {
    expect((await add({ numbers: '14155550400' }, OTHER)).status).toBe(201);
    expect((await add({ numbers: '14155550401', provider: PLIVO_KEY, subaccount: SUB.id })).status).toBe(201);
    expect((await add({ numbers: '14155550402', provider: PLIVO_KEY }, SUB)).status).toBe(201);
    expect((await list({}, SUB)).numbers).toEqual(['14155550901', '14155550401', '14155550402']);
  });

  it('by a subaccount never takes a number of the main account', async () => {
    expect(await add({ numbers: '14155550103', provider: PLIVO_KEY }, SUB)).toMatchObject({ status: 409 });
    expect((await get('14155550103')).body).toMatchObject({ sub_account: null });
  });
});

describe('removing a number', () => {
  it('answers 204 without a body, and the number is gone for lists, gets, sessions and a second removal', async () => {
    await add({ numbers: '442079460018', provider: PLIVO_KEY });
    const british = { first_party: '+442079460111', second_party: '+12025550000' };
    const { session_uuid: id } = await makeSession(service, british);
    await api(service, 'DELETE', `${SESSIONS}${id}/`);
    expect(await remove('442079460018')).toMatchObject({ status: 204, body: {} });
    expect(await remove('442079460018')).toMatchObject(refusal(404, 'The number was not found.'));
    expect((await list({ number_startswith: '44' })).numbers).toEqual([]);
    const full = refusal(400, 'Number pool exhausted or not available.');
    expect(await api(service, 'POST', SESSIONS, british)).toMatchObject(full);
    // Its past stays readable, and it may come back: here or, now that nothing holds it, elsewhere.
    expect((await api(service, 'GET', `${SESSIONS}${id}/`)).body).toMatchObject({
      response: { virtual_number: '442079460018' },
    });
    expect((await add({ numbers: '442079460018' }, OTHER)).status).toBe(201);
    expect((await add({ numbers: '442079460018', provider: PLIVO_KEY })).status).toBe(409);
  });

  it('is refused while a session or its cool-off holds it', async () => {
    const parties = { first_party: '+12025550001', second_party: '+12025550002' };
    const held = refusal(409, 'The number is held by a session or its cool-off.');
    const session = await makeSession(service, { ...parties, virtual_number_cooloff_period: 60 });
    const number = session.virtual_number.slice(1);
    expect(await remove(number)).toMatchObject(held);
    await api(service, 'DELETE', `${SESSIONS}${session.session_uuid}/`);
    expect(await remove(number)).toMatchObject(held);
    await service.deps.db.sql`update leases set held_until = now()`;
    expect((await remove(number)).status).toBe(204);
  });

  it("of another tenant's number answers as for none", async () => {
    expect(await remove('14155550902')).toMatchObject(refusal(404, 'The number was not found.'));
    expect(await change('14155550902', { alias: 'mine' })).toMatchObject(refusal(404, 'The number was not found.'));
    expect((await get('14155550902', OTHER)).body).toMatchObject({ alias: null });
  });
});

it.each([
  ['PUT', '', 'GET, HEAD, POST'],
  ['DELETE', '', 'GET, HEAD, POST'],
  ['PATCH', '14155550100/', 'GET, HEAD, POST, DELETE'],
])('%s of …/Number/%s is not allowed, and the answer says what is', async (method, path, allowed) => {
  const answer = await api(service, method, ALL + path);
  expect(answer).toMatchObject(refusal(405, 'The method is not allowed for this URL.'));
  expect(answer.headers.get('allow')).toBe(allowed);
});
