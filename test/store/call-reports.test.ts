import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CallReport } from '../../src/core/call-report.ts';
import type { Phone } from '../../src/core/phone.ts';
import { sweepCalls } from '../../src/service/call-sweep.ts';
import { answerCall } from '../../src/service/calls.ts';
import { rememberConnections } from '../../src/service/connections.ts';
import { reportCall } from '../../src/service/reports.ts';
import { correctCall } from '../../src/store/call-corrections.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { connectedCall, type PersonsOnCall, reported } from '../support/call-events.ts';
import { type Pair, passTime, startPair } from '../support/invariants.ts';
import { api, declared, HIPCALL_KEY, MAIN, makeSession, PLIVO_KEY, SESSIONS } from '../support/service.ts';

let house: Pair;
let people = 0;
beforeAll(async () => {
  house = await startPair(declared());
  return async () => expect(await house.settle()).toEqual([]);
});
afterEach(async () => expect(await invariantFaults(house.sql)).toEqual([]));

const SCOPE = { accountId: MAIN.id, subaccountId: null };
const APP = { callback_url: 'https://app.example/cb', recording_callback_url: 'https://app.example/rec' };

async function session(wish: object = {}): Promise<PersonsOnCall & { id: string; callee: string }> {
  const [caller = '', callee = ''] = [people++, people++].map((n) => `+1202555${String(n).padStart(4, '0')}`);
  const made = await makeSession(house.instances[0], { ...APP, ...wish, first_party: caller, second_party: callee });
  return { id: made.session_uuid, caller, callee, virtualNumber: made.virtual_number };
}

async function tell(persons: PersonsOnCall, callId: string, ...names: string[]): Promise<void> {
  const events = connectedCall(persons);
  for (const name of names) await events[name]?.(house.instances[0], callId);
}

const sums = async (id: string) => {
  const [row] = await house.sql`
    select total_calls as legs, total_billed_seconds as billed, total_amount::text as amount, last_interaction_at is not null as any
    from sessions where id = ${id}`;
  return row;
};

