import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectedCall, reported } from '../support/call-events.ts';
import { plivoSdk } from '../support/sdk.ts';
import { api, MAIN, makeSession, OTHER, SESSIONS, SUB, startService, type TestService } from '../support/service.ts';

const PUBLIC = 'https://bauta.example/masking';
const CALLS = `/v1/Account/${MAIN.id}/Call/`;
const RECORDINGS = `/v1/Account/${MAIN.id}/Recording/`;
const [CALLER, CALLEE] = ['+12025550000', '+12025551111'];

let service: TestService;
let session: string;
let virtualNumber: string;
beforeAll(async () => {
  service = await startService({ config: { publicUrl: PUBLIC } });
  const wish = { first_party: CALLER, second_party: CALLEE, record: true, session_expiry: 86_400 };
  const made = await makeSession(service, wish);
  session = made.session_uuid;
  virtualNumber = made.virtual_number;
});
afterAll(() => service.close());

const WHY = () =>
  `+1…00 is the first party of session ${session}; connected to the second party; caller ID is the virtual number.`;

type Json = Readonly<Record<string, unknown>>;

const tell = async (callId: string, ...names: string[]) => {
  const events = connectedCall({ caller: CALLER, virtualNumber });
  for (const name of names) await events[name]?.(service, callId);
};
const got = async (): Promise<Json & { interaction: readonly Json[] | null }> =>
  (await api(service, 'GET', `${SESSIONS}${session}/`)).body.response as never;

describe('a session shows its calls', () => {
  it('as nothing before there was one', async () => {
    expect(await got()).toMatchObject({ status: 'active', interaction: null, last_interaction_time: '' });
  });

  it('and is in progress while one runs, in a list as well', async () => {
    await tell('call-1', 'answer', 'dialAnswer');
    const running = await got();
    expect(running).toMatchObject({ status: 'in-progress', total_call_count: 0, total_call_amount: 0 });
    expect(running.interaction).toMatchObject([
      { first_party_status: 'in-progress', second_party_status: 'in-progress' },
    ]);
    const listed = async (status: string) => {
      const { body } = await api(service, 'GET', `${SESSIONS}?status=${status}`);
      return (body as unknown as { response: { objects: Json[] } }).response.objects.map((one) => one.session_uuid);
    };
    expect(await listed('in-progress')).toEqual([session]);
    expect(await listed('active')).toEqual([]);
  });

  it('and when it is over as Plivo does: nought left out, sums in the session', async () => {
    await tell('call-1', 'recording', 'dialHangup', 'hangup');
    const over = await got();
    const base = `${PUBLIC}/v1/Account/${MAIN.id}`;
    expect(over).toMatchObject({
      status: 'active',
      total_call_count: 2,
      total_call_amount: 0.0228,
      total_session_amount: 0.0228,
      total_call_billed_duration: 120,
      last_interaction_time: '2026-03-01 10:00:09 +0000 UTC',
    });
    expect(over.interaction).toEqual([
      {
        start_time: '2026-03-01 10:00:00 +0000 UTC',
        end_time: '2026-03-01 10:00:09 +0000 UTC',
        first_party_resource_url: `${base}/Call/call-1`,
        second_party_resource_url: `${base}/Call/call-1-b`,
        recording_resource_url: `${base}/Recording/call-1-r`,
        first_party_status: 'completed',
        second_party_status: 'completed',
        type: 'call',
        total_call_amount: 0.0228,
        call_billed_duration: 120,
        total_call_count: 2,
        duration: 69,
      },
    ]);
  });

  it('and one that nobody answered without its second leg, its money and its seconds', async () => {
    const persons = { caller: CALLER, virtualNumber };
    await tell('call-2', 'answer');
    const end = new Date('2026-03-01T11:00:30Z');
    await reported(persons, { legB: { hangupCode: 3010 } })(service, 'call-2');
    await reported(persons, { legA: { endedAt: end, hangupCode: 4000, seconds: 0 } })(service, 'call-2');
    const [, second] = (await got()).interaction ?? [];
    expect(second).toEqual({
      start_time: expect.any(String),
      end_time: '2026-03-01 11:00:30 +0000 UTC',
      first_party_resource_url: `${PUBLIC}/v1/Account/${MAIN.id}/Call/call-2`,
      first_party_status: 'completed',
      second_party_status: 'busy',
      type: 'call',
      total_call_count: 1,
      duration: 0,
    });
  });
});

