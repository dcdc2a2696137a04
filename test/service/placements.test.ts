import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import { draftSession } from '../../src/core/session.ts';
import type { CallToPlace, PlaceOutcome } from '../../src/outbound/place-call.ts';
import { answerCall } from '../../src/service/calls.ts';
import { rememberConnections } from '../../src/service/connections.ts';
import { settleAbandoned } from '../../src/service/placements.ts';
import { reportCall } from '../../src/service/reports.ts';
import { claimSession } from '../../src/store/claim.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { takePlacements } from '../../src/store/placements.ts';
import {
  api,
  declared,
  MAIN,
  makeSession,
  OTHER,
  PLIVO_KEY,
  SESSIONS,
  startService,
  type TestService,
} from '../support/service.ts';

const AUTH_ID = 'MAPLIVOPLIVOPLIVO000';
const US_NUMBERS = 5;
/** Calls that one process places at once. */
const WINDOW = 16;
const APP = {
  callback_url: 'https://app.example/cb',
  initiate_call_to_first_party: true,
  ring_timeout: 20,
  call_time_limit: 600,
};

let service: TestService;
let other: TestService;
let asked: CallToPlace[] = [];
let answer: () => Promise<PlaceOutcome>;
/** Lets the provider answer whatever it has been silent about, to processes that were thought dead. */
let breakSilence: ((outcome: PlaceOutcome) => void)[] = [];
const silence = () => new Promise<PlaceOutcome>((resolve) => breakSilence.push(resolve));
let people = 0;
const logLines: string[] = [];
const placeCall = (call: CallToPlace) => {
  asked.push(call);
  return answer();
};

beforeAll(async () => {
  const bootstrap = declared({ plivo: { auth_id: AUTH_ID, api_url: 'https://plivo.example/v1/' } });
  service = await startService({ bootstrap, deps: { placeCall }, logLines });
  other = await startService({ databaseUrl: service.databaseUrl, deps: { placeCall } });
});
afterAll(async () => {
  await other.close();
  await service.close();
});
beforeEach(() => {
  asked = [];
  breakSilence = [];
  answer = async () => ({ kind: 'placed', requestId: `request-${asked.length}-of-${people}` });
});
afterEach(async () => {
  // Places under way are free again for the next test.
  for (const speak of breakSilence) speak({ kind: 'unknown', status: null });
  const { sql } = service.deps.db;
  expect([...(await invariantFaults(sql)), ...(await totalsFaults(sql))]).toEqual([]);
});

type Made = Awaited<ReturnType<typeof session>>;

async function session(wish: object = {}) {
  const [first = '', second = ''] = [people++, people++].map((n) => `+1202555${String(n).padStart(4, '0')}`);
  const made = await makeSession(service, { ...APP, ...wish, first_party: first, second_party: second });
  return { id: made.session_uuid, first: first as Phone, second, number: made.virtual_number as Phone };
}

const state = async (id: string) => {
  const [row] = await service.deps.db.sql<{ state: string }[]>`select state from placements where session_id = ${id}`;
  return row?.state;
};
const settled = (id: string, as: string) => vi.waitFor(async () => expect(await state(id)).toBe(as), { interval: 10 });
const call = async (id: string) => {
  const [row] = await service.deps.db.sql`
    select provider_call_id as id, outcome, reason, direction, caller_side as side, is_over as over, a_hangup_code as code, legs
    from calls where session_id = ${id}`;
  return row;
};
const told = async (id: string) => {
  const rows = await service.deps.db.sql<{ event: string }[]>`
    select event from callbacks where session_id = ${id} order by sequence`;
  return rows.map(({ event }) => event);
};
const connection = async () => {
  const found = await rememberConnections(service.deps)(PLIVO_KEY);
  if (found === null) throw new Error('no connection');
  return found;
};
/** What the provider is told to do when it asks about a call between the first party and the virtual number. */
async function ask({ first, number }: Made, direction: 'inbound' | 'outbound', callId: string) {
  const question = {
    callId,
    caller: first,
    callee: number,
    attestation: 'unknown',
    digits: null,
    tryNumber: null,
    direction,
  } as const;
  return (await answerCall(service.deps, await connection(), question)).plan;
}
const shown = async (id: string) =>
  (await api(service, 'GET', `${SESSIONS}${id}/`)).body.response as unknown as Record<string, unknown>;

