import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlivoClient, plivoSdk, rejection } from '../support/sdk.ts';
import { MAIN, PLIVO_KEY, SUB, startService, type TestService } from '../support/service.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} \+0000 UTC$/;
const PROMPT = 'https://app.example/prompt.mp3';

let service: TestService;
let sdk: ReturnType<typeof plivoSdk>;
let plivo: PlivoClient;

beforeAll(async () => {
  service = await startService();
  sdk = plivoSdk(service.url);
  plivo = sdk.client();
});
afterAll(() => service.close());

let made = 0;
/** Two parties who are in no session yet. */
const pair = () => [`+1202555${String(1000 + ++made)}`, `+1202556${1000 + made}`] as const;

describe('plivo.maskingSession', () => {
  it('creates a session and shows it as the SDK names it', async () => {
    const made = await plivo.maskingSession.createMaskingSession(...pair);
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
    expect(sdk.last()).toEqual({
      method: 'POST',
      path: `/v1/Account/${MAIN.id}/Masking/Session/`,
      query: {},
      body: { first_party: '+12025550000', second_party: '+12025551111' },
    });
  });

  it('takes every option of create, in the names that the SDK documents and spells its own way', async () => {
    const wish = {
      sessionExpiry: 600,
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
    const { sessionExpiry, ...shown } = wish;
    const made = await plivo.maskingSession.createMaskingSession(...pair, { ...wish });
    expect(made.session).toMatchObject({ ...shown, duration: sessionExpiry });
  });

  it.each([
    ['as documented', { geoMatch: false, subAccount: SUB.id }, { geo_match: false, sub_account: SUB.id }],
    ['as the API has them', { geomatch: false, subaccount: SUB.id }, { geomatch: false, subaccount: SUB.id }],
  ])('takes the country rule and the subaccount %s', async (_names, params, sent) => {
    const made = await plivo.maskingSession.createMaskingSession('+905326202911', '+905326202912', params);
    expect(sdk.last()?.body).toMatchObject(sent);
    // The subaccount's only number, which is of another country than the first party.
    expect(made.virtualNumber).toBe('+14155550901');
  });

  it.each([
    ['first', ['+12025550000', undefined], { firstParty: '12025550000', secondParty: '' }, 'secondParty'],
    ['second', [undefined, '+12025550000'], { firstParty: '', secondParty: '12025550000' }, 'firstParty'],
  ] as const)(
    'creates a session with its %s party alone and adds the other later',
    async (_side, parties, shown, other) => {
      const [first, second] = parties;
      const wish = { createSessionWithSingleParty: true };
      const made = await plivo.maskingSession.createMaskingSession(first, second, wish);
      expect(made.session).toMatchObject({ ...shown, createSessionWithSingleParty: true });
      const updated = await plivo.maskingSession.updateMaskingSession(made.sessionUuid, { [other]: '+12025559999' });
      expect(updated.session).toMatchObject({ ...shown, [other]: '12025559999' });
    },
  );

  it('hands out generated PINs of the wished length, and none without PIN authentication', async () => {
    const wish = { isPinAuthenticationRequired: true, generatePin: true, generatePinLength: 6, pinPromptPlay: PROMPT };
    const { session } = await plivo.maskingSession.createMaskingSession(...pair, wish);
    expect(session).toMatchObject({ generatePin: true, generatePinLength: 6, pinRetry: 1, pinRetryWait: 5 });
    expect(session.firstPartyPin).toMatch(/^\d{6}$/);
    expect(session.secondPartyPin).toMatch(/^\d{6}$/);
    expect(session.secondPartyPin).not.toBe(session.firstPartyPin);
  });

  it('gets, updates and deletes a session', async () => {
    const { sessionUuid, session } = await plivo.maskingSession.createMaskingSession(...pair);
    const got = await plivo.maskingSession.getMaskingSession(sessionUuid);
    expect(got.response).toEqual(session);

    const updated = await plivo.maskingSession.updateMaskingSession(sessionUuid, { sessionExpiry: 7200, record: true });
    expect(sdk.last()).toMatchObject({
      path: `/v1/Account/${MAIN.id}/Masking/Session/${sessionUuid}`,
      body: { session_expiry: 7200, record: true, session_uuid: sessionUuid },
    });
    expect(updated).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'Session updated' });
    expect(updated.session).toMatchObject({ sessionUuid, record: true, callTimeLimit: 14_400 });
    expect(updated.session.duration).toBeGreaterThanOrEqual(7200);

    const deleted = await plivo.maskingSession.deleteMaskingSession(sessionUuid);
    expect(sdk.last()).toMatchObject({ method: 'DELETE', body: {} });
    expect(deleted).toMatchObject({ apiId: expect.stringMatching(UUID), message: 'Session expired' });
    const kept = await plivo.maskingSession.getMaskingSession(sessionUuid);
    expect(kept.response).toMatchObject({ sessionUuid, status: 'expired' });
  });
});

