import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import { isRefused } from '../../src/core/problem.ts';
import type { MaskingSession } from '../../src/core/session.ts';
import { answerCall } from '../../src/service/calls.ts';
import { createSession } from '../../src/service/create-session.ts';
import { reportCall } from '../../src/service/reports.ts';
import { loadCall } from '../../src/store/call-facts.ts';
import { recordStep, type StepToRecord } from '../../src/store/calls.ts';
import { type Claim, claimSession } from '../../src/store/claim.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { type Connection, findConnection } from '../../src/store/providers.ts';
import { type Pair, startPair } from '../support/invariants.ts';
import { declared, MAIN, PLIVO_KEY } from '../support/service.ts';

// What cannot be done shares a statement with what can: PostgreSQL has no place for a NUL, nor for an outcome that is none.
const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const MANY = 20;
const BAD = 7;
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}`;

let house: Pair;
let sessions: readonly MaskingSession[];
let connection: Connection;
const deps = () => house.instances[0].deps;

beforeAll(async () => {
  house = await startPair(declared({ us: 3, tr: 0 }));
  const found = await findConnection(deps().db, deps().vault, PLIVO_KEY);
  if (found === null) throw new Error('no connection');
  connection = found;
  const made = await Promise.all(Array.from({ length: MANY }, (_, i) => create(i)));
  sessions = made.map((session) => {
    if (isRefused(session)) throw new Error(session.problem.kind);
    return session;
  });
});
afterAll(async () => {
  expect(await house.settle()).toEqual([]);
});

function create(i: number, more: object = {}) {
  const parties = { firstParty: phone(2 * i), secondParty: phone(2 * i + 1) };
  return createSession(deps(), SCOPE, { ...parties, settings: {}, ...more });
}

function question(i: number, callId: string) {
  const { firstParty, virtualNumber } = sessions[i] as MaskingSession;
  const asked = { caller: firstParty, callee: virtualNumber, digits: null, tryNumber: null };
  return { callId, direction: 'inbound', attestation: 'unknown', ...asked } as const;
}

const others = (of: (i: number) => unknown) =>
  Array.from({ length: MANY }, (_, i) => of(i)).filter((_, i) => i !== BAD);

test('a question that cannot be read fails alone', async () => {
  const outcomes = await Promise.allSettled(
    sessions.map((_, i) => answerCall(deps(), connection, question(i, i === BAD ? 'call\0' : `read-${i}`))),
  );
  expect(outcomes[BAD]?.status).toBe('rejected');
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(MANY - 1);
  const booked = await house.sql`select provider_call_id as id from calls where provider_call_id like 'read-%'`;
  expect(booked.map(({ id }) => id).sort()).toEqual(others((i) => `read-${i}`).sort());
});

test('a step that cannot be recorded fails alone', async () => {
  const { answerDb, vault } = deps();
  const items = await Promise.all(
    sessions.map(async (session, i): Promise<StepToRecord> => {
      const ids = { providerId: connection.id, accountId: MAIN.id, providerCallId: `step-${i}` };
      const query = { ...question(i, ''), ...ids, pin: null };
      const loaded = await loadCall(answerDb, vault, { ...query, virtualNumber: session.virtualNumber });
      if (loaded === null) throw new Error('no such number');
      const step = { outcome: 'connected', reason: 'known_caller', party: { sessionId: session.id, side: 'first' } };
      const nothing = {
        policy: null,
        tries: [],
        authenticated: false,
        guess: null,
        recordFormat: null,
        pinEvent: null,
      };
      return {
        query: { ...query, virtualNumber: session.virtualNumber },
        loaded,
        step: {
          ...step,
          ...nothing,
          ...(i === BAD && { outcome: 'none' }),
          callee: session.secondParty,
          isAnswered: true,
        },
        fresh: { id: randomUUID(), providerCallId: `step-${i}`, currency: 'USD' },
        overdueInSeconds: 60,
      } as unknown as StepToRecord;
    }),
  );
  const outcomes = await Promise.allSettled(items.map((item) => recordStep(answerDb, vault, item)));
  expect(outcomes[BAD]?.status).toBe('rejected');
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value === 'recorded')).toHaveLength(
    MANY - 1,
  );
});

test('a report that cannot be booked fails alone', async () => {
  const outcomes = await Promise.allSettled(
    sessions.map(({ firstParty, virtualNumber }, i) => {
      const legA = { seconds: 5, hangupSource: (i === BAD ? 'Caller\0' : 'Caller') as 'Caller', endedAt: new Date() };
      const told = { callId: `read-${i}`, direction: 'inbound', caller: firstParty, virtualNumber } as const;
      return reportCall(deps(), connection, { ...told, legA, legB: {}, recording: null });
    }),
  );
  expect(outcomes[BAD]?.status).toBe('rejected');
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(MANY - 1);
  const [row] =
    await house.sql`select count(*)::int as over from calls where provider_call_id like 'read-%' and is_over`;
  expect(row?.over).toBe(MANY - 1);
});

test('a session that cannot be written fails alone', async () => {
  const outcomes = await Promise.allSettled(
    sessions.map((_, i) =>
      create(MANY + i, { callbackUrl: i === BAD ? 'https://app.example/\0' : 'https://app.example/' }),
    ),
  );
  expect(outcomes[BAD]?.status).toBe('rejected');
  const made = outcomes.filter((outcome) => outcome.status === 'fulfilled' && !isRefused(outcome.value));
  expect(made).toHaveLength(MANY - 1);
});

test('a claim whose party or PIN is taken is refused alone, and the others need no statement of their own', async () => {
  const [sample] = sessions as [MaskingSession];
  const numbers = await house.sql<{ id: number; number: string }[]>`select id, number from virtual_numbers order by id`;
  const statements = { count: 0 };
  const began = () => {
    statements.count += 1;
  };
  const watch = { began, ended: () => {} };
  const db = connect(house.instances[0].databaseUrl, { connections: 2, statementTimeoutMs: 5_000, watch });
  const claim = (i: number, at: number, more: object = {}) => {
    const parties = { firstParty: phone(500 + 2 * i), secondParty: phone(501 + 2 * i) };
    const draft = { ...sample, ...parties, ...more };
    Object.assign(draft, { subaccountId: null, country: null, expirySeconds: 3_600, cooloffSeconds: 0 });
    const virtualNumber = numbers[at];
    return {
      id: randomUUID(),
      accountId: MAIN.id,
      virtualNumber,
      draft,
      pins: null,
      mostPins: null,
    } as unknown as Claim;
  };
  const pins = { first: '7531', second: '8642' };
  const withPins = (one: Claim): Claim => ({ ...one, draft: { ...one.draft, pinRequired: true }, pins });
  const claimAll = (claims: readonly Claim[]) => Promise.all(claims.map((one) => claimSession(db, deps().vault, one)));
  expect(await claimAll([claim(0, 0), withPins(claim(1, 1))])).toEqual([expect.any(Object), expect.any(Object)]);
  statements.count = 0;
  const outcomes = await claimAll([claim(2, 2), withPins(claim(3, 1)), { ...claim(4, 0), draft: claim(0, 0).draft }]);
  expect(outcomes).toEqual([{ createdAt: expect.any(Date), expiresAt: expect.any(Date) }, 'pin', 'lease']);
  // All three, the two others without the one that it named, and then those two alone.
  expect(statements.count).toBe(5);
  await disconnect(db, 1);
});
