import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readListed, sessionsIn } from '../../src/cli/plivo-sessions.ts';
import { bauta, withFile } from '../support/cli.ts';
import { api, MAIN, OTHER, SESSIONS, startService, type TestService } from '../support/service.ts';

const NOW = new Date('2026-02-01T12:00:00Z');

/** A session as Plivo lists it. */
function listed(overrides: object, endsAt = NOW) {
  return {
    ...{ amount: 0, call_time_limit: 7200, callback_method: 'POST', callback_url: 'https://app.example/events' },
    ...{ created_time: '2026-02-01 10:00:00 +0000 UTC', create_session_with_single_party: null, duration: 9000 },
    ...{ expiry_time: `${endsAt.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`, first_party: '12025550000' },
    ...{ first_party_play_url: '', initiate_call_to_first_party: true, interaction: null, last_interaction_time: '' },
    ...{ is_pin_authentication_required: false, generate_pin: null, first_party_pin: null, pin_prompt_play: null },
    ...{ record: true, record_file_format: 'wav', ring_timeout: 30, second_party: '12025551111', status: 'active' },
    ...{ session_uuid: '11111111-1111-4111-8111-111111111111', virtual_number: '14155550199' },
    ...{ total_call_count: 3, unknown_caller_play: '', virtual_number_cooloff_period: 60 },
    ...overrides,
  };
}

const pins = {
  ...{ is_pin_authentication_required: true, generate_pin: true, generate_pin_length: 4, first_party_pin: '481516' },
  ...{ second_party_pin: '234215', pin_prompt_play: 'https://app.example/pin.mp3', pin_retry: 2, pin_retry_wait: 5 },
};

describe('a listed session', () => {
  const wishOf = (overrides: object) => {
    const read = readListed(listed(overrides), new Date('2026-02-01T11:59:30.500Z'));
    return 'wish' in read ? read.wish : read;
  };

  it('is wished for as it is, for the time that it has left, and its first party is not called again', () => {
    expect(wishOf({})).toMatchObject({
      ...{ firstParty: '+12025550000', secondParty: '+12025551111', expirySeconds: 30, cooloffSeconds: 60 },
      callbackUrl: 'https://app.example/events',
      settings: {
        callTimeLimitSeconds: 7200,
        ringTimeoutSeconds: 30,
        record: true,
        recordFormat: 'wav',
        geomatch: true,
      },
    });
    expect(wishOf({})).toMatchObject({ settings: { initiateCallToFirstParty: false } });
    // No other PINs than those that people were told.
    expect(wishOf(pins)).toMatchObject({ firstPin: '481516', secondPin: '234215', pinRequired: true });
    expect(wishOf(pins)).not.toHaveProperty('settings.generatePin');
    expect(wishOf({ virtual_number: '902125550100' })).toMatchObject({ settings: { geomatch: false } });
    expect(wishOf({ second_party: '', create_session_with_single_party: true })).not.toHaveProperty('secondParty');
  });

  it('has ended by its status or its time, and times are read in all their forms', () => {
    expect(wishOf({ status: 'expired' })).toHaveProperty('hasEnded');
    expect(wishOf({ expiry_time: '2026-02-01 11:59:30.5 +0000 UTC' })).toHaveProperty('hasEnded');
    expect(wishOf({ expiry_time: '2026-02-01 11:59:31.59429 +0000 +0000' })).toMatchObject({ expirySeconds: 1 });
    expect(wishOf({ expiry_time: 'tomorrow' })).toHaveProperty('problem.field', 'expiry_time');
    expect(wishOf({ callback_url: 'https://app.example/\0' })).toHaveProperty('problem.field', 'callback_url');
  });

  it('is found in an answer, in its response alone and in a bare array', () => {
    const found = [{ api_id: '', response: { meta: {}, objects: [1] } }, { meta: {}, objects: [1] }, [1]].map(
      sessionsIn,
    );
    expect([...found, sessionsIn({ error: 'no' }), sessionsIn(7)]).toEqual([[1], [1], [1], null, null]);
  });
});

