import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { calleeSeal, callerSeal } from '../../src/store/calls.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { MAIN, SUB, startService, type TestService } from '../support/service.ts';

const CALLER = '+12025550001' as Phone;
const CALLEE = '+12025550002' as Phone;

let service: TestService;
let outbox: Outbox;
let app: Receiver;
let calls = 0;

beforeAll(async () => {
  service = await startService();
  outbox = openOutbox(service);
  app = await receiver((_request, response) => response.writeHead(500).end());
});
afterAll(async () => {
  await app.close();
  await outbox.close();
  await service.close();
});

/** A call that is over, by the second party, with a recording; and a callback of it. */
async function book(event: string, more: { subaccountId?: string; recorded?: boolean } = {}): Promise<string> {
  const [row] = await outbox.sql<{ id: string }[]>`select gen_random_uuid() as id`;
  const id = row?.id ?? '';
  const { vault } = service.deps;
  await outbox.sql`
    with n as (select * from virtual_numbers where account_id = ${MAIN.id} order by id limit 1),
    call as (
      insert into calls (id, provider_id, provider_call_id, account_id, virtual_number_id, caller_cipher, callee_cipher,
        session_id, caller_side, outcome, reason, authenticated, pin_tries, version, a_ended_at, a_seconds,
        a_billed_seconds, a_cost, a_hangup_code, b_leg_id, b_seconds, b_billed_seconds, b_cost, b_hangup_code)
      select ${id}, n.provider_id, ${`call-${calls++}`}, ${MAIN.id}, n.id, ${vault.seal(CALLER, callerSeal(id))},
        ${vault.seal(CALLEE, calleeSeal(id))}, gen_random_uuid(), 'second', 'connected', 'known_caller', false,
        '{}'::text[], 1, now(), 48, 60, 0.01000, 4000, 'leg-b', 31, 40, 0.00500, 3010
      from n returning *
    ),
    recording as (
      insert into recordings (provider_id, recording_id, provider_call_id, account_id, url, format, duration_ms,
        started_at, ended_at, is_complete)
      select provider_id, 'recording-1-' || id, provider_call_id, account_id, 'https://media.example/1.wav', 'wav', 30600,
        '2026-01-31 13:00:00.5Z', '2026-01-31 13:00:31Z', true
      from call where ${more.recorded ?? false} returning *
    )
    insert into callbacks (event_key, account_id, subaccount_id, session_id, virtual_number_id, call_id, recording_id, event,
      sequence, url, method)
    select gen_random_uuid()::text, account_id, ${more.subaccountId ?? null}, session_id, virtual_number_id, id,
      (select id from recording), ${event}, 1, ${`${app.url}/${id}`}, 'POST'
    from call`;
  return id;
}

/** What the callback of the call says in its next attempt. */
async function told(callId: string): Promise<Record<string, string>> {
  const all = () => app.requests().filter(({ url }) => url === `/${callId}`);
  const seen = all().length;
  await outbox.sql`update callbacks set next_attempt_at = now() where call_id = ${callId}`;
  service.dispatcher.wake();
  const isSettled = async () =>
    (await outbox.sql`select from callback_attempts a join callbacks c on c.id = callback_id where call_id = ${callId}`)
      .length > seen;
  await vi.waitUntil(isSettled, 10_000);
  return Object.fromEntries(new URLSearchParams(all()[seen]?.body));
}

test('a hangup says what was known when it was first sent, to the last decimal; a correction changes nothing of it', async () => {
  const id = await book('SessionFirstPartyHangup');
  const first = await told(id);
  expect(first).toMatchObject({
    ...{ EventName: 'SessionFirstPartyHangup', From: '12025550001', To: '12025550002' },
    ...{ Duration: '31', BilledDuration: '40', Amount: '0.00500' },
    ...{ PlivoHangupCause: 'Busy Line', PlivoHangupCauseCode: '3010' },
  });
  await outbox.sql`update calls set b_corrected_cost = 7, b_corrected_billed_seconds = 700, b_hangup_code = 4000 where id = ${id}`;
  expect(await told(id)).toEqual(first);
});

test('a correction that was there before wins, and the end of all has both legs’ exact sums', async () => {
  const id = await book('SessionPartiesHangup');
  await outbox.sql`update calls set b_corrected_cost = 0.10001, b_corrected_billed_seconds = 70 where id = ${id}`;
  expect(await told(id)).toMatchObject({
    ...{ Duration: '31', BilledDuration: '130', Amount: '0.11001' },
    ...{ PlivoHangupCause: 'Normal Hangup', PlivoHangupCauseCode: '4000' },
  });
});

test('figures that nobody reported are left out, not said to be 0', async () => {
  const id = await book('SessionSecondPartyHangup');
  await outbox.sql`update calls set a_cost = null, a_billed_seconds = null, a_seconds = null where id = ${id}`;
  const said = await told(id);
  expect(said).toMatchObject({ From: '12025550001' });
  for (const name of ['Amount', 'BilledDuration', 'Duration']) expect(said).not.toHaveProperty(name);
});

test('a recording is told with its address in our API, under the account whose session it is', async () => {
  const id = await book('SessionRecordingCompleted', { subaccountId: SUB.id, recorded: true });
  const first = await told(id);
  expect(first).toMatchObject({
    RecordingUUID: `recording-1-${id}`,
    RecordingURL: 'https://media.example/1.wav',
    RecordingResourceURL: `${service.url}/v1/Account/${SUB.id}/Recording/recording-1-${id}/`,
    RecordingFormat: '.wav',
    RecordingDuration: '31',
    RecordingStartTime: '2026-01-31 13:00:00',
    RecordingEndTime: '2026-01-31 13:00:31',
  });
  await outbox.sql`update recordings set url = 'https://elsewhere.example/', duration_ms = 99999`;
  expect(await told(id)).toEqual(first);
});

test('phones are opened when they are sent: erased, they are in no attempt; found out later, in none either', async () => {
  const erased = await book('SessionFirstPartyAnswer');
  expect(await told(erased)).toMatchObject({ From: '12025550001', To: '12025550002' });
  await outbox.sql`update calls set caller_cipher = null, callee_cipher = null where id = ${erased}`;
  const { From, To } = await told(erased);
  expect([From, To]).toEqual([undefined, undefined]);
  const [row] = await outbox.sql`select details::text from callbacks where call_id = ${erased}`;
  expect(row?.details).not.toMatch(/202555/);

  const late = await book('SessionFirstPartyAnswer');
  const [cipher] = await outbox.sql`select caller_cipher as caller from calls where id = ${late}`;
  await outbox.sql`update calls set caller_cipher = null where id = ${late}`;
  const first = await told(late);
  expect(first).not.toHaveProperty('From');
  await outbox.sql`update calls set caller_cipher = ${cipher?.caller} where id = ${late}`;
  expect(await told(late)).toEqual(first);
});