describe('every address in an interaction', () => {
  it('resolves, for the legs with what each was', async () => {
    const [interaction] = (await got()).interaction ?? [];
    const addresses = Object.entries(interaction ?? {}).filter(([name]) => name.endsWith('_url'));
    expect(addresses).toHaveLength(3);
    for (const [, address] of addresses) {
      expect((await api(service, 'GET', String(address).replace(PUBLIC, ''))).status).toBe(200);
    }
    const { body: first } = await api(service, 'GET', `${CALLS}call-1`);
    expect(first).toEqual({
      ...{ api_id: expect.any(String), call_uuid: 'call-1', parent_call_uuid: null, call_direction: 'inbound' },
      ...{ answer_time: '2026-03-01 10:00:01+00:00', initiation_time: '2026-03-01 10:00:00+00:00' },
      ...{ end_time: '2026-03-01 10:00:09+00:00', from_number: CALLER, to_number: virtualNumber, call_state: 'ended' },
      ...{ bill_duration: 38, billed_duration: 60, call_duration: 38, total_amount: '0.00500', total_rate: '0.00500' },
      ...{ hangup_cause_code: 4000, hangup_cause_name: 'Normal Hangup', hangup_source: 'Callee', currency: 'USD' },
      ...{ outcome: 'connected', session_uuid: session, closed_by_sweep: false, resource_uri: `${CALLS}call-1/` },
      ...{ reason: 'known_caller', explanation: WHY() },
    });
    const { body: second } = await api(service, 'GET', `${CALLS}call-1-b/`);
    expect(second).toMatchObject({
      ...{ call_uuid: 'call-1-b', parent_call_uuid: 'call-1', call_direction: 'outbound', call_duration: 31 },
      ...{ from_number: virtualNumber, to_number: CALLEE, total_amount: '0.01780', total_rate: '0.01780' },
      explanation: WHY(),
    });
    const { body: recording } = await api(service, 'GET', `${RECORDINGS}call-1-r/`);
    expect(recording).toMatchObject({
      ...{ recording_id: 'call-1-r', call_uuid: 'call-1', recording_url: 'https://media.example/r.mp3' },
      ...{ recording_format: 'mp3', recording_duration_ms: '31000.00000', rounded_recording_duration: 60 },
    });
  });

  it.each([
    ['nobody', null, 401],
    ['another account', OTHER, 404],
    ['a subaccount that has no part in it', SUB, 404],
  ])('shows %s nothing', async (_who, as, status) => {
    const own = as === null || as === OTHER ? MAIN.id : SUB.id;
    for (const path of ['Call/call-1/', 'Recording/call-1-r/']) {
      expect((await api(service, 'GET', `/v1/Account/${own}/${path}`, undefined, as)).status).toBe(status);
    }
    if (as === null) return;
    const { body } = await api(service, 'GET', `/v1/Account/${as.id}/Call/`, undefined, as);
    expect(body).toMatchObject({ objects: [], meta: { total_count: 0 } });
    const cost = await api(service, 'POST', `/v1/Account/${as.id}/Call/call-1/Cost/`, { total_amount: '9' }, as);
    expect(cost.status).toBe(404);
  });

  it('has Plivo’s own words for who ended a leg', async () => {
    const end = { endedAt: new Date('2026-03-01T12:00:00Z'), hangupSource: 'Provider' } as const;
    await reported({ caller: '+12025558888', virtualNumber }, { legA: end })(service, 'by-provider');
    const { body } = await api(service, 'GET', `${CALLS}by-provider/`);
    expect(body).toMatchObject({ hangup_source: 'Plivo' });
    await service.deps.db.sql`delete from calls where provider_call_id = 'by-provider'`;
  });

  it('answers as missing for what is not there', async () => {
    expect(await api(service, 'GET', `${CALLS}nope/`)).toMatchObject({
      status: 404,
      body: { error: 'The call was not found.' },
    });
    expect(await api(service, 'GET', `${RECORDINGS}nope/`)).toMatchObject({ status: 404 });
  });
});