describe('plivo.maskingSession.listMaskingSession', () => {
  const day = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
  const three = `${day(3)} 12:00`;
  const two = `${day(2)} 12:00`;
  const twoEnded = `${day(2)} 13:00`;
  const oneEnded = `${day(1)} 12:10`;

  /** `old` and `mid` have ended, `live` has not; they were made 3, 2 and 0 days ago. */
  async function threeSessions(): Promise<Record<string, string>> {
    const { sql } = service.deps.db;
    const names: Record<string, string> = {};
    const make = async (name: string, first: string, second: string) => {
      const { sessionUuid, virtualNumber } = await plivo.maskingSession.createMaskingSession(first, second);
      names[sessionUuid] = name;
      return { id: sessionUuid, virtualNumber };
    };
    const old = await make('old', '+12025550001', '+12025550002');
    const mid = await make('mid', '+905326202911', '+12025550002');
    await make('live', '+12025550001', '+12025550003');
    const past = (id: string, made: string, ended: string) =>
      sql`update sessions set created_at = ${`${made}:00Z`}, expires_at = ${`${ended}:00Z`} where id = ${id}`;
    await past(old.id, three, twoEnded);
    await past(mid.id, two, oneEnded);
    return { ...names, oldNumber: old.virtualNumber };
  }

  const times = (name: 'created' | 'expiry') =>
    [
      [{ [`${name}TimeEquals`]: name === 'created' ? three : twoEnded }, `${name}_times`, ['old']],
      [{ [`${name}TimeLessThan`]: name === 'created' ? two : oneEnded }, `${name}_time__lt`, ['old']],
      [{ [`${name}TimeLessOrEqual`]: name === 'created' ? two : oneEnded }, `${name}_time__lte`, ['mid', 'old']],
      [{ [`${name}TimeGreaterThan`]: name === 'created' ? three : twoEnded }, `${name}_time__gt`, ['live', 'mid']],
      [{ [`${name}TimeGreaterOrEqual`]: name === 'created' ? two : oneEnded }, `${name}_time__gte`, ['live', 'mid']],
      // What a user gets who writes the API's own name: the SDK takes one underscore away.
      [{ [`${name}_time__gt`]: name === 'created' ? three : twoEnded }, `${name}_time_gt`, ['live', 'mid']],
    ] as const;

  it.each([
    [{}, null, ['live', 'mid', 'old']],
    [{ firstParty: '+12025550001' }, 'first_party', ['live', 'old']],
    [{ firstParty: '905326202911' }, 'first_party', ['mid']],
    [{ secondParty: '12025550002' }, 'second_party', ['mid', 'old']],
    [{ status: 'active' }, 'status', ['live']],
    [{ status: 'expired' }, 'status', ['mid', 'old']],
    [{ status: 'all' }, 'status', ['live', 'mid', 'old']],
    [{ status: 'in-progress' }, 'status', []],
    ...times('created'),
    ...times('expiry'),
    [{ durationEquals: 1800 }, 'durations', ['live']],
    [{ durationLessThan: 87_000 }, 'duration__lt', ['live', 'mid']],
    [{ durationLessOrEqual: 87_000 }, 'duration__lte', ['live', 'mid']],
    [{ durationGreaterThan: 87_000 }, 'duration__gt', ['old']],
    [{ durationGreaterOrEqual: 87_000 }, 'duration__gte', ['old']],
    [{ limit: 1, offset: 1 }, 'offset', ['mid']],
    [{ subAccount: SUB.id }, 'sub_account', []],
  ] as const)('filters by %j', async (params, sentName, expected) => {
    const names = await threeSessions();
    const { response } = await plivo.maskingSession.listMaskingSession({ ...params });
    if (sentName !== null) expect(Object.keys(sdk.last()?.query ?? {})).toContain(sentName);
    expect(response.objects.map(({ sessionUuid }) => names[String(sessionUuid)])).toEqual(expected);
    if (!('limit' in params)) expect(response.meta).toMatchObject({ totalCount: expected.length, limit: 20 });
  });

  it('filters by virtual number, with and without +', async () => {
    const { oldNumber = '' } = await threeSessions();
    for (const virtualNumber of [oldNumber, oldNumber.slice(1)]) {
      const { response } = await plivo.maskingSession.listMaskingSession({ virtualNumber });
      const shown = new Set(response.objects.map((session) => session.virtualNumber));
      expect([...shown]).toEqual([oldNumber.slice(1)]);
    }
  });

  it('gives pages as the SDK reads them', async () => {
    await threeSessions();
    const { apiId, response } = await plivo.maskingSession.listMaskingSession({ limit: 2 });
    expect(apiId).toMatch(UUID);
    const next = `/v1/Account/${MAIN.id}/Masking/Session/?limit=2&offset=2`;
    expect(response.meta).toEqual({ limit: 2, offset: 0, totalCount: 3, previous: null, next });
    const [newest] = response.objects;
    expect(newest?.resourceUri).toBe(`/v1/Account/${MAIN.id}/Masking/Session/${newest?.sessionUuid}/`);
  });
});

