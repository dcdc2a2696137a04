import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import { isRefused } from '../../src/core/problem.ts';
import type { SessionWish } from '../../src/core/session.ts';
import { createSession } from '../../src/service/create-session.ts';
import { deleteSession, updateSession } from '../../src/service/sessions.ts';
import { invariantFaults } from '../../src/store/invariants.ts';
import { type Pair, startPair } from '../support/invariants.ts';
import { api, declared, MAIN, SESSIONS } from '../support/service.ts';

const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const EXHAUSTED = 'Number pool exhausted or not available.';
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}`;

let pair: Pair | null = null;

/** Instances whose account has this many numbers, all of the parties' country. */
async function onNumbers(us: number): Promise<Pair> {
  pair = await startPair(declared({ us, tr: 0 }));
  return pair;
}

afterEach(async () => {
  const faults = await pair?.settle();
  pair = null;
  expect(faults ?? []).toEqual([]);
});

describe('creates that race for the same places', () => {
  test('200 with one party in common over 10 numbers, from two instances: 10 succeed, 190 hear of the pool, none fails', async () => {
    const { instances } = await onNumbers(10);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        api(instances[i % 2 === 0 ? 0 : 1], 'POST', SESSIONS, {
          ...(i % 4 < 2
            ? { first_party: phone(0), second_party: phone(i + 1) }
            : { first_party: phone(i + 1), second_party: phone(0) }),
        }),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status, body }) => status === 400 && body.error === EXHAUSTED);
    expect([made.length, refused.length]).toEqual([10, 190]);
    expect(new Set(made.map(({ body }) => body.virtual_number)).size).toBe(10);
  });

  test('60 with PINs as long as they must be, on one number, from two instances: never more of a length than is safe', async () => {
    const { instances, sql } = await onNumbers(1);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        api(instances[i % 2 === 0 ? 0 : 1], 'POST', SESSIONS, {
          ...{ first_party: phone(2 * i), second_party: phone(2 * i + 1), is_pin_authentication_required: true },
          ...{ generate_pin: true, pin_prompt_play: 'https://example.com/pin.mp3' },
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(60).fill(201));
    const lengths = await sql<{ length: number; n: number }[]>`
      select length, count(*)::int as n from pins group by length order by length`;
    // In 20 guesses: 5 of five digits, 50 of six, 500 of seven.
    expect(lengths.map(({ length, n }) => [length, n])).toEqual([
      [5, 4],
      [6, 50],
      [7, 66],
    ]);
  });

  test('64 with the same fixed PINs over 5 numbers: 5 succeed, one on each number, none fails', async () => {
    const { instances } = await onNumbers(5);
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        api(instances[i % 2 === 0 ? 0 : 1], 'POST', SESSIONS, {
          ...{ first_party: phone(2 * i), second_party: phone(2 * i + 1), is_pin_authentication_required: true },
          ...{ first_party_pin: i % 4 < 2 ? '2741' : '9052', second_party_pin: i % 4 < 2 ? '9052' : '2741' },
          pin_prompt_play: 'https://example.com/pin.mp3',
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(answers.filter(({ body }) => body.error === EXHAUSTED)).toHaveLength(59);
  });

  test('creates, deletes and updates of the same few parties and PINs, in both directions, never fail or wait in a circle', async () => {
    const { instances, sql } = await onNumbers(3);
    const made: string[] = [];
    const refusals = new Set<string>();
    const random = seeded(20260728);
    const deed = async (i: number) => {
      const { deps } = instances[i % 2 === 0 ? 0 : 1];
      const [a, b] = [random(6), random(5)];
      const [first, second] = [phone(a), phone(b >= a ? b + 1 : b)];
      const known = made[random(made.length)] ?? '';
      const deeds = [
        () => createSession(deps, SCOPE, wish(first, second)),
        () => createSession(deps, SCOPE, { ...wish(first, second), ...fixedPins(random(2)) }),
        () => createSession(deps, SCOPE, { firstParty: first, singleParty: true, settings: {} }),
        () => updateSession(deps, SCOPE, known, { expirySeconds: 600, settings: {} }),
        () => updateSession(deps, SCOPE, known, { secondParty: second, settings: {} }),
        () => deleteSession(deps, SCOPE, known),
      ];
      const kind = known === '' ? 0 : random(deeds.length);
      const done = await deeds[kind]?.();
      if (isRefused(done)) refusals.add(done.problem.kind);
      else if (done && kind < 3) made.push(done.id);
      // The order in which rows lie is not the one in which they are to be locked.
      if (i % 100 === 0) await sql`update pins set length = length, held_until = held_until where random() < 0.5`;
    };
    await inParallel(16, 2000, deed);
    expect(made.length).toBeGreaterThan(50);
    expect([...refusals].sort()).toEqual(['invalid', 'pool_exhausted', 'session_expired']);
  });

  test('creates of one pair in both directions take their places in one order: none waits in a circle', async () => {
    const { instances, sql } = await onNumbers(1);
    for (let round = 0; round < 40; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          createSession(
            instances[i < 5 ? 0 : 1].deps,
            SCOPE,
            i % 2 === 0 ? wish(phone(0), phone(1)) : wish(phone(1), phone(0)),
          ),
        ),
      );
      expect(outcomes.filter((outcome) => !isRefused(outcome))).toHaveLength(1);
      await sql`truncate sessions, leases, pins, callbacks`;
    }
  });

  test('updates and creates with the same PINs take them in one order, however they are stored: none waits in a circle', async () => {
    const { instances, sql } = await onNumbers(1);
    const session = await createSession(instances[0].deps, SCOPE, { ...wish(phone(0), phone(1)), ...fixedPins(0) });
    if (isRefused(session)) throw new Error(session.problem.kind);
    for (let round = 0; round < 60; round++) {
      const stored = await sql`delete from pins returning *`;
      stored.sort((a, b) => Buffer.compare(b.pin_digest, a.pin_digest));
      for (const row of stored) await sql`insert into pins ${sql(row)}`;
      await inParallel(10, 10, async (i) => {
        const { deps } = instances[i < 5 ? 0 : 1];
        if (i % 5 < 2) await updateSession(deps, SCOPE, session.id, { expirySeconds: 600, settings: {} });
        else await createSession(deps, SCOPE, { ...wish(phone(i + 2), phone(i + 20)), ...fixedPins(0) });
      });
    }
  });
});

describe('a phone in N sessions', () => {
  // Whatever was there before is gone: a run has the first 2N−1 numbers of the pool, and nothing on them.
  const LARGEST = 3;
  const reset = async ({ sql }: Pair, n: number) => {
    await sql`truncate sessions, leases, pins, callbacks`;
    await sql`update virtual_numbers set retired_at = case when number in (
      select number from virtual_numbers where account_id = ${MAIN.id} and subaccount_id is null order by id limit ${2 * n - 1})
      then null else now() end where account_id = ${MAIN.id} and subaccount_id is null`;
  };

  test('needs 2N−1 numbers at most, in whatever order sessions come and go', async () => {
    const house = await onNumbers(2 * LARGEST - 1);
    const { deps } = house.instances[0];
    const deeds = fc.array(
      fc.record({ a: fc.nat(5), b: fc.nat(4), drop: fc.option(fc.nat(20), { freq: 2 }), pin: fc.boolean() }),
      { minLength: 10, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: LARGEST }), deeds, async (n, list) => {
        await reset(house, n);
        const live: { id: string; parties: number[] }[] = [];
        const degree = (party: number) => live.filter(({ parties }) => parties.includes(party)).length;
        for (const { a, b: rest, drop, pin } of list) {
          const b = rest >= a ? rest + 1 : rest;
          if (drop !== null) {
            const [gone] = live.splice(drop % Math.max(live.length, 1), 1);
            if (gone) expect(await deleteSession(deps, SCOPE, gone.id)).toBe(null);
          } else if (degree(a) < n && degree(b) < n) {
            const made = await createSession(deps, SCOPE, { ...wish(phone(a), phone(b)), ...(pin && generatedPins) });
            if (isRefused(made)) throw new Error(`refused: ${made.problem.kind}`);
            live.push({ id: made.id, parties: [a, b] });
          }
        }
        expect(await invariantFaults(house.sql)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('needs 2N−1 numbers at most, even if all its sessions are made in the same moment', async () => {
    const house = await onNumbers(2 * LARGEST - 1);
    const edges = fc.array(fc.tuple(fc.nat(6), fc.nat(5)), { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: LARGEST }), edges, async (n, list) => {
        await reset(house, n);
        const degree = new Map<number, number>();
        const wishes = list.flatMap(([a, rest]) => {
          const pair = [a, rest >= a ? rest + 1 : rest] as const;
          if (pair.some((party) => (degree.get(party) ?? 0) >= n)) return [];
          for (const party of pair) degree.set(party, (degree.get(party) ?? 0) + 1);
          return [wish(phone(pair[0]), phone(pair[1]))];
        });
        const outcomes = await Promise.all(
          wishes.map((w, i) => createSession(house.instances[i % 2 === 0 ? 0 : 1].deps, SCOPE, w)),
        );
        expect(outcomes.filter(isRefused)).toEqual([]);
        expect(await invariantFaults(house.sql)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

function wish(firstParty: string, secondParty: string): SessionWish {
  return { firstParty, secondParty, callbackUrl: 'https://example.com/', settings: {} };
}

const pinSettings = { pinPromptPlayUrl: 'https://example.com/pin.mp3' };
const generatedPins = { pinRequired: true, settings: { ...pinSettings, generatePin: true } };

function fixedPins(turn: number) {
  const [firstPin, secondPin] = turn === 0 ? ['2741', '9052'] : ['9052', '2741'];
  return { pinRequired: true, firstPin, secondPin, settings: pinSettings };
}

/** A source of whole numbers below a bound, the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function inParallel(workers: number, deeds: number, deed: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < deeds) await deed(next++);
    }),
  );
}
