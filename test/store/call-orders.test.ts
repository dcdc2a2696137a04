import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { invariantFaults } from '../../src/store/invariants.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { connectedCall, permutations } from '../support/call-events.ts';
import { makeSession, PART, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const WISH = {
  ...{ callback_url: 'https://app.example/cb', recording_callback_url: 'https://app.example/rec', record: true },
  session_expiry: 86_400,
};
const SESSIONS_TO_SHARE = 60 / PART;
const ORDERS = 5040 / PART;

it('every order of a call’s seven events gives the same row, the same callbacks and the same sums', async () => {
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS_TO_SHARE }, async (_, i) => {
      const [first, second] = [i * 2, i * 2 + 1].map((n) => `+1202555${String(n).padStart(4, '0')}`);
      const { session_uuid: id, virtual_number } = await makeSession(service, {
        ...WISH,
        first_party: first,
        second_party: second,
      });
      return { id, caller: first ?? '', virtualNumber: virtual_number };
    }),
  );
  const all = [...permutations(Object.keys(connectedCall({ caller: '', virtualNumber: '' })))];
  expect(all).toHaveLength(5040);
  const orders = all.filter((_, i) => i % PART === 0);

  const calls: { order: string; callId: string }[] = [];
  let next = 0;
  const worker = async () => {
    for (let turn = next++; turn < orders.length; turn = next++) {
      const session = sessions[turn % sessions.length];
      const order = orders[turn];
      if (session === undefined || order === undefined) throw new Error('no turn');
      const events = connectedCall(session);
      const callId = randomUUID();
      for (const name of order) await events[name]?.(service, callId);
      calls.push({ order: order.join(' '), callId });
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));

  const { sql } = service.deps.db;
  // What is heard has the moment of the hearing; all else is the provider's, or follows from it.
  const rows = await sql<{ shape: string; orders: number }[]>`
    select (to_jsonb(c) - array['id', 'provider_call_id', 'virtual_number_id', 'caller_digest', 'caller_cipher', 'callee_digest',
        'callee_cipher', 'session_id', 'b_leg_id', 'version', 'started_at', 'decided_at', 'overdue_at'])::text
      || (c.b_leg_id = c.provider_call_id || '-b')::text
      || (select string_agg(k.event, ' ' order by k.event) from callbacks k where k.call_id = c.id) as shape, count(*)::int as orders
    from calls c group by 1`;
  expect(rows).toHaveLength(1);
  expect(rows[0]?.orders).toBe(ORDERS);
  expect(rows[0]?.shape).toContain(
    'SessionFirstPartyAnswer SessionFirstPartyHangup SessionPartiesHangup SessionRecordingCompleted SessionRecordingInitiated ' +
      'SessionSecondPartyAnswer SessionSecondPartyHangup SessionSecondPartyRing',
  );

  const sums = await sql`
    select total_calls, total_billed_seconds, total_amount::text, callback_sequence,
      (select count(*)::int from callbacks k where k.session_id = s.id and k.sequence between 1 and s.callback_sequence) as told
    from sessions s group by 1, 2, 3, 4, 5`;
  expect(sums).toEqual([
    { total_calls: 168, total_billed_seconds: 10_080, total_amount: '1.91520', callback_sequence: 672, told: 672 },
  ]);
  const [tallied] = await sql`
    select sum(offered)::int as offered, sum(connected)::int as connected, sum(talk_seconds)::int as talk, sum(amount)::text as amount,
      sum(billed_seconds)::int as billed, sum(length_count)::int as lengths from tallies`;
  expect(tallied).toEqual({
    offered: ORDERS,
    connected: ORDERS,
    talk: 156_240 / PART,
    amount: (114.912 / PART).toFixed(5),
    billed: 604_800 / PART,
    lengths: ORDERS,
  });
  expect([...(await invariantFaults(sql)), ...(await totalsFaults(sql))]).toEqual([]);
}, 300_000);