describe('a session that is to call its first party', () => {
  it('has the provider call it at once, from the virtual number, with the session’s limits', async () => {
    const { id, first, number } = await session();
    await settled(id, 'placed');
    const answerUrl = `${service.url}/answer/${PLIVO_KEY}/`;
    expect(asked).toEqual([
      {
        ...{ apiUrl: 'https://plivo.example/v1', authId: AUTH_ID, authToken: 'plivo-connection-token' },
        ...{ from: number.slice(1), to: first.slice(1), answerUrl, ringUrl: `${answerUrl}ring/` },
        ...{ hangupUrl: `${answerUrl}hangup/`, ringTimeoutSeconds: 20, timeLimitSeconds: 600 },
      },
    ]);
    expect(await call(id)).toMatchObject({ outcome: 'placed', direction: 'outbound', side: 'first', over: false });
    expect(await shown(id)).toMatchObject({ status: 'in-progress' });
  });

  it('is not made to call more at once than the policy allows, and is told so', async () => {
    const { sql } = service.deps.db;
    await sql`
      update accounts set policy = jsonb_build_object('caps', jsonb_build_object('accountAtOnce', 1 + (
        select count(*) from calls where not is_over and outcome in ('connected', 'placed'))))`;
    const first = await session();
    await settled(first.id, 'placed');
    const second = await session();
    await settled(second.id, 'failed');
    await sql`update accounts set policy = '{}'`;
    expect(asked).toHaveLength(1);
    expect(await call(second.id)).toMatchObject({ outcome: 'unplaced', reason: 'account_now' });
    expect(await told(second.id)).toEqual(['SessionFirstPartyHangup', 'SessionPartiesHangup']);
  });

  it('then dials the second party when the first answers, and is told of as any call', async () => {
    answer = async () => ({ kind: 'placed', requestId: 'answered' });
    const made = await session();
    const { id, second, number } = made;
    await settled(id, 'placed');
    expect((await ask(made, 'outbound', 'answered')).ending).toMatchObject({
      kind: 'dial',
      callee: second,
      callerId: number,
      ringTimeoutSeconds: 20,
      timeLimitSeconds: 600,
    });
    expect(await call(id)).toMatchObject({ id: 'answered', outcome: 'connected', direction: 'outbound' });
    expect(await told(id)).toEqual(['SessionFirstPartyAnswer']);
  });

  it('whose first party does not pick up counts one leg', async () => {
    answer = async () => ({ kind: 'placed', requestId: 'no-answer' });
    const { id, first, number } = await session();
    await settled(id, 'placed');
    const report = {
      callId: 'no-answer',
      direction: 'outbound',
      caller: first,
      virtualNumber: number,
      legB: {},
      recording: null,
    } as const;
    await reportCall(service.deps, await connection(), { ...report, legA: { endedAt: 'heard', hangupCode: 3000 } });
    expect(await told(id)).toEqual(['SessionFirstPartyHangup', 'SessionPartiesHangup']);
    expect(await shown(id)).toMatchObject({
      status: 'active',
      total_call_count: 1,
      interaction: [{ first_party_status: 'no-answer', second_party_status: 'not-started', total_call_count: 1 }],
    });
  });

  it('keeps what the provider reported before it had answered us', async () => {
    let place = (_: PlaceOutcome) => {};
    answer = () =>
      new Promise((resolve) => {
        place = resolve;
      });
    const { id, first, number } = await session();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const report = {
      callId: 'early',
      direction: 'outbound',
      caller: first,
      virtualNumber: number,
      legB: {},
      recording: null,
    } as const;
    const ended = await reportCall(service.deps, await connection(), {
      ...report,
      legA: { endedAt: 'heard', hangupCode: 3010 },
    });
    expect(ended).toEqual({ reason: 'orphan' });
    place({ kind: 'placed', requestId: 'early' });
    await settled(id, 'placed');
    expect(await call(id)).toMatchObject({ id: 'early', outcome: 'placed', over: true, code: 3010 });
    expect(await told(id)).toEqual(['SessionFirstPartyHangup', 'SessionPartiesHangup']);
  });
});

