import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, MAIN, makeSession, OTHER, SESSIONS, SUB, startService, type TestService } from '../support/service.ts';

type Shown = Readonly<Record<string, unknown>>;

const DAY_MS = 86_400_000;
const P = '+12025550000';
const NOBODY = '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';

let service: TestService;
/** Sessions by name; what is not said of one is as when it was made. */
const ids: Record<string, string> = {};

beforeAll(async () => {
  service = await startService();
  await makeAt('ancient', '+12025550001', 29.9);
  await makeAt('old', '+12025550002', 7.01);
  await makeAt('week', '+12025550003', 6.99);
  await makeAt('ended', '+12025550004', 1);
  await makeAt('turkish', '0532 620 29 11', 0.01);
  await makeAt('young', '+12025550005', 0);
});
afterAll(() => service.close());

/** A session of half an hour with P, made that many days ago. */
async function makeAt(name: string, first: string, daysAgo: number): Promise<void> {
  const made = await makeSession(service, { first_party: first, second_party: P, geomatch: false });
  const by = daysAgo * 86_400;
  await service.deps.db.sql`update sessions set created_at = created_at - make_interval(secs => ${by}),
    expires_at = expires_at - make_interval(secs => ${by}) where id = ${made.session_uuid}`;
  ids[name] = made.session_uuid;
}

async function list(query: Record<string, string | number> | string, path = SESSIONS, as = MAIN) {
  const text = typeof query === 'string' ? query : new URLSearchParams(query as Record<string, string>).toString();
  const { status, body } = await api(service, 'GET', `${path}?${text}`, undefined, as);
  const { meta, objects = [] } = (body.response ?? {}) as { meta?: Shown; objects?: Shown[] };
  const names = objects.map(({ session_uuid }) => Object.keys(ids).find((name) => ids[name] === session_uuid));
  return { status, error: body.error, meta, objects, names };
}

/** The time that many days ago, as a filter has it; `shift` in milliseconds. */
const ago = (days: number, shift = 0) =>
  new Date(Date.now() - days * DAY_MS + shift).toISOString().slice(0, 19).replace('T', ' ');

describe('a listed session', () => {
  it('is the one that a get shows, with its keys in alphabetical order and its address among them', async () => {
    const { objects } = await list({});
    const [newest] = objects;
    const got = await api(service, 'GET', `${SESSIONS}${ids.young}`);
    const uri = { resource_uri: `${SESSIONS}${ids.young}/` };
    expect(newest).toEqual({ ...(got.body.response as unknown as Shown), ...uri });
    expect(Object.keys(newest ?? {})).toEqual(Object.keys(newest ?? {}).toSorted());
    expect(got.body.response).not.toHaveProperty('resource_uri');
  });
});

