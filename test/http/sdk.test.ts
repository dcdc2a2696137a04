import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlivoClient, plivoSdk, rejection } from '../support/sdk.ts';
import { MAIN, PLIVO_KEY, SUB, startService, type TestService } from '../support/service.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} \+0000 UTC$/;
const PROMPT = 'https://app.example/prompt.mp3';
const A = '+12025550000';
const B = '+12025551111';

let service: TestService;
let sdk: ReturnType<typeof plivoSdk>;
let plivo: PlivoClient;

beforeAll(async () => {
  service = await startService();
  sdk = plivoSdk(service.url);
  plivo = sdk.client();
});
afterAll(() => service.close());

const clear = () => service.deps.db.sql`truncate sessions, leases, pins, callbacks`;

describe('plivo.maskingSession', () => {
  beforeAll(clear);

  it('creates a session and shows it as the SDK names it', async () => {
    const made = await plivo.maskingSession.createMaskingSession(A, B);
    expect(made.constructor.name).toBe('CreateMaskingSessionResponse');
    expect(made).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'Session created' });
    expect(made.virtualNumber).toMatch(/^\+1415555\d{4}$/);
    expect(made.session).toMatchObject({
      sessionUuid: made.sessionUuid,
      firstParty: '12025550000',
      secondParty: '12025551111',
      virtualNumber: made.virtualNumber.slice(1),
      status: 'active',
      createdTime: expect.stringMatching(TIME),
      duration: 1800,
      interaction: null,
      firstPartyPin: null,
    });
    const path = `/v1/Account/${MAIN.id}/Masking/Session/`;
    expect(sdk.last()).toEqual({ method: 'POST', path, query: {}, body: { first_party: A, second_party: B } });
  });

  it('takes every option of create in the names of the SDK', async () => {
    const options = {
      callTimeLimit: 700,
      ringTimeout: 30,
      record: true,
      recordFileFormat: 'wav',
      recordingCallbackUrl: 'https://app.example/recordings',
      recordingCallbackMethod: 'GET',
      initiateCallToFirstParty: true,
      callbackUrl: 'https://app.example/events',
      callbackMethod: 'GET',
      firstPartyPlayUrl: 'https://app.example/first.mp3',
      secondPartyPlayUrl: 'https://app.example/second.mp3',
      isPinAuthenticationRequired: true,
      generatePin: false,
      generatePinLength: 5,
      firstPartyPin: '0123',
      secondPartyPin: '98765',
      pinPromptPlay: PROMPT,
      pinRetry: 2,
      pinRetryWait: 7,
      incorrectPinPlay: 'https://app.example/wrong.mp3',
      unknownCallerPlay: 'https://app.example/unknown.mp3',
      virtualNumberCooloffPeriod: 60,
      forcePinAuthentication: true,
      createSessionWithSingleParty: false,
    };
    const made = await plivo.maskingSession.createMaskingSession(A, B, { ...options, sessionExpiry: 600 });
    expect(made.session).toMatchObject({ ...options, duration: 600 });
  });

  it.each([
    ['as its documentation has them', { geoMatch: false, subAccount: SUB.id }, ['geo_match', 'sub_account']],
    ['as the API has them', { geomatch: false, subaccount: SUB.id }, ['geomatch', 'subaccount']],
  ])('takes the country rule and the subaccount %s', async (_names, options, sent) => {
    await clear();
    const made = await plivo.maskingSession.createMaskingSession('+905326202911', '+905326202912', options);
    expect(Object.keys(sdk.last()?.body as object)).toEqual(expect.arrayContaining(sent));
    // The subaccount's only number, which is of another country than the first party.
    expect(made.virtualNumber).toBe('+14155550901');
  });

  it.each([
    ['first', [A, undefined], { firstParty: '12025550000', secondParty: '' }, 'secondParty'],
    ['second', [undefined, A], { firstParty: '', secondParty: '12025550000' }, 'firstParty'],
  ] as const)('makes a session with its %s party alone and adds the other', async (_side, parties, shown, other) => {
    const [first, second] = parties;
    const made = await plivo.maskingSession.createMaskingSession(first, second, { createSessionWithSingleParty: true });
    expect(made.session).toMatchObject({ ...shown, createSessionWithSingleParty: true });
    const updated = await plivo.maskingSession.updateMaskingSession(made.sessionUuid, { [other]: '+12025559999' });
    expect(updated.session).toMatchObject({ ...shown, [other]: '12025559999' });
  });

  it('hands out generated PINs of the wished length', async () => {
    const options = { isPinAuthenticationRequired: true, generatePin: true, pinPromptPlay: PROMPT };
    const { session } = await plivo.maskingSession.createMaskingSession(A, B, { ...options, generatePinLength: 6 });
    expect(session).toMatchObject({ generatePin: true, generatePinLength: 6, pinRetry: 1, pinRetryWait: 5 });
    expect(session.firstPartyPin).toMatch(/^\d{6}$/);
    expect(session.secondPartyPin).toMatch(/^\d{6}$/);
    expect(session.secondPartyPin).not.toBe(session.firstPartyPin);
  });

  it('gets, updates and deletes a session', async () => {
    const { sessionUuid, session } = await plivo.maskingSession.createMaskingSession(A, B);
    const got = await plivo.maskingSession.getMaskingSession(sessionUuid);
    expect(got.response).toEqual(session);

    const updated = await plivo.maskingSession.updateMaskingSession(sessionUuid, { sessionExpiry: 7200, record: true });
    const path = `/v1/Account/${MAIN.id}/Masking/Session/${sessionUuid}`;
    expect(sdk.last()).toMatchObject({ path, body: { session_expiry: 7200, session_uuid: sessionUuid } });
    expect(updated).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'Session updated' });
    expect(updated.session).toMatchObject({ sessionUuid, record: true, callTimeLimit: 14_400 });
    expect(updated.session.duration).toBeGreaterThanOrEqual(7200);

    const deleted = await plivo.maskingSession.deleteMaskingSession(sessionUuid);
    expect(sdk.last()).toMatchObject({ method: 'DELETE', path, body: {} });
    expect(deleted).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'Session expired' });
    const kept = await plivo.maskingSession.getMaskingSession(sessionUuid);
    expect(kept.response).toMatchObject({ sessionUuid, status: 'expired' });
  });
});

