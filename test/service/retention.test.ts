import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eraseOld, purgeOld } from '../../src/service/retention.ts';
import { foldTallies } from '../../src/service/totals.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { purgeCalls } from '../../src/store/purge.ts';
import { connectedCall } from '../support/call-events.ts';
import { remainsOf } from '../support/remains.ts';
import { api, MAIN, makeSession, SESSIONS, startService, type TestService } from '../support/service.ts';

let service: TestService;
let sql: postgres.Sql;
beforeAll(async () => {
  service = await startService();
  sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await service.close();
});

/** Lets days pass, as far as the database can tell; what is folded keeps its hour. */
async function age(days: number): Promise<void> {
  for (const [table, ...instants] of [
    ['sessions', 'created_at', 'modified_at', 'expires_at', 'ended_at', 'erased_at', 'last_interaction_at'],
    ['calls', 'started_at', 'decided_at', 'a_started_at', 'a_answered_at', 'a_ended_at', 'erased_at', 'overdue_at'],
    ['callbacks', 'occurred_at', 'next_attempt_at', 'delivered_at'],
    ['recordings', 'added_at'],
    ['leases', 'held_until'],
    ['pins', 'held_until'],
    ['totals', 'period'],
    ['totals_by_value', 'period'],
    ['tallies', 'hour'],
  ] as const) {
    const back = instants.map((name) => `${name} = ${name} - interval '${days} days'`).join(', ');
    await sql.unsafe(`update ${table} set ${back}`);
  }
}

/** A session whose call was connected and recorded, and whose callbacks arrived; and a stranger's call beside it. */
async function oneDay(n: number): Promise<string> {
  const [first, second] = [`+1202555${n}001`, `+1202555${n}002`];
  const { session_uuid: id, virtual_number: virtualNumber } = await makeSession(service, {
    ...{ first_party: first, second_party: second, callback_url: 'https://app.example/cb', record: true },
    ...{ recording_callback_url: 'https://app.example/rec', virtual_number_cooloff_period: 0 },
    ...{ is_pin_authentication_required: true, generate_pin: true, pin_prompt_play: 'https://example.com/p.mp3' },
  });
  const events = connectedCall({ caller: first, virtualNumber });
  for (const name of ['answer', 'ring', 'dialAnswer', 'dialHangup', 'recording', 'hangup']) {
    await events[name]?.(service, `call-${n}`);
  }
  await api(service, 'DELETE', `${SESSIONS}${id}/`);
  await connectedCall({ caller: `+1202555${n}003`, virtualNumber }).answer?.(service, `stranger-${n}`);
  await connectedCall({ caller: `+1202555${n}003`, virtualNumber }).hangup?.(service, `stranger-${n}`);
  await sql`update callbacks set state = 'delivered', delivered_at = now() where state = 'pending'`;
  await sql`
    insert into callback_attempts (callback_id, attempt, at, status, duration_ms) select id, 1, now(), 200, 5 from callbacks
    on conflict do nothing`;
  return id;
}

const faults = async () => [...(await invariantFaults(sql)), ...(await totalsFaults(sql))];
const counted = async () => [
  await sql`select id, total_calls, total_billed_seconds, total_amount from sessions order by id`,
  await sql`select dimension, key, sum(offered)::int as offered, sum(billed_seconds)::int as seconds, sum(talk_seconds)::int as talk
    from totals where grain = 'hour' group by 1, 2 order by 1, 2`,
];
const show = async (id: string) =>
  (await api(service, 'GET', `${SESSIONS}${id}/`)).body.response as never as Record<string, unknown>;
const rowsOf = async (n: number) => {
  const [row] = await sql`select
    (select count(*)::int from calls where provider_call_id in (${`call-${n}`}, ${`stranger-${n}`})) as calls,
    (select count(*)::int from recordings where provider_call_id = ${`call-${n}`}) as recordings`;
  return row;
};