describe('the list of calls', () => {
  const ids = async (query: string) => {
    const { body } = await api(service, 'GET', `${CALLS}?${query}`);
    return (body as unknown as { objects: Json[] }).objects.map((one) => one.call_uuid);
  };

  it('has an entry for each leg, the newest call first, page by page', async () => {
    expect(await ids('')).toEqual(['call-2', 'call-1', 'call-1-b']);
    const { body } = await api(service, 'GET', `${CALLS}?limit=2&offset=1`);
    expect(body).toMatchObject({ meta: { total_count: 3, limit: 2, offset: 1 } });
    expect(await ids('limit=2&offset=1')).toEqual(['call-1', 'call-1-b']);
  });

  it('filters by session, direction, outcome, phone, id and time', async () => {
    await reported({ caller: '+12025559999', virtualNumber }, { legA: { endedAt: 'heard' } })(service, 'lost');
    expect(await ids('outcome=orphan')).toEqual(['lost']);
    const { body } = await api(service, 'GET', `${CALLS}?outcome=orphan`);
    expect(body).toMatchObject({
      objects: [{ reason: 'never_asked', explanation: expect.stringContaining('reported') }],
    });
    expect(await ids(`session_uuid=${session}`)).toEqual(['call-2', 'call-1', 'call-1-b']);
    expect(await ids('number=%2B12025559999')).toEqual(['lost']);
    expect(await ids('call_uuid=call-1-b')).toEqual(['call-1-b']);
    expect(await ids('from_number=12025550000&limit=1&offset=1')).toEqual(['call-1']);
    expect(await ids('to_number=12025551111')).toEqual(['call-1-b']);
    expect(await ids(`from_number=${virtualNumber.slice(1)}`)).toEqual(['call-1-b']);
    expect(await ids(`from_number=12025550000&to_number=${virtualNumber.slice(1)}`)).toEqual(['call-2', 'call-1']);
    expect(await ids('from_number=12025551111')).toEqual([]);
    expect(await ids('call_direction=outbound')).toEqual([]);
    expect(await ids('initiation_time__gte=2999-01-01 00:00')).toEqual([]);
  });

  it.each([
    ['session_uuid=1', 'session_uuid'],
    ['outcome=lost', 'outcome'],
    ['number=x', 'number'],
    ['from_number=x', 'from_number'],
    ['to_number=x', 'to_number'],
    ['limit=21', 'limit'],
    ['initiation_time__gte=yesterday', 'initiation_time__gte'],
  ])('refuses %s by its name', async (wrong, field) => {
    const { status, body } = await api(service, 'GET', `${CALLS}?${wrong}`);
    expect([status, body.error]).toEqual([400, expect.stringContaining(field)]);
  });
});

describe('Plivo’s SDK', () => {
  it('reads legs, their list and recordings as it reads Plivo’s', async () => {
    const client = plivoSdk(service.url).client();
    expect(await client.calls.get('call-1-b')).toMatchObject({
      callUuid: 'call-1-b',
      toNumber: CALLEE,
      billedDuration: 60,
    });
    const listed = await client.calls.list({ toNumber: '12025551111' });
    expect(listed.map(({ callUuid }) => callUuid)).toEqual(['call-1-b']);
    expect(await client.recordings.get('call-1-r')).toMatchObject({ recordingId: 'call-1-r', recordingFormat: 'mp3' });
  });
});

describe('a cost that comes later', () => {
  it('moves the leg and the session exactly', async () => {
    const { status, body } = await api(service, 'POST', `${CALLS}call-1-b/Cost/`, {
      total_amount: '0.0000001',
      billed_duration: 30,
    });
    expect([status, body]).toEqual([202, expect.objectContaining({ total_amount: '0.0000001', billed_duration: 30 })]);
    expect(await got()).toMatchObject({ total_call_amount: 0.0050001, total_call_billed_duration: 90 });
  });

  it.each([
    [{}, 'total_amount'],
    [{ total_amount: '1e3' }, 'total_amount'],
    [{ total_amount: -1 }, 'total_amount'],
    [{ total_amount: '0.1', currency: 'EUR' }, 'currency'],
    [{ billed_duration: 0.5 }, 'billed_duration'],
  ])('is refused as %j, by its name, and moves nothing', async (wrong, field) => {
    const { status, body } = await api(service, 'POST', `${CALLS}call-1/Cost/`, wrong);
    expect([status, body.error]).toEqual([400, expect.stringContaining(field)]);
    expect(await got()).toMatchObject({ total_call_amount: 0.0050001, total_call_billed_duration: 90 });
  });
});