describe('a call is placed once', () => {
  it('by however many instances look for it', async () => {
    const ids: string[] = [];
    answer = silence;
    // As many as one process has places for, so that more are due for both.
    for (let n = 0; n < WINDOW + 8; n++) ids.push((await session()).id);
    await vi.waitFor(() => expect(asked).toHaveLength(WINDOW));
    for (let n = 0; n < 4; n++) {
      other.deps.placer.wake();
      service.deps.placer.wake();
    }
    await vi.waitFor(() => expect(asked).toHaveLength(ids.length));
    for (const [n, speak] of breakSilence.entries()) speak({ kind: 'placed', requestId: `shared-${n}` });
    await Promise.all(ids.map((id) => settled(id, 'placed')));
    expect(new Set(asked.map(({ to }) => to)).size).toBe(ids.length);
    expect(asked).toHaveLength(ids.length);
  });

  it('in the same instant, too: of takers that meet, each row is one’s', async () => {
    // Instances whose own placers take nothing.
    const one = await startService({ deps: { placeCall } });
    const two = await startService({ databaseUrl: one.databaseUrl, deps: { placeCall } });
    await Promise.all([one.deps.placer.close(), two.deps.placer.close()]);
    const { sql } = one.deps.db;
    for (let n = 0; n < 20; n++) {
      const [first_party, second_party] = [2 * n, 2 * n + 1].map((i) => `+1202556${String(i).padStart(4, '0')}`);
      await makeSession(one, { ...APP, first_party, second_party });
    }
    for (let round = 0; round < 5; round++) {
      const due = await sql`update placements set state = 'due' returning session_id`;
      const takers = [one, two, one, two, one, two];
      const taken = await Promise.all(takers.map(({ deps }) => takePlacements(deps.db, deps.vault, due.length)));
      const ids = taken.flat().map(({ sessionId }) => sessionId);
      expect([new Set(ids).size, ids.length]).toEqual([due.length, due.length]);
    }
    await two.close();
    await one.close();
  });

  it('also when its session’s create is repeated, since the first answer was lost', async () => {
    const wish = {
      firstParty: '+12025558000',
      secondParty: '+12025558001',
      settings: { initiateCallToFirstParty: true },
    };
    const draft = draftSession(wish, service.deps.config.session, { defaultCountry: null, strict: false });
    if (isRefused(draft)) throw new Error('refused');
    const [virtualNumber] = await service.deps.db.sql<{ id: number; number: Phone }[]>`
      select id, number from virtual_numbers where number = '+14155550100'`;
    if (virtualNumber === undefined) throw new Error('no number');
    const claim = { id: randomUUID(), accountId: MAIN.id, virtualNumber, draft, pins: null, mostPins: null };
    for (let n = 0; n < 2; n++) {
      await claimSession(service.deps.db, service.deps.vault, claim);
      service.deps.placer.wake();
      await settled(claim.id, 'placed');
    }
    // Whatever were due would have been taken with the next session's.
    await settled((await session()).id, 'placed');
    expect(asked.map(({ to }) => to).filter((to) => to === '12025558000')).toHaveLength(1);
  });

  it('and a session that was refused a number leaves none behind', async () => {
    const { first, second } = await session();
    for (let n = 0; n < US_NUMBERS - 1; n++)
      await makeSession(service, { ...APP, first_party: first, second_party: second });
    const refused = await api(service, 'POST', SESSIONS, { ...APP, first_party: first, second_party: second });
    expect(refused.status).toBe(400);
    await vi.waitFor(() => expect(asked).toHaveLength(US_NUMBERS));
    const [row] = await service.deps.db.sql`
      select count(*)::int as orphans from placements where session_id not in (select id from sessions)`;
    expect(row).toEqual({ orphans: 0 });
  });

  const die = async () => {
    // Whoever has taken it never comes back.
    answer = silence;
    const made = await session();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await service.deps.db.sql`
      update placements set taken_at = now() - interval '61 seconds' where session_id = ${made.id}`;
    return made;
  };
  const heardOf = (callId: string, { first, number }: Made, legA: object) =>
    connection().then((from) =>
      reportCall(service.deps, from, {
        ...{ callId, direction: 'outbound', caller: first, virtualNumber: number, legA, legB: {}, recording: null },
      }),
    );

  it('and not while somebody may still wait for the provider', async () => {
    const { id } = await die();
    await service.deps.db.sql`update placements set taken_at = now() - interval '50 seconds' where session_id = ${id}`;
    expect(await settleAbandoned(other.deps)).toBe(0);
    other.deps.placer.wake();
    await other.deps.placer.close();
    expect(await state(id)).toBe('taken');
    expect(asked).toHaveLength(1);
    other = await startService({ databaseUrl: service.databaseUrl, deps: { placeCall } });
  });

  it('and not again by another process where the first one died with the request; the app is told', async () => {
    const made = await die();
    expect(await Promise.all([other, service].map(({ deps }) => settleAbandoned(deps)))).toContain(1);
    expect(await state(made.id)).toBe('failed');
    expect(await call(made.id)).toMatchObject({ outcome: 'unplaced', reason: 'place_unknown', code: 0, legs: 0 });
    expect(await told(made.id)).toEqual(['SessionFirstPartyHangup', 'SessionPartiesHangup']);
    expect((await ask(made, 'inbound', `later-${made.id}`)).ending.kind).toBe('dial');
    expect(asked).toHaveLength(1);
  });

  it('and connects even where it was given up and the first party picks up after all', async () => {
    const made = await die();
    await settleAbandoned(other.deps);
    expect(await state(made.id)).toBe('failed');
    expect((await ask(made, 'outbound', 'picked-up-late')).ending).toMatchObject({ kind: 'dial', callee: made.second });
  });

  it.each<[string, string, (made: Made) => Promise<unknown>]>([
    ['reports', 'placed', (made) => heardOf(`was-placed-${made.id}`, made, { ringingAt: 'heard' })],
    ['asks about', 'connected', (made) => ask(made, 'outbound', `was-placed-${made.id}`)],
  ])(
    'and is found by what the provider %s where it was placed before the process died',
    async (_what, outcome, hear) => {
      const made = await die();
      await hear(made);
      expect(await settleAbandoned(other.deps)).toBe(1);
      expect(await state(made.id)).toBe('placed');
      expect(await call(made.id)).toMatchObject({ id: `was-placed-${made.id}`, outcome, over: false });
      expect(asked).toHaveLength(1);
    },
  );

  it('by a process that ends in order: it waits for the answer of the provider', async () => {
    const ending = await startService({ databaseUrl: service.databaseUrl, deps: { placeCall } });
    answer = silence;
    const made = await makeSession(ending, { ...APP, first_party: '+12025558100', second_party: '+12025558101' });
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const ended = ending.close();
    breakSilence.at(-1)?.({ kind: 'placed', requestId: 'while-ending' });
    await ended;
    expect(await call(made.session_uuid)).toMatchObject({ id: 'while-ending', outcome: 'placed' });
  });
});