describe('the import', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  const inAnHour = new Date(Date.now() + 3_600_000);
  const ids = [1, 2, 3, 4, 5, 6, 7].map((n) => `${n}1111111-1111-4111-8111-111111111111`);
  const objects = [
    listed({ session_uuid: ids[0], virtual_number: '14155550103' }, inAnHour),
    listed({ ...pins, session_uuid: ids[1], first_party: '12025552222', virtual_number: '14155550101' }, inAnHour),
    listed({ session_uuid: ids[2] }, new Date(Date.now() - 1000)),
    listed({ session_uuid: ids[3], second_party: '4' }, inAnHour),
    listed({ ...pins, session_uuid: ids[4], second_party_pin: null }, inAnHour),
    listed({ session_uuid: 'none' }, inAnHour),
    listed({ session_uuid: ids[5], first_party: '12025553333', virtual_number: '14155550199' }, inAnHour),
    listed({ session_uuid: ids[6], first_party: '12025554444', virtual_number: '14155550103' }, inAnHour),
  ];
  const reasons = `${ids[3]}: Invalid parameter. second_party is not a valid phone number.
${ids[4]}: Mandatory parameter missing. second_party_pin must be present.
The one at place 6: Invalid parameter. session_uuid should be the id of a session.
`;
  const ofNumbers = `${ids[5]}: Invalid parameter. virtual_number +14155550199 should be an active number of the pool here.
${ids[6]}: Invalid parameter. virtual_number +14155550103 is taken here for a party or a PIN of this session.
`;
  const run = (account: string, ...more: string[]) =>
    withFile(JSON.stringify({ api_id: '', response: { meta: {}, objects } }), (file) =>
      bauta(service, 'import', file, '--account', account, ...more),
    );

  it('makes the live sessions under their ids, once, and says of the others why not', async () => {
    expect(await run(MAIN.id)).toEqual({
      code: 1,
      out: `Sessions: 2 new, 0 known, 1 ended, 5 refused.\n${reasons}${ofNumbers}`,
      err: '',
    });
    expect((await run(MAIN.id)).out).toBe(`Sessions: 0 new, 2 known, 1 ended, 5 refused.\n${reasons}${ofNumbers}`);
    const { body } = await api(service, 'GET', `${SESSIONS}${ids[1]}/`);
    expect(body.response).toMatchObject({
      ...{ first_party: '12025552222', second_party: '12025551111', first_party_pin: '481516', status: 'active' },
      ...{
        second_party_pin: '234215',
        callback_url: 'https://app.example/events',
        call_time_limit: 7200,
        pin_retry: 2,
      },
    });
    const { expiry_time: ends } = body.response as unknown as { expiry_time: string };
    expect(Math.abs(Date.parse(ends.replace(' +0000 UTC', 'Z')) - inAnHour.getTime())).toBeLessThan(2_000);
    const audit = await api(service, 'GET', `/v1/Account/${MAIN.id}/Masking/Audit/?actor=operator`);
    expect(audit.body.meta).toMatchObject({ total_count: 2 });
  });

  it('keeps the virtual number that people know, and gives another one only where that is asked for', async () => {
    const numberOf = async (id = '') => {
      const { body } = await api(service, 'GET', `${SESSIONS}${id}/`);
      return (body.response as { virtual_number?: string } | undefined)?.virtual_number ?? null;
    };
    expect([await numberOf(ids[0]), await numberOf(ids[1]), await numberOf(ids[5])]).toEqual([
      '14155550103',
      '14155550101',
      null,
    ]);
    const { code, out } = await run(MAIN.id, '--any-number');
    const [sixth, seventh] = [await numberOf(ids[5]), await numberOf(ids[6])];
    expect({ code, out }).toEqual({
      code: 1,
      out: `Sessions: 2 new, 2 known, 1 ended, 3 refused.
${ids[5]}: has another number, +${sixth}.
${ids[6]}: has another number, +${seventh}.
${reasons}`,
    });
    expect(seventh).not.toBe('14155550103');
  });

  it('takes no session of another account for its own', async () => {
    const { out } = await run(OTHER.id, '--json');
    expect(JSON.parse(out)).toMatchObject({ new: 0, known: 0, ended: 1 });
    expect(out).toContain('session_uuid is that of a session of another account.');
  });

  it('says what is wrong with a line or a file, without what is in it', async () => {
    const secret = await withFile('+12025550000 is no JSON', (file) =>
      bauta(service, 'import', file, '--account', MAIN.id),
    );
    expect([secret.code, secret.err.replace(/\S*\/file/, 'FILE')]).toEqual([1, 'FILE is not JSON.\n']);
    expect(await bauta(service, 'import', '--account', MAIN.id)).toMatchObject({ code: 2 });
    expect(await bauta(service, 'import', 'no-such-file')).toMatchObject({
      code: 1,
      err: 'no-such-file cannot be read (ENOENT).\n',
    });
    expect(await bauta(service, 'import', '--acount', MAIN.id)).toMatchObject({ code: 2 });
  });
});
