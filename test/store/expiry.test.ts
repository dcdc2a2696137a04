import { afterEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import { isRefused } from '../../src/core/problem.ts';
import { createSession } from '../../src/service/create-session.ts';
import { expireSessions } from '../../src/service/expiry.ts';
import { deleteSession, getSession, updateSession } from '../../src/service/sessions.ts';
import { changeSession, endSession } from '../../src/store/session-changes.ts';
import { type Pair, passTime, startPair } from '../support/invariants.ts';
import { declared, MAIN } from '../support/service.ts';

const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const pins = (firstPin: string, secondPin: string) => ({
  ...{ pinRequired: true, firstPin, secondPin, settings: { pinPromptPlayUrl: 'https://example.com/pin.mp3' } },
});

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

async function create({ instances }: Pair, first: number, more: object = {}) {
  const [firstParty, secondParty] = [first, first + 1].map((i) => `+1202555${String(i).padStart(4, '0')}`);
  const wish = { firstParty, secondParty, callbackUrl: 'https://example.com/', settings: {}, ...more };
  const made = await createSession(instances[0].deps, SCOPE, wish as never);
  if (isRefused(made)) throw new Error(made.problem.kind);
  return made;
}

const told = async ({ sql }: Pair) =>
  (await sql<{ session: string }[]>`select session_id as session from callbacks order by occurred_at`).map(
    (row) => row.session,
  );

describe('a session', () => {
  test('ends at once when it is deleted: it is told of, cannot be extended and cannot be deleted again', async () => {
    const house = await start();
    const { deps } = house.instances[0];
    const { id } = await create(house, 0, { expirySeconds: 600 });
    expect(await deleteSession(deps, SCOPE, id)).toBe(null);
    expect(await told(house)).toEqual([id]);
    const ended = await getSession(deps, SCOPE, id);
    expect(ended).toMatchObject({ isLive: false });
    if (!isRefused(ended)) expect(ended.expiresAt.getTime()).toBeLessThan(ended.createdAt.getTime() + 300_000);
    const refusal = { problem: { kind: 'session_expired' } };
    expect(await updateSession(deps, SCOPE, id, { expirySeconds: 600, settings: {} })).toEqual(refusal);
    expect(await deleteSession(deps, SCOPE, id)).toEqual(refusal);
    await expireSessions(deps);
    expect(await told(house)).toEqual([id]);
  });

  test('is extended from now, and not from its old end', async () => {
    const house = await start();
    const { id } = await create(house, 0, { expirySeconds: 3600 });
    await passTime(house.sql, 1800);
    const changed = await updateSession(house.instances[0].deps, SCOPE, id, { expirySeconds: 600, settings: {} });
    if (isRefused(changed)) throw new Error(changed.problem.kind);
    const seconds = (changed.expiresAt.getTime() - changed.modifiedAt.getTime()) / 1000;
    expect(seconds).toBeCloseTo(600, 3);
    const kept = await updateSession(house.instances[0].deps, SCOPE, id, { settings: { record: true } });
    expect(kept).toMatchObject({ expiresAt: changed.expiresAt });
  });

  test('that expired is not told of by a claim that was refused: the fact and its callback are one', async () => {
    const house = await start();
    const { deps } = house.instances[0];
    const expired = await create(house, 0, pins('2741', '9052'));
    await passTime(house.sql, 1800);
    const live = await create(house, 10, pins('3815', '6604'));
    // It would take over the expired one's PIN, but for the live one's.
    const wish = { firstParty: '+12025550020', secondParty: '+12025550021', ...pins('2741', '6604') };
    expect(await createSession(deps, SCOPE, wish)).toEqual({ problem: { kind: 'pool_exhausted' } });
    expect(await told(house)).toEqual([]);
    expect(await expireSessions(deps)).toBe(1);
    expect(await told(house)).toEqual([expired.id]);
    expect(await getSession(deps, SCOPE, live.id)).toMatchObject({ isLive: true });
  });

  test('that expired cannot be extended or ended any more, announced or not', async () => {
    const house = await start();
    const { db, vault } = house.instances[0].deps;
    const { id } = await create(house, 0);
    await passTime(house.sql, 1800);
    for (const times of [0, 1]) {
      expect(await changeSession(db, vault, SCOPE, id, { expirySeconds: 600, settings: {} })).toBe('ended');
      expect(await endSession(db, SCOPE, id)).toBe(false);
      expect(await told(house)).toHaveLength(times);
      await expireSessions(house.instances[0].deps);
    }
  });

  test('without a callback address ends without a callback', async () => {
    const house = await start();
    await create(house, 0, { callbackUrl: '' });
    await passTime(house.sql, 1800);
    expect(await expireSessions(house.instances[0].deps)).toBe(1);
    expect(await told(house)).toEqual([]);
  });
});

describe('5 000 sessions that are due', () => {
  const due = async (house: Pair) => {
    const { sql } = house;
    await create(house, 0);
    const columns = (
      await sql<{ name: string }[]>`
      select string_agg(column_name, ', ') as name from information_schema.columns
      where table_name = 'sessions' and column_name not in ('id', 'expires_at')`
    )[0]?.name;
    await sql.unsafe(`insert into sessions (id, expires_at, ${columns})
      select gen_random_uuid(), now() - random() * interval '1 second', ${columns} from sessions, generate_series(1, 5000)`);
    await sql`delete from sessions where expires_at > now()`;
    await sql`update sessions set first_party_digest = decode(md5(id::text), 'hex'), second_party_digest = decode(md5('2' || id), 'hex')`;
  };
  const expectEachOnce = async ({ sql }: Pair) => {
    const [row] = await sql`select count(*)::int as told, count(distinct session_id)::int as sessions,
      count(*) filter (where sequence = 1)::int as first from callbacks where event = 'SessionTimeout'`;
    expect(row).toEqual({ told: 5000, sessions: 5000, first: 5000 });
  };

  test('are each ended and told of once by four workers of two instances', async () => {
    const house = await start();
    await due(house);
    const workers = [...house.instances, ...house.instances];
    const shares = await Promise.all(workers.map(({ deps }) => expireSessions(deps)));
    expect(shares.reduce((a, b) => a + b)).toBe(5000);
    await expectEachOnce(house);
  });

  test('let telling of them step back until all are ended, and few do not', async () => {
    const house = await start();
    const { deps } = house.instances[0];
    const held: string[] = [];
    const holdCallbacks = () => {
      held.push('held');
      return () => held.push('let go');
    };
    await due(house);
    let batches = 0;
    const sql = (...statement: [TemplateStringsArray]) => {
      if (String(statement[0]).includes('with due')) batches += 1;
      if (batches > 3) throw new Error('no more');
      return deps.db.sql(...statement);
    };
    const db = { ...deps.db, sql: sql as never };
    await expect(expireSessions({ ...deps, db, holdCallbacks })).rejects.toThrow('no more');
    expect(held).toEqual(['held', 'let go']);
    expect(await expireSessions({ ...deps, holdCallbacks })).toBe(4700);
    expect(held.splice(0)).toEqual(['held', 'let go', 'held', 'let go']);
    await expectEachOnce(house);
    await create(house, 0);
    await passTime(house.sql, 1800);
    expect(await expireSessions({ ...deps, holdCallbacks })).toBe(1);
    expect(held).toEqual([]);
  });

  test('are each told of once although the database kills every connection in the middle', async () => {
    const house = await start();
    await due(house);
    const workers = [...house.instances, ...house.instances].map(({ deps }) => expireSessions(deps));
    const killed = Promise.allSettled(workers);
    await house.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'bauta' and state = 'active'`;
    await killed;
    await expireSessions(house.instances[0].deps);
    await expectEachOnce(house);
  });
});