describe('plivo.maskingSession.listMaskingSession', () => {
  const noon = (daysAgo: number) => `${new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)} 12:00`;
  // `old` and `mid` have ended, `live` has not; they were made 3, 2 and 0 days ago.
  const names: Record<string, string> = {};
  let oldNumber = '';

  beforeAll(async () => {
    await clear();
    const make = async (name: string, first: string, second: string, madeAt?: string, endedAt?: string) => {
      const { sessionUuid, virtualNumber } = await plivo.maskingSession.createMaskingSession(first, second);
      names[sessionUuid] = name;
      if (madeAt === undefined || endedAt === undefined) return virtualNumber;
      await service.deps.db.sql`update sessions set created_at = ${`${madeAt}Z`}, expires_at = ${`${endedAt}Z`}
        where id = ${sessionUuid}`;
      return virtualNumber;
    };
    oldNumber = await make('old', '+12025550001', '+12025550002', noon(3), noon(2));
    await make('mid', '+905326202911', '+12025550002', noon(2), noon(1));
    await make('live', '+12025550001', '+12025550003');
  });

  it.each([
    [{}, null, ['live', 'mid', 'old']],
    [{ firstParty: '+12025550001' }, 'first_party', ['live', 'old']],
    [{ firstParty: '905326202911' }, 'first_party', ['mid']],
    [{ secondParty: '12025550002' }, 'second_party', ['mid', 'old']],
    [{ status: 'active' }, 'status', ['live']],
    [{ status: 'expired' }, 'status', ['mid', 'old']],
    [{ status: 'all' }, 'status', ['live', 'mid', 'old']],
    [{ status: 'in-progress' }, 'status', []],
    [{ createdTimeEquals: noon(3) }, 'created_times', ['old']],
    [{ createdTimeLessThan: noon(2) }, 'created_time__lt', ['old']],
    [{ createdTimeLessOrEqual: noon(2) }, 'created_time__lte', ['mid', 'old']],
    [{ createdTimeGreaterThan: noon(3) }, 'created_time__gt', ['live', 'mid']],
    [{ createdTimeGreaterOrEqual: noon(2) }, 'created_time__gte', ['live', 'mid']],
    // A user who writes the API's own name gets it with one underscore less.
    [{ created_time__gt: noon(3) }, 'created_time_gt', ['live', 'mid']],
    [{ expiryTimeEquals: noon(2) }, 'expiry_times', ['old']],
    [{ expiryTimeLessThan: noon(1) }, 'expiry_time__lt', ['old']],
    [{ expiryTimeLessOrEqual: noon(1) }, 'expiry_time__lte', ['mid', 'old']],
    [{ expiryTimeGreaterThan: noon(2) }, 'expiry_time__gt', ['live', 'mid']],
    [{ expiryTimeGreaterOrEqual: noon(1) }, 'expiry_time__gte', ['live', 'mid']],
    [{ expiry_time__lte: noon(2) }, 'expiry_time_lte', ['old']],
    [{ durationEquals: 1800 }, 'durations', ['live']],
    [{ durationLessThan: 86_400 }, 'duration__lt', ['live']],
    [{ durationLessOrEqual: 86_400 }, 'duration__lte', ['live', 'mid', 'old']],
    [{ durationGreaterThan: 1800 }, 'duration__gt', ['mid', 'old']],
    [{ durationGreaterOrEqual: 1800 }, 'duration__gte', ['live', 'mid', 'old']],
    [{ subAccount: SUB.id }, 'sub_account', []],
    [{ subaccount: SUB.id }, 'subaccount', []],
  ] as const)('filters by %j', async (params, sentName, expected) => {
    const { response } = await plivo.maskingSession.listMaskingSession({ ...params });
    if (sentName !== null) expect(Object.keys(sdk.last()?.query ?? {})).toEqual([sentName]);
    expect(response.objects.map(({ sessionUuid }) => names[String(sessionUuid)])).toEqual(expected);
    expect(response.meta).toMatchObject({ totalCount: expected.length, limit: 20 });
  });

  it('filters by virtual number, with and without +', async () => {
    for (const virtualNumber of [oldNumber, oldNumber.slice(1)]) {
      const { response } = await plivo.maskingSession.listMaskingSession({ virtualNumber });
      expect([...new Set(response.objects.map((session) => session.virtualNumber))]).toEqual([oldNumber.slice(1)]);
    }
  });

  it('gives pages as the SDK reads them', async () => {
    const all = `/v1/Account/${MAIN.id}/Masking/Session/`;
    const first = await plivo.maskingSession.listMaskingSession({ limit: 2 });
    expect(first.constructor.name).toBe('ListMaskingSessionResponse');
    const next = `${all}?limit=2&offset=2`;
    expect(first.response.meta).toEqual({ limit: 2, offset: 0, totalCount: 3, previous: null, next });
    const second = await plivo.maskingSession.listMaskingSession({ limit: 2, offset: 2 });
    expect(second.response.meta).toMatchObject({ next: null, previous: `${all}?limit=2&offset=0` });
    const [last] = second.response.objects;
    expect(last).toMatchObject({ resourceUri: `${all}${last?.sessionUuid}/`, pinRetryWait: null });
  });
});

