import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type postgres from 'postgres';
import type { Happened, TalliedCall, TalliedSession, TallyPlace } from './tallied.ts';

export const HOUR = 3_600_000;

/** What may have happened in the hours after `start` on `numbers` numbers, some of it for a subaccount. */
export function happenings(start: Date, hours: number, numbers: number, subaccount: string): fc.Arbitrary<Happened> {
  const hour = () => fc.nat(hours - 1).map((h) => new Date(start.getTime() + h * HOUR));
  const place = { subaccount: fc.constantFrom('', '', subaccount), number: fc.nat(numbers - 1) };
  const call = fc.record<TalliedCall>({
    ...place,
    hour: hour(),
    status: fc.constantFrom('in-progress', 'connected', 'connected', 'missed', 'refused', 'abandoned'),
    hangupCode: fc.constantFrom(null, 0, 3010, 4000),
    refusal: fc.constantFrom('no_session', 'wrong_pin'),
    currency: fc.constantFrom('USD', 'TRY'),
    millis: fc.nat(99_999),
    talkSeconds: fc.nat(40),
    billedSeconds: fc.nat(180),
    pinSuccesses: fc.nat(1),
    pinFailures: fc.nat(3),
    changes: fc.nat(2),
  });
  const session = fc.record<TalliedSession>({ ...place, createdAt: hour(), endedAt: fc.option(hour()) });
  return fc.record({ calls: fc.array(call, { maxLength: 60 }), sessions: fc.array(session, { maxLength: 30 }) });
}

/** Writes the tallies of what happened, as the statements of calls and sessions would, and the connected calls. */
export async function tally(
  sql: postgres.Sql,
  { account, numbers }: TallyPlace,
  { calls, sessions }: Happened,
): Promise<number> {
  const at = (thing: { subaccount: string; number: number }) => ({
    account_id: account,
    subaccount_id: thing.subaccount,
    virtual_number_id: numbers[thing.number]?.id ?? 0,
    provider_id: numbers[thing.number]?.provider ?? 0,
  });
  const tallies: Record<string, unknown>[] = [];
  const add = (row: Record<string, unknown>) => void tallies.push({ ...EMPTY, ...row });
  for (const call of calls) {
    for (let left = call.changes; left > 0; left--) {
      const former = { ...call, status: 'in-progress' as const, hangupCode: null, pinFailures: 0 };
      for (const sign of [1, -1]) add({ ...at(call), ...contribution(former, sign) });
    }
    add({ ...at(call), ...contribution(call, 1) });
  }
  for (const session of sessions) {
    add({ ...at(session), hour: session.createdAt, sessions_created: 1 });
    if (session.endedAt) add({ ...at(session), hour: session.endedAt, sessions_ended: 1 });
  }
  if (tallies.length > 0) await sql`insert into tallies ${sql(tallies)}`;
  const connected = calls
    .filter(({ status }) => status === 'connected')
    .map((call) => connectedCall({ ...at(call), subaccount_id: call.subaccount || null }, call.hour, call.talkSeconds));
  if (connected.length > 0) await sql`insert into calls ${sql(connected)}`;
  return tallies.length;
}

/** A row of `calls` that was connected and is over. */
export function connectedCall(place: Record<string, unknown>, hour: Date, seconds: number, outcome = 'connected') {
  const id = randomUUID();
  return {
    ...place,
    ...{ id, provider_call_id: id, session_id: outcome === 'orphan' ? null : id, outcome, reason: 'known_caller' },
    ...{ authenticated: false, pin_tries: [], version: 1 },
    ...{ started_at: new Date(hour.getTime() + 60_000), a_ended_at: hour, b_answered_at: hour, b_seconds: seconds },
  };
}

const EMPTY = {
  ...{
    status: '',
    hangup_code: null,
    refusal: null,
    currency: null,
    amount: '0',
    length_seconds: null,
    length_count: 0,
  },
  ...{ sessions_created: 0, sessions_ended: 0, offered: 0, connected: 0, missed: 0, refused: 0, abandoned: 0 },
  ...{ pin_successes: 0, pin_failures: 0, talk_seconds: 0, billed_seconds: 0 },
};

function contribution(call: TalliedCall, sign: number) {
  const { status } = call;
  const isConnected = status === 'connected';
  return {
    ...{ hour: call.hour, status, hangup_code: call.hangupCode, currency: call.currency, offered: sign },
    refusal: status === 'refused' ? call.refusal : null,
    amount: (sign * call.millis) / 1000,
    length_seconds: isConnected ? call.talkSeconds : null,
    length_count: isConnected ? sign : 0,
    ...(status !== 'in-progress' && { [status]: sign }),
    talk_seconds: isConnected ? sign * call.talkSeconds : 0,
    billed_seconds: sign * call.billedSeconds,
    pin_successes: sign * call.pinSuccesses,
    pin_failures: sign * call.pinFailures,
  };
}

/** Tallies anew what stands in `sessions`, for a test that wrote or emptied it by hand. */
export async function tallySessions(sql: postgres.Sql): Promise<void> {
  await sql`truncate tallies, totals, totals_by_value`;
  for (const [instant, metric] of [
    ['created_at', 'sessions_created'],
    ['ended_at', 'sessions_ended'],
  ] as const) {
    await sql`
      insert into tallies (account_id, subaccount_id, virtual_number_id, provider_id, hour, ${sql(metric)})
      select s.account_id, coalesce(s.subaccount_id, ''), s.virtual_number_id, v.provider_id, date_trunc('hour', s.${sql(instant)}, 'UTC'), 1
      from sessions s join virtual_numbers v on v.id = s.virtual_number_id where s.${sql(instant)} is not null`;
  }
}
