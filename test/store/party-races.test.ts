import { afterEach, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import { createSession } from '../../src/service/create-session.ts';
import { eraseSession } from '../../src/service/erasure.ts';
import { deleteSession, updateSession } from '../../src/service/sessions.ts';
import { type Pair, startPair, untilWaiting } from '../support/invariants.ts';
import { declared, MAIN } from '../support/service.ts';

const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}` as Phone;

let pair: Pair | null = null;

afterEach(async () => {
  const faults = await pair?.settle();
  pair = null;
  expect(faults ?? []).toEqual([]);
});

/** The second waits for the session while the first, which waits before it, gives it a party's lease. */
async function oneAfterTheOther(first: (id: string) => Promise<unknown>, second: (id: string) => Promise<unknown>) {
  pair = await startPair(declared({ us: 1, tr: 0 }));
  const { instances, sql } = pair;
  const session = await createSession(instances[0].deps, SCOPE, {
    ...{ firstParty: phone(0), singleParty: true, callbackUrl: 'https://example.com/', settings: {} },
  });
  if (isRefused(session)) throw new Error(session.problem.kind);
  let outcomes: Promise<unknown[]> | null = null;
  await sql.begin(async (holding) => {
    await holding`select from sessions where id = ${session.id} for update`;
    const earlier = first(session.id);
    await untilWaiting(sql, 1);
    const later = second(session.id);
    await untilWaiting(sql, 2);
    outcomes = Promise.all([earlier, later]);
  });
  return { outcomes: await outcomes, sql, id: session.id };
}

const givesParty = (i: 0 | 1, party: number) => (id: string) => {
  const deps = pair?.instances[i].deps;
  return deps ? updateSession(deps, SCOPE, id, { secondParty: phone(party), settings: {} }) : Promise.reject();
};

test('a deletion that waits for a session lets go of the party that the session got meanwhile', async () => {
  const { sql, id } = await oneAfterTheOther(givesParty(0, 1), (id) => {
    const deps = pair?.instances[1].deps;
    return deps ? deleteSession(deps, SCOPE, id) : Promise.reject();
  });
  const held = await sql`
    select from leases l join sessions s on s.id = l.session_id
    where s.id = ${id} and l.held_until > s.expires_at + make_interval(secs => s.cooloff_seconds)`;
  expect(held).toEqual([]);
});

test('an extension that waits for a session holds the place of the party that the session got meanwhile', async () => {
  const { outcomes } = await oneAfterTheOther(givesParty(0, 1), (id) => {
    const deps = pair?.instances[1].deps;
    return deps ? updateSession(deps, SCOPE, id, { expirySeconds: 7200, settings: {} }) : Promise.reject();
  });
  expect(outcomes).toMatchObject([{ secondParty: phone(1) }, { secondParty: phone(1) }]);
});

test('of two parties that are given one after the other the later is there, and the earlier has no place', async () => {
  const { sql, id, outcomes } = await oneAfterTheOther(givesParty(0, 1), givesParty(1, 2));
  expect(outcomes).toMatchObject([{}, { secondParty: phone(2) }]);
  expect(await sql`select from leases where session_id = ${id}`).toHaveLength(2);
});

test('an erasure that waits for a session leaves no place of the party that the session got meanwhile', async () => {
  const { sql, id } = await oneAfterTheOther(givesParty(0, 1), (id) => {
    const deps = pair?.instances[1].deps;
    return deps ? eraseSession(deps, SCOPE, id) : Promise.reject();
  });
  expect(await sql`select from leases where session_id = ${id}`).toEqual([]);
});
