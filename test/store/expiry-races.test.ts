import { afterEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import type { MaskingSession } from '../../src/core/session.ts';
import { answerCall } from '../../src/service/calls.ts';
import { createSession } from '../../src/service/create-session.ts';
import { expireSessions } from '../../src/service/expiry.ts';
import { deleteSession, updateSession } from '../../src/service/sessions.ts';
import { isOutage } from '../../src/store/connect.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { findConnection } from '../../src/store/providers.ts';
import { type Pair, startPair, untilWaiting } from '../support/invariants.ts';
import { declared, MAIN, PLIVO_KEY } from '../support/service.ts';

const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const EXPIRED = { problem: { kind: 'session_expired' } };
const EXTENSION = 3600;
const RACE_MS = 300;
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}` as Phone;

let pair: Pair | null = null;

async function start(): Promise<Pair> {
  pair = await startPair(declared({ us: 1, tr: 0 }));
  return pair;
}

afterEach(async () => {
  const faults = await pair?.settle();
  pair = null;
  expect(faults ?? []).toEqual([]);
});

/** Sessions of different people on one number, made at once. */
async function crowd({ instances }: Pair, count: number, pinRequired = false): Promise<readonly MaskingSession[]> {
  const pins = {
    pinRequired,
    settings: { generatePin: true, generatePinLength: 8, pinPromptPlayUrl: 'https://x.org/a' },
  };
  const made = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      createSession(instances[i % 2 === 0 ? 0 : 1].deps, SCOPE, {
        ...{ firstParty: phone(2 * i), secondParty: phone(2 * i + 1), callbackUrl: 'https://example.com/', ...pins },
      }),
    ),
  );
  return made.map((session) => {
    if (isRefused(session)) throw new Error(session.problem.kind);
    return session;
  });
}

/**
 * A fifth of the sessions has just expired and a fifth lives on for an hour, so that neither outcome is missing on
 * a machine of any speed; the rest expire one by one in the time to come, which is the race.
 */
async function expireWithin({ sql }: Pair, ms: number): Promise<void> {
  await sql`
    with due as (
      update sessions set expires_at = case when random() < 0.2 then now() when random() < 0.25 then now() + interval '1 hour'
        else clock_timestamp() + make_interval(secs => random() * ${ms / 1000}) end
      where ended_at is null returning id, expires_at
    ), due_leases as (update leases l set held_until = due.expires_at from due where l.session_id = due.id)
    update pins p set held_until = due.expires_at from due where p.session_id = due.id`;
}

/** The expiry job of both instances, over and over, until the work is done and nothing is due any more. */
async function whileExpiring<T>({ instances }: Pair, work: Promise<T>): Promise<T> {
  let isDone = false;
  const workers = instances.map(async ({ deps }) => {
    while (!isDone) await expireSessions(deps);
  });
  const result = await work.finally(() => {
    isDone = true;
  });
  await Promise.all(workers);
  await expireSessions(instances[0].deps);
  return result;
}

interface Fate {
  readonly id: string;
  readonly isEnded: boolean;
  readonly onTime: boolean;
  readonly told: number;
  readonly left: number;
}

/** What became of sessions, in their order. */
async function fatesOf({ sql }: Pair, sessions: readonly { readonly id: string }[]): Promise<readonly Fate[]> {
  const rows = await sql<Fate[]>`
    select id, ended_at is not null as "isEnded", ended_at = expires_at as "onTime",
      extract(epoch from expires_at - now())::float8 as left,
      (select count(*)::int from callbacks c where c.session_id = s.id and c.event = 'SessionTimeout') as told
    from sessions s`;
  const byId = new Map(rows.map((row) => [row.id, row]));
  return sessions.map(({ id }) => byId.get(id) ?? expect.fail('a session is gone'));
}

const spread = (i: number, ms: number) => new Promise((resolve) => setTimeout(resolve, (i % 20) * (ms / 20)));

/** Asks again, as a provider does, where a machine that is busy with more than this misses an answer's deadline. */
async function answered(...asked: Parameters<typeof answerCall>): ReturnType<typeof answerCall> {
  for (let tries = 1; ; tries++) {
    try {
      return await answerCall(...asked);
    } catch (error) {
      if (!isOutage(error) || tries === 3) throw error;
    }
  }
}

describe('expiry against', () => {
  test('extension, 1 000 times: a session is extended or expired for its old deadline, never both', async () => {
    const house = await start();
    for (let round = 0; round < 5; round++) {
      await house.sql`truncate sessions, leases, pins, callbacks`;
      const sessions = await crowd(house, 200);
      await expireWithin(house, RACE_MS);
      const outcomes = await whileExpiring(
        house,
        Promise.all(
          sessions.map(async ({ id }, i) => {
            await spread(i, RACE_MS);
            return updateSession(house.instances[i % 2 === 0 ? 0 : 1].deps, SCOPE, id, {
              expirySeconds: EXTENSION,
              settings: {},
            });
          }),
        ),
      );
      const extended = outcomes.filter((outcome) => !isRefused(outcome)).length;
      expect([extended > 0, extended < 200]).toEqual([true, true]);
      for (const [i, { isEnded, onTime, told, left }] of (await fatesOf(house, sessions)).entries()) {
        if (isRefused(outcomes[i])) expect([outcomes[i], isEnded, onTime, told]).toEqual([EXPIRED, true, true, 1]);
        else expect([isEnded, told, left > EXTENSION - 60]).toEqual([false, 0, true]);
      }
      expect(await invariantFaults(house.sql)).toEqual([]);
    }
  });

  test('delete: exactly one SessionTimeout, and one of two deletes at most succeeds', async () => {
    const house = await start();
    const sessions = await crowd(house, 200);
    await expireWithin(house, RACE_MS);
    const outcomes = await whileExpiring(
      house,
      Promise.all(
        sessions.map(async ({ id }, i) => {
          await spread(i, RACE_MS);
          return Promise.all(house.instances.map(({ deps }) => deleteSession(deps, SCOPE, id)));
        }),
      ),
    );
    for (const [i, fate] of (await fatesOf(house, sessions)).entries()) {
      expect(fate).toMatchObject({ isEnded: true, onTime: true, told: 1 });
      expect(outcomes[i]?.filter((outcome) => outcome === null).length).toBeLessThanOrEqual(1);
      expect(outcomes[i]).toContainEqual(EXPIRED);
    }
  });

  test('calls: one is connected in a live session, or not at all, and nothing is told after the SessionTimeout', async () => {
    const house = await start();
    const sessions = await crowd(house, 200, true);
    const connection = await findConnection(house.instances[0].deps.db, house.instances[0].deps.vault, PLIVO_KEY);
    if (connection === null) throw new Error('no connection');
    await expireWithin(house, RACE_MS);
    const endings = await whileExpiring(
      house,
      Promise.all(
        sessions.map(async ({ id, virtualNumber }, i) => {
          await spread(i, RACE_MS);
          const { deps } = house.instances[i % 2 === 0 ? 0 : 1];
          const question = {
            callId: `call-${i}`,
            caller: phone(2 * i),
            callee: virtualNumber,
            attestation: 'unknown' as const,
            digits: null,
            tryNumber: null,
            direction: 'inbound' as const,
          };
          const [decision] = await Promise.all([
            answered(deps, connection, question),
            i % 3 === 0 ? deleteSession(house.instances[0].deps, SCOPE, id) : null,
          ]);
          return decision.plan.ending.kind;
        }),
      ),
    );
    expect(new Set(endings).has('dial') && new Set(endings).size > 1).toBe(true);
    for (const { id } of sessions) await deleteSession(house.instances[1].deps, SCOPE, id);
    const connected = await house.sql`select session_id as id from calls where outcome = 'connected'`;
    const dialled = sessions.filter((_, i) => endings[i] === 'dial');
    expect(connected.map(({ id }) => id).sort()).toEqual(dialled.map(({ id }) => id).sort());
    for (const fate of await fatesOf(house, sessions)) expect(fate).toMatchObject({ isEnded: true, told: 1 });
  });
});

describe('the place of a session that expires', () => {
  test('goes to its own extension or to a new session, never to both', async () => {
    const house = await start();
    const sessions = await crowd(house, 200);
    await expireWithin(house, RACE_MS);
    const outcomes = await Promise.all(
      sessions.map(async ({ id }, i) => {
        await spread(i, RACE_MS);
        const [a, b] = i % 2 === 0 ? house.instances : [house.instances[1], house.instances[0]];
        const wish = {
          firstParty: phone(5000 + i),
          secondParty: phone(2 * i),
          callbackUrl: 'https://x.org',
          settings: {},
        };
        return Promise.all([
          updateSession(a.deps, SCOPE, id, { expirySeconds: EXTENSION, settings: {} }),
          createSession(b.deps, SCOPE, wish),
          createSession(a.deps, SCOPE, wish),
        ]);
      }),
    );
    const holders = outcomes.map((all) => all.filter((outcome) => !isRefused(outcome)).length);
    expect(Math.max(...holders)).toBe(1);
    const extended = outcomes.filter(([extension]) => !isRefused(extension)).length;
    expect([extended > 0, extended < 200]).toEqual([true, true]);
  });

  // What each waits for: an extension takes its session first, then its leases.
  test.each(['sessions', 'leases'])(
    'stays with an extension that began in time and is held up at its %s',
    async (table) => {
      const house = await start();
      const [session] = await crowd(house, 1);
      if (!session) throw new Error('no session');
      const extend = () =>
        updateSession(house.instances[0].deps, SCOPE, session.id, { expirySeconds: EXTENSION, settings: {} });
      const take = () =>
        createSession(house.instances[1].deps, SCOPE, { firstParty: phone(9), secondParty: phone(0), settings: {} });
      // A machine that is busy elsewhere may begin too late or wait too long; then once more.
      for (let tries = 10; tries > 0; tries--) {
        await house.sql`with s as (update sessions set expires_at = clock_timestamp() + interval '0.3 seconds' returning expires_at)
        update leases set held_until = s.expires_at from s`;
        const [extension, creation] = await behindGate(house, table, extend, take);
        if (extension.status === 'rejected' || creation.status === 'rejected' || isRefused(extension.value)) continue;
        expect(creation.value).toEqual({ problem: { kind: 'pool_exhausted' } });
        expect(await fatesOf(house, [session])).toMatchObject([{ isEnded: false, told: 0 }]);
        return;
      }
      throw new Error('the race never took place');
    },
  );
});

/** Begins one work before the sessions expire and one afterwards, while the test holds the rows of a table. */
async function behindGate<A, B>({ sql }: Pair, table: string, early: () => Promise<A>, late: () => Promise<B>) {
  let works: Promise<[PromiseSettledResult<A>, PromiseSettledResult<B>]> | undefined;
  await sql.begin(async (gate) => {
    await gate`select from ${sql(table)} for update`;
    const first = early();
    await untilWaiting(sql, 1, first);
    await gate`select pg_sleep(greatest(0, extract(epoch from max(expires_at) - clock_timestamp()))) from sessions`;
    works = Promise.allSettled([first, late()]);
    await untilWaiting(sql, 2, works);
  });
  return works ?? expect.fail('the gate was never closed');
}