describe('the list', () => {
  it('shows the last 7 days, newest first, where no time is named', async () => {
    expect((await list({})).names).toEqual(['young', 'turkish', 'ended', 'week']);
    expect((await list({ second_party: P })).names).toEqual(['young', 'turkish', 'ended', 'week']);
  });

  it.each([
    ['a range of exactly 30 days', () => ({ created_time__gte: ago(30), created_time__lte: ago(0) }), 6],
    [
      '30 days to the minute',
      () => ({ created_time__gte: ago(30).slice(0, 16), created_time__lte: ago(0).slice(0, 16) }),
      6,
    ],
    ['an open end, which reaches 30 days', () => ({ created_time__gt: ago(59.85) }), 1],
    ['an open beginning, which reaches back 30 days', () => ({ created_time__lt: ago(5) }), 3],
    ['an expiry, which lifts the 7 days', () => ({ expiry_time__gt: ago(29.95) }), 6],
    ['a range of both times', () => ({ created_time__gt: ago(8), expiry_time__lt: ago(0.5) }), 3],
  ])('shows what lies in %s', async (_what, query, count) => {
    const { error, names } = await list(query());
    expect(error).toBeUndefined();
    expect(names).toHaveLength(count);
  });

  it.each(['created_time', 'expiry_time'])('refuses a range of %s of more than 30 days', async (name) => {
    const refused = await list({ [`${name}__gte`]: ago(31), [`${name}__lt`]: ago(0) });
    expect(refused).toMatchObject({ status: 400, error: `Invalid parameter. ${name} spans more than 30 days.` });
  });

  it('takes each odd name that SDKs and older pages use for the right one', async () => {
    const at = (name: string) => service.deps.db
      .sql`select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as c,
      to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as e from sessions where id = ${ids[name] ?? ''}`;
    const [{ c: created, e: expires } = { c: '', e: '' }] = await at('ended');
    const times = [
      ['created_time', created],
      ['expiry_time', expires],
    ] as const;
    const both = times.flatMap(([name, time]) => [
      [{ [name]: time }, ['ended']],
      [{ [`${name}s`]: time }, ['ended']],
      [{ [`${name}_gt`]: time }, ['young', 'turkish']],
      [{ [`${name}_gte`]: time }, ['young', 'turkish', 'ended']],
      [{ [`${name}_lt`]: time }, ['week', 'old', 'ancient']],
      [{ [`${name}_lte`]: time }, ['ended', 'week', 'old', 'ancient']],
    ]) as [Record<string, string>, string[]][];
    const week = ['young', 'turkish', 'ended', 'week'];
    const durations = [
      [{ durations: '1800' }, week],
      [{ duration_gt: '1800' }, []],
      [{ session_duration: '1800' }, week],
      [{ session_duration__lte: '1799' }, []],
      [{ session_duration_gte: '1800' }, week],
    ] as [Record<string, string>, string[]][];
    for (const [query, names] of [...both, ...durations])
      expect([query, (await list(query)).names]).toEqual([query, names]);
  });

  it.each([
    ['to the minute', (time: string) => time.slice(0, 16)],
    ['to the second', (time: string) => time],
    ['to the microsecond, at its start', (time: string) => `${time}.000000`],
    ['in ISO form', (time: string) => time.replace(' ', 'T')],
  ])('reads a time %s', async (_how, write) => {
    const { objects } = await list({ second_party: P, limit: 1, offset: 2 });
    const time = String(objects[0]?.created_time).slice(0, 19);
    expect((await list({ created_time__gte: write(time) })).names).toEqual(['young', 'turkish', 'ended']);
  });

  it.each([
    ['first_party', '+12025550005', ['young']],
    ['first_party', '12025550005', ['young']],
    ['first_party', '001 (202) 555-0005', ['young']],
    ['first_party', '+12025559999', []],
    // Written as it was when the session was made.
    ['first_party', '0532 620 29 11', ['turkish']],
    ['first_party', '5326202911', ['turkish']],
    ['second_party', '+12025550000', ['young', 'turkish', 'ended', 'week']],
    ['status', 'expired', ['ended', 'week']],
    ['status', 'active', ['young', 'turkish']],
    ['status', 'all', ['young', 'turkish', 'ended', 'week']],
    ['status', '', ['young', 'turkish', 'ended', 'week']],
    ['subaccount', SUB.id, []],
    ['sub_account', SUB.id, []],
    ['unknown', 'x', ['young', 'turkish', 'ended', 'week']],
  ])('filters by %s = %s', async (name, value, names) => {
    expect((await list({ [name]: value })).names).toEqual(names);
  });

  it('reads a + that nobody encoded', async () => {
    expect((await list('first_party=+12025550005')).names).toEqual(['young']);
    // A Cuban, whose digits are a Turkish mobile's where the + is lost.
    expect((await list('first_party=+5326202911')).names).toEqual([]);
  });

  it('ignores a body and its content type', async () => {
    const authorization = `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
    const answer = await service.app.inject({
      method: 'GET',
      url: SESSIONS,
      headers: { authorization, 'content-type': 'application/json' },
      payload: '{"broken',
    });
    expect(answer.statusCode).toBe(200);
  });
});

describe('a page', () => {
  it('has 20 places unless told otherwise, and its meta beside the objects', async () => {
    const { body } = await api(service, 'GET', SESSIONS);
    expect(Object.keys(body)).toEqual(['api_id', 'response']);
    expect(Object.keys(body.response as never)).toEqual(['meta', 'objects']);
    const meta = { limit: 20, next: null, offset: 0, previous: null, total_count: 4 };
    expect((await list({})).meta).toEqual(meta);
    expect(Object.keys((await list({})).meta ?? {})).toEqual(Object.keys(meta));
  });

  it.each([SESSIONS, '/Masking/Session'])('of %s leads to its neighbours, with the filters', async (path) => {
    const query = { second_party: P, status: 'all' };
    const first = await list({ ...query, limit: 2 }, path);
    expect(first.meta).toMatchObject({ previous: null, total_count: 4 });
    const next = String(first.meta?.next);
    expect(next).toBe(`${SESSIONS}?second_party=%2B12025550000&status=all&limit=2&offset=2`);
    const second = await list(next.split('?')[1] ?? '');
    expect([...first.names, ...second.names]).toEqual(['young', 'turkish', 'ended', 'week']);
    expect(second.meta).toMatchObject({ next: null, previous: next.replace('offset=2', 'offset=0') });
    const middle = await list({ ...query, limit: 2, offset: 1 });
    expect(middle.meta?.previous).toContain('limit=2&offset=0');
    expect(middle.meta?.next).toContain('limit=2&offset=3');
  });

  it('behind the last one is empty and leads back', async () => {
    expect(await list({ offset: 100 })).toMatchObject({ names: [], meta: { next: null, total_count: 4 } });
    expect((await list({ offset: 100, limit: 20 })).meta?.previous).toContain('offset=80');
  });
});

describe('whose sessions are listed', () => {
  it("the account's and its subaccounts', and those of no other", async () => {
    const wish = { first_party: '+12025550011', second_party: '+12025550012', subaccount: SUB.id };
    ids.sub = (await makeSession(service, wish)).session_uuid;
    const subPath = SESSIONS.replace(MAIN.id, SUB.id);
    expect((await list({ limit: 1 })).names).toEqual(['sub']);
    expect((await list({ subaccount: SUB.id })).names).toEqual(['sub']);
    expect((await list({}, subPath, SUB)).names).toEqual(['sub']);
    expect((await list({}, subPath, SUB)).objects[0]?.resource_uri).toBe(`${subPath}${ids.sub}/`);
    expect((await list({}, subPath, MAIN)).names).toEqual(['sub']);
    expect((await list({}, '/Masking/Session', SUB)).names).toEqual(['sub']);
    expect((await list({}, SESSIONS.replace(MAIN.id, OTHER.id), OTHER)).meta).toMatchObject({ total_count: 0 });
  });
});

describe('every form of the address', () => {
  it.each([
    ['without a slash at the end', SESSIONS.slice(0, -1), (id: string) => `${SESSIONS}${id}`],
    ['with one', SESSIONS, (id: string) => `${SESSIONS}${id}/`],
    ['with two inside', SESSIONS.replace('Masking/', 'Masking//'), (id: string) => `${SESSIONS}/${id}`],
    ['without the account', '/Masking/Session', (id: string) => `/Masking/Session/${id}`],
    ['without the account, with slashes', '//Masking/Session//', (id: string) => `/Masking/Session//${id}/`],
    ['with the id in capitals', SESSIONS, (id: string) => `${SESSIONS}${id.toUpperCase()}/`],
  ])('%s serves create, get, list, update and delete', async (_form, all, one) => {
    const made = await api(service, 'POST', all, { first_party: '+12025550021', second_party: '+12025550022' });
    expect(made.status).toBe(201);
    const path = one(made.body.session_uuid as never);
    const got = await api(service, 'GET', path);
    expect(got.body).toMatchObject({ response: made.body.session });
    expect(Object.keys(got.body)).toEqual(['api_id', 'response']);
    expect((await list({ limit: 1 }, all)).objects).toMatchObject([{ session_uuid: made.body.session_uuid }]);
    expect((await api(service, 'POST', path, { record: true })).body).toMatchObject({ session: { record: true } });
    expect((await api(service, 'DELETE', path)).status).toBe(200);
  });

  it.each([
    ['GET', NOBODY, 404, 'The session was not found.'],
    ['POST', NOBODY, 404, 'The session was not found.'],
    ['DELETE', NOBODY, 404, 'The session was not found.'],
    ['GET', 'no-id', 404, 'The session was not found.'],
    [
      'DELETE',
      `${NOBODY}%00`,
      400,
      'Invalid parameter. session_uuid should be text without NUL and without half a surrogate pair.',
    ],
    ['GET', `${NOBODY}/more`, 404, 'The requested URL was not found.'],
    ['PUT', '', 405, 'The method is not allowed for this URL.'],
    ['PATCH', '', 405, 'The method is not allowed for this URL.'],
    ['DELETE', '', 405, 'The method is not allowed for this URL.'],
    ['PUT', NOBODY, 405, 'The method is not allowed for this URL.'],
    ['PATCH', NOBODY, 405, 'The method is not allowed for this URL.'],
  ])("%s of …/Session/%s answers %d in Plivo's form", async (method, id, status, error) => {
    for (const base of [SESSIONS, '/Masking/Session/']) {
      const answer = await api(service, method, `${base}${id}`);
      expect([answer.status, answer.body]).toEqual([
        status,
        { api_id: expect.stringMatching(/^[0-9a-f-]{36}$/), error },
      ]);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    }
  });
});