const waiting = async () => {
  const [row] = await house.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name = 'bauta' and wait_event_type = 'Lock'`;
  return row?.count;
};

const told = async (id: string) => {
  const rows = await house.sql<
    { event: string }[]
  >`select event from callbacks where session_id = ${id} order by sequence`;
  return rows.map(({ event }) => event.replace('Session', ''));
};

describe('a call', () => {
  it('counts once it is over, and not before', async () => {
    const persons = await session();
    await tell(persons, 'once-over', 'answer', 'dialAnswer', 'dialHangup');
    expect(await sums(persons.id)).toEqual({ legs: 0, billed: 0, amount: '0', any: false });
    await tell(persons, 'once-over', 'hangup');
    expect(await sums(persons.id)).toEqual({ legs: 2, billed: 120, amount: '0.02280', any: true });
    await tell(persons, 'once-over', 'hangup', 'dialHangup', 'answer');
    expect(await sums(persons.id)).toEqual({ legs: 2, billed: 120, amount: '0.02280', any: true });
  });

  it('that is told of in its usual order makes the app hear of it in that order', async () => {
    const persons = await session();
    await tell(persons, 'usual', 'answer', 'dialAnswer', 'dialHangup', 'hangup');
    const story = ['FirstPartyAnswer', 'SecondPartyRing', 'SecondPartyAnswer', 'SecondPartyHangup', 'FirstPartyHangup'];
    expect(await told(persons.id)).toEqual([...story, 'PartiesHangup']);
  });

  it('placed by the second party is told of by the fixed roles of the session', async () => {
    const { id, caller, callee, virtualNumber } = await session();
    await tell({ caller: callee, virtualNumber }, 'second-calls', 'answer', 'dialAnswer', 'dialHangup', 'hangup');
    const story = ['SecondPartyAnswer', 'FirstPartyAnswer', 'FirstPartyHangup', 'SecondPartyHangup', 'PartiesHangup'];
    expect(await told(id)).toEqual(story);
    expect(caller).not.toBe(callee);
  });

  it('reported but never asked about is kept as an orphan, which counts nowhere', async () => {
    const persons = await session();
    const outcome = await reported(persons, { legA: { endedAt: 'heard', billedSeconds: 60, cost: '0.01' } })(
      house.instances[0],
      'orphan',
    );
    expect(outcome).toEqual({ reason: 'orphan' });
    const [row] = await house.sql`select outcome, session_id, cost::text from calls where provider_call_id = 'orphan'`;
    expect(row).toEqual({ outcome: 'orphan', session_id: null, cost: '0.01' });
    expect(await house.sql`select from tallies where amount = 0.01`).toHaveLength(0);
    expect(await sums(persons.id)).toMatchObject({ legs: 0 });
  });

  it('whose number is none of ours is an orphan as well', async () => {
    const stranger = { caller: '+12025550000', virtualNumber: '+14155559999' };
    expect(await reported(stranger, { legA: { endedAt: 'heard' } })(house.instances[0], 'nowhere')).toEqual({
      reason: 'orphan',
    });
  });

  it('that stays an orphan ends the same, whichever of its reports came first', async () => {
    const persons = await session();
    const [service] = house.instances;
    const connection = await rememberConnections(service.deps)(PLIVO_KEY);
    if (connection === null) throw new Error('no connection');
    const { caller, virtualNumber } = persons as unknown as { caller: Phone; virtualNumber: Phone };
    const told = { direction: 'inbound', legA: {}, legB: {}, recording: null } as const;
    const ofLegB = {
      ...told,
      caller: null,
      virtualNumber: null,
      legB: { legId: 'b', endedAt: new Date(1_772_000_000_000) },
    };
    const hangup = { ...told, caller, virtualNumber, legA: { endedAt: new Date(1_772_000_000_000) } };
    for (const report of [ofLegB, hangup]) await reportCall(service.deps, connection, { ...report, callId: 'lost-1' });
    for (const report of [hangup, ofLegB]) await reportCall(service.deps, connection, { ...report, callId: 'lost-2' });
    const rows = await house.sql`
      select virtual_number_id is not null as known, caller_digest, caller_cipher is not null as shown, b_leg_id, a_ended_at, outcome
      from calls where provider_call_id in ('lost-1', 'lost-2')`;
    expect(rows[0]).toMatchObject({ known: true, shown: true, outcome: 'orphan' });
    expect(rows[1]).toEqual(rows[0]);
    const { body } = await api(service, 'GET', `/v1/Account/${MAIN.id}/Call/lost-1/`);
    expect(body).toMatchObject({ from_number: caller, to_number: virtualNumber });
  });

  it('whose end is reported before its question counts when it is asked about', async () => {
    const persons = await session();
    await tell(persons, 'end-first', 'hangup', 'dialHangup');
    expect(await sums(persons.id)).toMatchObject({ legs: 0 });
    await tell(persons, 'end-first', 'answer');
    expect(await sums(persons.id)).toEqual({ legs: 2, billed: 120, amount: '0.02280', any: true });
  });

  it('asked about and reported by both instances in the same moment ends as if one had come after the other', async () => {
    const persons = await session();
    const ids = Array.from({ length: 40 }, () => randomUUID());
    const { answer, hangup, dialHangup } = connectedCall(persons);
    const [one, two] = house.instances;
    await Promise.all(
      ids.flatMap((id) => [answer?.(one, id), hangup?.(two, id), dialHangup?.(one, id), hangup?.(one, id)]),
    );
    expect(await sums(persons.id)).toEqual({ legs: 80, billed: 4800, amount: '0.91200', any: true });
  });

  it('whose end is told of to both instances in the same moment counts once', async () => {
    const persons = await session();
    await tell(persons, 'told-twice', 'answer');
    const { hangup } = connectedCall(persons);
    const holder = await house.sql.reserve();
    // Both are under way, and neither can end, until the session is let go.
    await holder`begin`;
    await holder`select from sessions where id = ${persons.id} for update`;
    const telling = house.instances.map((instance) => hangup?.(instance, 'told-twice'));
    await vi.waitUntil(async () => (await waiting()) === 2, { interval: 5 });
    await holder`commit`;
    holder.release();
    await Promise.all(telling);
    expect(await sums(persons.id)).toMatchObject({ legs: 1, billed: 60 });
  });

  it('repeated word for word says so and changes nothing', async () => {
    const persons = await session();
    await tell(persons, 'again', 'answer', 'hangup');
    const { hangup } = connectedCall(persons);
    expect(await hangup?.(house.instances[1], 'again')).toEqual({ reason: 'repeated' });
  });
});

describe('a later figure', () => {
  it('moves the sums exactly, down as well as up, and wins over what the provider reports afterwards', async () => {
    const persons = await session();
    await tell(persons, 'costs', 'answer', 'dialHangup', 'hangup');
    const [call] = await house.sql<{ id: string }[]>`select id from calls where provider_call_id = 'costs'`;
    const id = call?.id ?? '';
    const { db } = house.instances[0].deps;
    expect(await correctCall(db, SCOPE, id, 'b', { cost: '0.123456789' })).toBe(true);
    expect(await sums(persons.id)).toMatchObject({ amount: '0.128456789', billed: 120 });
    expect(await correctCall(db, SCOPE, id, 'b', { cost: '0.00001', billedSeconds: 30 })).toBe(true);
    await tell(persons, 'costs', 'dialHangup', 'hangup');
    expect(await sums(persons.id)).toMatchObject({ amount: '0.005010000', billed: 90 });
  });

  it('is taken from nobody but the call’s account', async () => {
    const { db } = house.instances[0].deps;
    const [call] = await house.sql<{ id: string }[]>`select id from calls where provider_call_id = 'costs'`;
    const other = { accountId: 'MABBBBBBBBBBBBBBBBBB', subaccountId: null };
    expect(await correctCall(db, other, call?.id ?? '', 'a', { cost: '9' })).toBe(false);
    const sub = { accountId: MAIN.id, subaccountId: 'SAAAAAAAAAAAAAAAAAAA' };
    expect(await correctCall(db, sub, call?.id ?? '', 'a', { cost: '9' })).toBe(false);
  });
});

describe('a call that runs when its session ends', () => {
  it('may finish, and still counts and is told of', async () => {
    const persons = await session();
    await tell(persons, 'long', 'answer', 'dialAnswer');
    await api(house.instances[0], 'DELETE', `${SESSIONS}${persons.id}/`);
    await tell(persons, 'long', 'dialHangup', 'hangup');
    expect(await sums(persons.id)).toEqual({ legs: 2, billed: 120, amount: '0.02280', any: true });
    expect((await told(persons.id)).slice(3)).toEqual([
      'Timeout',
      'SecondPartyHangup',
      'FirstPartyHangup',
      'PartiesHangup',
    ]);
  });
});

describe('a call whose end is never reported', () => {
  const overdue = () => house.sql`update calls set overdue_at = now() where not is_over`;

  it('is closed after its time limit, once, and told of', async () => {
    const persons = await session();
    await tell(persons, 'silent', 'answer', 'dialAnswer');
    await overdue();
    await Promise.all(house.instances.map(({ deps }) => sweepCalls(deps)));
    const [row] =
      await house.sql`select is_over, swept_at is not null as swept, a_ended_at from calls where provider_call_id = 'silent'`;
    expect(row).toEqual({ is_over: true, swept: true, a_ended_at: null });
    expect(await sums(persons.id)).toEqual({ legs: 2, billed: 0, amount: '0', any: true });
    expect((await told(persons.id)).slice(3)).toEqual(['SecondPartyHangup', 'FirstPartyHangup', 'PartiesHangup']);
  });

  it('and then is reported after all counts with what the report knows', async () => {
    const persons = await session();
    await tell(persons, 'late', 'answer');
    await overdue();
    await sweepCalls(house.instances[0].deps);
    await tell(persons, 'late', 'hangup');
    expect(await sums(persons.id)).toEqual({ legs: 1, billed: 60, amount: '0.00500', any: true });
    expect(await told(persons.id)).toEqual(['FirstPartyAnswer', 'FirstPartyHangup', 'PartiesHangup']);
  });
});

describe('a recording', () => {
  it('that never comes is told of as failed, once', async () => {
    const persons = await session({ record: true });
    await tell(persons, 'unheard', 'answer', 'dialAnswer', 'dialHangup', 'hangup');
    await sweepCalls(house.instances[0].deps);
    expect(await told(persons.id)).not.toContain('RecordingFailed');
    await passTime(house.sql, 660, persons.id);
    await house.sql`update calls set decided_at = decided_at - interval '11 minutes' where provider_call_id = 'unheard'`;
    await Promise.all(house.instances.map(({ deps }) => sweepCalls(deps)));
    await sweepCalls(house.instances[0].deps);
    expect((await told(persons.id)).filter((event) => event === 'RecordingFailed')).toEqual(['RecordingFailed']);
    const [row] =
      await house.sql`select url from callbacks where session_id = ${persons.id} and event = 'SessionRecordingFailed'`;
    expect(row?.url).toBe(APP.recording_callback_url);
  });
});

describe('a provider that asks without a call id', () => {
  it('gives the call its id with the report of its end', async () => {
    const [service] = house.instances;
    const connection = await rememberConnections(service.deps)(HIPCALL_KEY);
    if (connection === null) throw new Error('no connection');
    const made = await makeSession(service, { ...APP, first_party: '+905320000001', second_party: '+905320000002' });
    const [caller, virtualNumber] = ['+905320000001' as Phone, made.virtual_number as Phone];
    const asked = {
      caller,
      callee: virtualNumber,
      attestation: 'unknown',
      digits: null,
      tryNumber: null,
      direction: 'inbound',
    } as const;
    await answerCall(service.deps, connection, { ...asked, callId: null });
    const report: CallReport = {
      ...{ callId: 'hip-1', direction: 'inbound' as const, caller, virtualNumber, recording: null, legB: {} },
      legA: { endedAt: new Date('2026-03-01T10:00:09Z'), seconds: 9 },
    };
    expect(await reportCall(service.deps, connection, report)).toEqual({ reason: 'booked' });
    expect(await reportCall(service.deps, connection, report)).toEqual({ reason: 'repeated' });
    expect(await sums(made.session_uuid)).toMatchObject({ legs: 1, any: true });
    // Another call's end of the same two is not taken for it.
    expect(await reportCall(service.deps, connection, { ...report, callId: 'hip-2' })).toEqual({
      reason: 'orphan',
    });
  });
});