describe('as time goes by', () => {
  let ids: string[];

  test('phones and PINs of sessions, calls and strangers go after their days; all that was counted stays', async () => {
    const first = await oneDay(1);
    await age(20);
    const second = await oneDay(2);
    await age(15);
    const third = await oneDay(3);
    ids = [first, second, third];
    while ((await foldTallies(service.deps)) > 0);
    const before = await counted();
    expect(await faults()).toEqual([]);
    expect(await eraseOld(service.deps)).toBe(1);
    expect(await eraseOld(service.deps)).toBe(0);
    for (const who of ['001', '002', '003'])
      expect(await remainsOf(service.databaseUrl, `+12025551${who}`)).toEqual([]);
    expect(await show(first)).toMatchObject({ first_party: '', first_party_pin: null, total_call_count: 2 });
    expect(await show(second)).toMatchObject({ first_party: '12025552001', first_party_pin: expect.any(String) });
    expect(await remainsOf(service.databaseUrl, '+12025552003')).toContain('calls.caller_cipher');
    expect(await sql`select from leases where session_id = ${first}`).toHaveLength(0);
    expect(await sql`select from pins where session_id = ${first}`).toHaveLength(0);
    expect(await sql`select actor, action, object, account_id from audit_log where actor = 'system'`).toEqual([
      { actor: 'system', action: 'retention.erase', object: '', account_id: MAIN.id },
    ]);
    expect(await counted()).toEqual(before);
    expect(await faults()).toEqual([]);
  });

  test('calls, recordings and callbacks go later, with no sum changed, and the check still tells right from wrong', async () => {
    await age(340);
    await oneDay(4);
    while ((await foldTallies(service.deps)) > 0);
    const before = await counted();
    expect(await faults()).toEqual([]);
    while (await purgeCalls(service.deps.db, 365, 1)) expect(await faults()).toEqual([]);
    await purgeOld(service.deps);
    expect([await rowsOf(1), await rowsOf(2), await rowsOf(3)]).toEqual([
      { calls: 0, recordings: 0 },
      { calls: 2, recordings: 1 },
      { calls: 2, recordings: 1 },
    ]);
    const left = await sql`select distinct session_id as id from callbacks where session_id = any(${ids}::uuid[])`;
    expect(left.map(({ id }) => id).sort()).toEqual(ids.slice(1).sort());
    expect(await sql`select from callback_attempts where callback_id not in (select id from callbacks)`).toHaveLength(
      0,
    );
    expect(await counted()).toEqual(before);
    expect(await faults()).toEqual([]);
    await sql`update sessions set total_amount = total_amount + 0.01 where id = ${ids[2] ?? ''}`;
    expect(await faults()).toEqual([expect.stringContaining(`e.g. ${ids[2]}`)]);
    await sql`update sessions set total_amount = total_amount - 0.01 where id = ${ids[2] ?? ''}`;
    await sql`update sessions set total_calls = 1 where id = ${ids[1] ?? ''}`;
    expect(await faults()).toEqual([expect.stringContaining('counts less than its calls')]);
    await sql`update sessions set total_calls = 2 where id = ${ids[1] ?? ''}`;
    await sql`delete from callbacks where session_id = ${ids[2] ?? ''} and event = 'SessionTimeout'`;
    expect(await faults()).toEqual([expect.stringContaining('without exactly one SessionTimeout')]);
  });

  test('of several hours that are too old none goes before the one before it, though somebody has that in hand', async () => {
    const kept = async () => [(await rowsOf(2))?.calls, (await rowsOf(3))?.calls, (await rowsOf(4))?.calls];
    const lock = await sql.reserve();
    await lock`begin`;
    await lock`select from calls where provider_call_id like '%-2' for update`;
    expect(await purgeCalls(service.deps.db, 1, 100)).toBe(false);
    await lock`rollback`;
    lock.release();
    expect(await kept()).toEqual([2, 2, 2]);
    expect(await purgeCalls(service.deps.db, 1, 100)).toBe(true);
    expect(await kept()).toEqual([0, 2, 2]);
    expect(await purgeCalls(service.deps.db, 1, 100)).toBe(true);
    expect(await purgeCalls(service.deps.db, 1, 100)).toBe(false);
    expect(await kept()).toEqual([0, 0, 2]);
  });

  test('kept answers, full PIN budgets and secrets that have ended go soon; what is in use stays', async () => {
    const bytes = () => service.deps.vault.secretDigest(randomUUID());
    for (const hours of [25, 23]) {
      await sql`
        insert into idempotency_keys (account_id, route, key_digest, body_digest, resource_id, claimed_at)
        values (${MAIN.id}, ${`${hours}`}, ${bytes()}, ${bytes()}, ${randomUUID()}, now() - make_interval(hours => ${hours}))`;
      await sql`
        insert into pin_budgets (virtual_number_id, caller_digest, full_at)
        values (${hours}, ${bytes()}, now() + make_interval(secs => ${(24 - hours) * 60}))`;
      await sql`
        insert into signing_secrets (id, account_id, secret_cipher, expires_at)
        values (${randomUUID()}, ${`${hours}`}, ${bytes()}, now() - make_interval(hours => ${hours}))`;
    }
    await purgeOld(service.deps);
    const names = async (column: string, table: string) =>
      (await sql.unsafe(`select ${column} as n from ${table}`)).map(({ n }) => n);
    expect(await names('route', 'idempotency_keys')).toEqual(['23']);
    expect(await names('virtual_number_id', 'pin_budgets')).toEqual([23]);
    expect(await names('account_id', 'signing_secrets')).toEqual(['23']);
  });
});