describe('what the SDK rejects with', () => {
  const unknownId = '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d';
  const wrongToken = () => sdk.client({ ...MAIN, token: 'wrong' });

  it.each([
    [
      'a wrong field',
      () => plivo.maskingSession.createMaskingSession('+12', '+12025551111'),
      400,
      /first_party is not a/,
    ],
    [
      'a missing field',
      () => plivo.maskingSession.createMaskingSession('+12025550000', undefined),
      400,
      /second_party must/,
    ],
    [
      'an unknown session',
      () => plivo.maskingSession.getMaskingSession(unknownId),
      404,
      /^The session was not found\.$/,
    ],
    ['an update of none', () => plivo.maskingSession.updateMaskingSession(unknownId, {}), 404, /session was not found/],
    ['a delete of none', () => plivo.maskingSession.deleteMaskingSession(unknownId), 404, /session was not found/],
    ['a wrong token', () => wrongToken().maskingSession.listMaskingSession(), 401, /auth id and auth token/],
    [
      'a wrong filter',
      () => plivo.maskingSession.listMaskingSession({ limit: 21 }),
      400,
      /limit is outside the allowed range/,
    ],
  ] as const)('names %s, with status and request id', async (_what, call, status, message) => {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ status, message: expect.stringMatching(message) });
    expect(error.apiID).toMatch(UUID);
  });

  it('is a refusal for a session that has ended, whichever way it is changed', async () => {
    const { sessionUuid } = await plivo.maskingSession.createMaskingSession(...pair);
    await plivo.maskingSession.deleteMaskingSession(sessionUuid);
    const { maskingSession } = plivo;
    for (const call of [
      () => maskingSession.deleteMaskingSession(sessionUuid),
      () => maskingSession.updateMaskingSession(sessionUuid, { record: true }),
    ]) {
      expect(await rejection(call())).toMatchObject({ status: 400, message: 'Session already expired' });
    }
  });
});