describe('plivo.numbers', () => {
  const viaOption = () => sdk.client(MAIN, { url: `${service.url}/v1/Account/${MAIN.id}` });

  it.each([
    ['through the adapter', () => plivo],
    ['through its url option', viaOption],
  ])('lists, gets, changes, adds and removes numbers %s', async (_how, client) => {
    const { numbers } = client();
    const page = await numbers.list({ numberStartswith: '1415', limit: 3 });
    expect(page.meta).toMatchObject({ limit: 3, totalCount: 6, previous: null });
    expect(page.map(({ number }) => number)).toEqual(['14155550100', '14155550101', '14155550102']);
    expect((await numbers.list({ subAccount: SUB.id })).map(({ number }) => number)).toEqual(['14155550901']);

    expect(await numbers.addOwnNumber('14155550777', 'any', 'any', { provider: PLIVO_KEY })).toMatchObject({
      message: 'created',
      numbers: [{ number: '14155550777', status: 'Success' }],
    });
    const change = await numbers.update('14155550777', { alias: 'front desk', subAccount: SUB.id });
    expect(change).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'changed' });
    const subAccount = `/v1/Account/${SUB.id}/`;
    expect(await numbers.get('14155550777')).toMatchObject({ id: '14155550777', alias: 'front desk', subAccount });
    expect(await numbers.unrent('14155550777')).toBe(true);
    expect(await rejection(numbers.get('14155550777'))).toMatchObject({ status: 404 });
  });
});

describe('what the SDK rejects with', () => {
  const nobody = '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';
  const session = () => plivo.maskingSession;
  const stranger = () => sdk.client({ ...MAIN, token: 'wrong' }).maskingSession;

  it.each([
    ['a wrong field', () => session().createMaskingSession('+12', B), 400, /first_party is not a valid phone/],
    ['a missing field', () => session().createMaskingSession(A, undefined), 400, /second_party must be present/],
    ['a wrong filter', () => session().listMaskingSession({ limit: 21 }), 400, /limit is outside the allowed range/],
    ['a get of no session', () => session().getMaskingSession(nobody), 404, /^The session was not found\.$/],
    ['an update of none', () => session().updateMaskingSession(nobody, {}), 404, /session was not found/],
    ['a delete of none', () => session().deleteMaskingSession(nobody), 404, /session was not found/],
    ['a wrong token', () => stranger().listMaskingSession(), 401, /auth id and auth token/],
  ] as const)('names %s, with status and request id', async (_what, call, status, message) => {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ status, message: expect.stringMatching(message) });
    expect(error.apiID).toMatch(UUID);
  });

  it('is a refusal for a session that has ended and for a number that is held', async () => {
    const { sessionUuid, virtualNumber } = await session().createMaskingSession(A, B);
    const held = await rejection(plivo.numbers.unrent(virtualNumber.slice(1)));
    expect(held).toMatchObject({ status: 409, message: expect.stringMatching(/held by a session/) });
    await session().deleteMaskingSession(sessionUuid);
    const expired = { status: 400, message: 'Session already expired' };
    expect(await rejection(session().deleteMaskingSession(sessionUuid))).toMatchObject(expired);
    expect(await rejection(session().updateMaskingSession(sessionUuid, { record: true }))).toMatchObject(expired);
  });
});