describe('more calls than a provider answers at once', () => {
  it('wait where they are booked, and those whose sessions end meanwhile are not placed', async () => {
    answer = silence;
    for (let n = 0; n < WINDOW; n++) await session();
    await vi.waitFor(() => expect(asked).toHaveLength(WINDOW));
    const waiting = [await session(), await session(), await session()];
    const ends = await session();
    for (const { id } of [...waiting, ends]) expect(await state(id)).toBe('due');
    await api(service, 'DELETE', `${SESSIONS}${ends.id}/`);
    breakSilence[0]?.({ kind: 'placed', requestId: 'one-of-many' });
    // One place is free, so one follows.
    await vi.waitFor(() => expect(asked).toHaveLength(WINDOW + 1), { interval: 5 });
    answer = async () => ({ kind: 'placed', requestId: `after-all-${asked.length}` });
    breakSilence[1]?.({ kind: 'placed', requestId: 'another-of-many' });
    await Promise.all(waiting.slice(1).map(({ id }) => settled(id, 'placed')));
    await settled(ends.id, 'failed');
    expect(await call(ends.id)).toMatchObject({ outcome: 'unplaced', reason: 'session_ended' });
    expect(asked).toHaveLength(WINDOW + waiting.length);
  });
});

describe('a provider that does not place it', () => {
  it.each<[string, PlaceOutcome]>([
    ['refuses', { kind: 'refused', status: 401 }],
    ['cannot be reached', { kind: 'refused', status: null }],
  ])('because it %s leaves the session usable, with the failure on its interaction and told', async (_how, outcome) => {
    answer = async () => outcome;
    const made = await session();
    const { id } = made;
    await settled(id, 'failed');
    expect(await call(id)).toMatchObject({ outcome: 'unplaced', reason: 'place_refused', code: 5020, over: true });
    expect(await told(id)).toEqual(['SessionFirstPartyHangup', 'SessionPartiesHangup']);
    const { interaction, status, total_call_count } = await shown(id);
    expect([status, total_call_count]).toEqual(['active', 0]);
    expect(interaction).toEqual([expect.objectContaining({ first_party_status: 'failed', total_call_count: 0 })]);
    expect((await ask(made, 'inbound', `later-${id}`)).ending.kind).toBe('dial');
  });

  it.each([
    ['has no such thing', MAIN, '+90532000000'],
    ['has not told us who we are there', OTHER, '+1202555900'],
  ])('since it %s is not asked', async (_why, account, people) => {
    const wish = { ...APP, first_party: `${people}1`, second_party: `${people}2` };
    const made = await api(service, 'POST', '/Masking/Session/', wish, account);
    const id = String(made.body.session_uuid);
    await settled(id, 'failed');
    expect(asked).toEqual([]);
    expect(await call(id)).toMatchObject({ outcome: 'unplaced', reason: 'place_unsupported' });
  });
});

it('no line of the log has a phone in it', () => {
  for (const line of ['call.placed', 'call.not_placed']) expect(logLines.join('')).toContain(line);
  expect(logLines.filter((line) => /1?202555\d{4}/.test(line))).toEqual([]);
});
