import postgres from 'postgres';
import { foldTallies } from '../../src/service/totals.ts';
import { tallyCalls } from '../bench/totals-fill.ts';
import { connectedCall } from '../support/call-events.ts';
import { MAIN, makeSession, type TestService } from '../support/service.ts';

/**
 * An account as it may look in the middle of a day: sessions and calls over the last hours, one of them told in full.
 *
 * @returns the session with calls.
 */
export async function fillAccount(service: TestService): Promise<string> {
  const wish = { callback_url: 'http://127.0.0.1:9/events', record: true };
  await fillHours(service);
  const told = await makeSession(service, { ...wish, first_party: '+12025550100', second_party: '+12025550200' });
  for (let i = 1; i <= 24; i += 1) {
    const digits = String(i).padStart(2, '0');
    const isPin = i % 5 === 0;
    await makeSession(service, {
      first_party: `+120255503${digits}`,
      second_party: `+120255504${digits}`,
      ...(isPin && {
        is_pin_authentication_required: true,
        generate_pin: true,
        pin_prompt_play: 'https://app.example/pin.mp3',
      }),
    });
  }
  const virtualNumber = `+${told.session.virtual_number}`;
  for (const callId of ['call-one', 'call-two']) {
    for (const event of Object.values(connectedCall({ caller: '+12025550100', virtualNumber }))) {
      await event(service, callId);
    }
  }
  service.dispatcher.wake();
  return told.session_uuid;
}

/** Calls of the last week, busier by day than by night, with their sums. */
async function fillHours(service: TestService): Promise<void> {
  const sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
  await sql`
    insert into calls (id, provider_id, provider_call_id, account_id, virtual_number_id, session_id, outcome, reason, authenticated,
      pin_tries, version, started_at, decided_at, a_started_at, a_answered_at, a_ended_at, a_hangup_code, a_seconds,
      a_billed_seconds, a_cost, b_leg_id, b_answered_at, b_ended_at, b_seconds, b_billed_seconds, b_cost)
    select gen_random_uuid(), v.provider_id, 'past-' || n, ${MAIN.id}, v.id, case when x < 0.9 then gen_random_uuid() end,
      case when x < 0.9 then 'connected' else 'refused' end, case when x < 0.9 then 'known_caller' else 'unknown_caller' end,
      n % 6 = 0, case when n % 9 = 0 then array['right', 'wrong'] else '{}' end, 1, c.at, c.at, c.at, c.at,
      c.at + make_interval(secs => len + 10), 4000, len + 10, 60 * (1 + len / 60), 0.0055 * (1 + len / 60),
      case when x < 0.9 then 'past-b' || n end, case when x < 0.8 then c.at end, c.at + make_interval(secs => len + 5),
      case when x < 0.8 then len end, case when x < 0.8 then 60 * (1 + len / 60) end,
      case when x < 0.8 then 0.0085 * (1 + len / 60) end
    from (
      select n, now() - make_interval(hours => h) - make_interval(secs => (n * 37) % 3000) as at,
        ((n * 7919) % 100) / 100.0 as x, 20 + (n * 131) % 400 as len
      from generate_series(1, 168) h, lateral generate_series(h * 100, h * 100 + 12 + (10 * sin(h / 3.8))::int) n
    ) c cross join lateral (select id, provider_id from virtual_numbers where account_id = ${MAIN.id} order by id limit 1) v`;
  await tallyCalls(sql);
  await sql.end();
  await foldTallies(service.deps);
}
