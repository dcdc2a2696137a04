import { randomInt } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/core/account.ts';
import { isRefused } from '../../src/core/problem.ts';
import type { MaskingSession, SessionWish } from '../../src/core/session.ts';
import { createSession } from '../../src/service/create-session.ts';
import { expireSessions } from '../../src/service/expiry.ts';
import { deleteSession, updateSession } from '../../src/service/sessions.ts';
import { type Pair, passTime, startPair, untilWaiting } from '../support/invariants.ts';
import { declared, MAIN, type TestServiceOptions } from '../support/service.ts';

const SCOPE: Scope = { accountId: MAIN.id, subaccountId: null };
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}`;
const COOL_OFF = 120;

let pair: Pair | null = null;

async function onNumbers(us: number, options: TestServiceOptions = {}): Promise<Pair> {
  pair = await startPair(declared({ us, tr: 0 }), options);
  return pair;
}

/** Closes what the test has opened, and gives the faults that it left behind. */
async function settled(): Promise<readonly string[]> {
  const faults = await pair?.settle();
  pair = null;
  return faults ?? [];
}

afterEach(async () => {
  expect(await settled()).toEqual([]);
});

const wish = (first: number, second: number, more: Partial<SessionWish> = {}): SessionWish => ({
  ...{ firstParty: phone(first), secondParty: phone(second), callbackUrl: 'https://example.com/', settings: {} },
  ...more,
});
const pinSettings = { pinPromptPlayUrl: 'https://example.com/pin.mp3' };
const pins = (firstPin: string, secondPin: string) => ({
  pinRequired: true,
  firstPin,
  secondPin,
  settings: pinSettings,
});
const openTo = (first: number): SessionWish => ({ firstParty: phone(first), singleParty: true, settings: {} });

async function create({ instances }: Pair, w: SessionWish): Promise<MaskingSession> {
  const made = await createSession(instances[0].deps, SCOPE, w);
  if (isRefused(made)) throw new Error(`refused: ${made.problem.kind}`);
  return made;
}

async function expectRefusal({ instances }: Pair, w: SessionWish): Promise<void> {
  expect(await createSession(instances[1].deps, SCOPE, w)).toEqual({ problem: { kind: 'pool_exhausted' } });
}

async function expectEnded({ sql }: Pair, id: string): Promise<void> {
  const [row] = await sql`select ended_at = expires_at as on_time, (
    select count(*)::int from callbacks where session_id = s.id and event = 'SessionTimeout') as told from sessions s where id = ${id}`;
  expect(row).toEqual({ on_time: true, told: 1 });
}

describe('a cool-off', () => {
  test.each(['deleted', 'expired'] as const)(
    'of a session that was %s is kept until its end, and not longer',
    async (how) => {
      const house = await onNumbers(1);
      const { deps } = house.instances[0];
      const session = await create(
        house,
        wish(1, 2, { cooloffSeconds: COOL_OFF, expirySeconds: 60, ...pins('2741', '9052') }),
      );
      if (how === 'deleted') expect(await deleteSession(deps, SCOPE, session.id)).toBe(null);
      else await passTime(house.sql, 60);
      await expireSessions(deps);
      await expectEnded(house, session.id);
      for (const rest of [COOL_OFF, COOL_OFF / 2, 10]) {
        await passTime(house.sql, rest === COOL_OFF ? 0 : rest === 10 ? COOL_OFF / 2 - 10 : COOL_OFF / 2);
        await expectRefusal(house, wish(1, 3));
        await expectRefusal(house, wish(4, 2));
        await expectRefusal(house, wish(5, 6, pins('3815', '2741')));
      }
      await passTime(house.sql, 10);
      await create(house, wish(3, 1, pins('9052', '3815')));
      await create(house, wish(2, 4, pins('2741', '6604')));
    },
  );

  test('begins at the new end of a session that was extended', async () => {
    const house = await onNumbers(1);
    const session = await create(house, wish(1, 2, { cooloffSeconds: COOL_OFF, expirySeconds: 60 }));
    await updateSession(house.instances[0].deps, SCOPE, session.id, { expirySeconds: 600, settings: {} });
    await passTime(house.sql, 60 + COOL_OFF);
    await expectRefusal(house, wish(1, 3));
    await passTime(house.sql, 540 - 10);
    await expectRefusal(house, wish(1, 3));
    await passTime(house.sql, 10);
    await create(house, wish(1, 3));
  });

  test('of zero leaves the place free in the very next request after a delete', async () => {
    const house = await onNumbers(1);
    for (let i = 0; i < 20; i++) {
      const session = await create(house, wish(1, 2, pins('2741', '9052')));
      expect(await deleteSession(house.instances[1].deps, SCOPE, session.id)).toBe(null);
    }
  });
});

describe('an expired session that nobody has announced', () => {
  test.each([
    ['party', wish(1, 3)],
    ['party on the other side', wish(4, 2)],
    ['PIN', wish(5, 6, pins('9052', '3815'))],
    ['parties and PINs', wish(2, 1, pins('2741', '9052'))],
  ])('gives its %s to the next session, and is told of exactly once', async (_what, next) => {
    const house = await onNumbers(1);
    const session = await create(house, wish(1, 2, pins('2741', '9052')));
    await expectRefusal(house, next);
    await passTime(house.sql, 1800);
    await create(house, next);
    await expectEnded(house, session.id);
    expect(await expireSessions(house.instances[0].deps)).toBe(0);
    await expectEnded(house, session.id);
  });

  test('never starves the pool: 60 creates at once find 10 expired holders, 10 succeed', async () => {
    const house = await onNumbers(10);
    const old = await Promise.all(Array.from({ length: 10 }, (_, i) => create(house, wish(0, i + 1))));
    await expectRefusal(house, wish(0, 11));
    await passTime(house.sql, 1800);
    const outcomes = await Promise.all([
      ...Array.from({ length: 60 }, (_, i) =>
        createSession(house.instances[i % 2 === 0 ? 0 : 1].deps, SCOPE, wish(0, i + 1)),
      ),
      ...house.instances.map(({ deps }) => expireSessions(deps)),
    ]);
    expect(outcomes.slice(0, 60).filter((outcome) => !isRefused(outcome))).toHaveLength(10);
    for (const { id } of old) await expectEnded(house, id);
  });
});

describe('PINs that are taken on a number', () => {
  test('generated: others are drawn until the number is full of them; then it counts as taken', async () => {
    const digits: number[] = [];
    const house = await onNumbers(1, { deps: { random: (below) => digits.shift() ?? randomInt(below) } });
    const willDraw = (...drawn: string[]) => digits.push(...drawn.flatMap((pin) => Array.from(pin, Number)));
    const generated = { pinRequired: true, settings: { ...pinSettings, generatePin: true, generatePinLength: 4 } };
    willDraw('2741', '9052');
    expect(await create(house, wish(1, 2, generated))).toMatchObject({ firstPin: '2741', secondPin: '9052' });
    willDraw('9052', '3815', '6604', '2741', '3815', '6604');
    expect(await create(house, wish(3, 4, generated))).toMatchObject({ firstPin: '3815', secondPin: '6604' });
    willDraw(...Array.from({ length: 20 }, () => ['2741', '3815']).flat());
    await expectRefusal(house, wish(5, 6, generated));
  });

  test('fixed: the session goes to another number, as long as there is one', async () => {
    const house = await onNumbers(2);
    const [a, b] = [
      await create(house, wish(1, 2, pins('2741', '9052'))),
      await create(house, wish(3, 4, pins('9052', '3815'))),
    ];
    expect(a.virtualNumber).not.toBe(b.virtualNumber);
    await expectRefusal(house, wish(5, 6, pins('2741', '3815')));
    await create(house, wish(5, 6, pins('6604', '7193')));
  });
});

describe('single-party sessions without PIN', () => {
  test('live one on a number, and on none where PINs live', async () => {
    const house = await onNumbers(2);
    const [a, b] = [await create(house, openTo(1)), await create(house, openTo(2))];
    expect(a.virtualNumber).not.toBe(b.virtualNumber);
    await expectRefusal(house, openTo(3));
    await expectRefusal(house, wish(5, 6, pins('2741', '9052')));
    await deleteSession(house.instances[0].deps, SCOPE, b.id);
    expect(await create(house, wish(5, 6, pins('2741', '9052')))).toMatchObject({ virtualNumber: b.virtualNumber });
    await expectRefusal(house, openTo(3));
    // Two-party sessions without PIN go well with either.
    for (const i of [10, 20]) await create(house, wish(i, 100));
  });

  test('live on none where PINs live, even if both are made in the same moment', async () => {
    const house = await onNumbers(1);
    const { deps } = house.instances[0];
    // Its claim has looked for PINs and then waits for its party's old place, which the test holds on to.
    const old = await create(house, openTo(1));
    await deleteSession(deps, SCOPE, old.id);
    let open: ReturnType<typeof createSession> | undefined;
    await house.sql.begin(async (gate) => {
      await gate`select from leases where session_id = ${old.id} for update`;
      open = createSession(deps, SCOPE, openTo(1));
      await untilWaiting(house.sql, 1);
      await createSession(house.instances[1].deps, SCOPE, wish(5, 6, pins('2741', '9052')));
    });
    await open;
    expect(await settled()).toEqual([]);
  });
});
