import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { foldTallies } from '../../src/service/totals.ts';
import { api, startService, type TestService } from '../support/service.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { LINES, type Line, lines, WITH_PIN } from '../support/story-lines.ts';

const { plivo } = lines;

let world: StoryWorld;
let second: TestService;
beforeAll(async () => {
  world = await startStories();
  second = await startService({ databaseUrl: world.service.databaseUrl });
});
afterEach(async () => {
  await world.forget();
  await world.service.deps.db.sql`update accounts set policy = '{}'`;
});
afterAll(async () => {
  await second.close();
  await world.service.close();
});

async function setPolicy(line: Line, change: object): Promise<void> {
  const url = `/v1/Account/${line.account.id}/Masking/Policy/`;
  const { status } = await api(world.service, 'POST', url, change, line.account);
  expect(status).toBe(200);
}

/** Asks for a session and tells what became of it. */
async function create(line: Line, wish: object): Promise<string> {
  const url = `/v1/Account/${line.account.id}/Masking/Session/`;
  const { status, body } = await api(world.service, 'POST', url, { geomatch: false, ...wish }, line.account);
  return `${status} ${body.error ?? ''}`.trim();
}

const rejected = (heard: readonly string[]) => heard.length === 1 && (heard[0] ?? '').startsWith('hangup');

describe.each(LINES)('the policy of an account, over $name,', (line) => {
  it('that asks for attested numbers has a party prove by a PIN who they are', async () => {
    const session = await world.session(line, WITH_PIN);
    await setPolicy(line, { caller_trust: 'pin_if_not_attested' });
    const call = world.call(line, session.first);
    expect(await call.dial()).toEqual(['ask pin']);
    expect(await call.press('1357')).toEqual([`dial ${session.second}`]);
  });

  it('stops all calls and sessions at once when it is switched off, and lets them go on when it is on again', async () => {
    const session = await world.session(line);
    const parties = { first_party: world.phone(line), second_party: world.phone(line) };
    await setPolicy(line, { calls_enabled: false });
    expect(rejected(await world.call(line, session.first).dial())).toBe(true);
    expect((await world.calls()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'calls_disabled' });
    expect(await create(line, parties)).toBe('403 Calls are switched off for this account.');
    await setPolicy(line, { calls_enabled: true });
    // Not the first party: without a call's id, who calls again at once asks again about the same call.
    expect(await world.call(line, session.second).dial()).toEqual([`dial ${session.first}`]);
  });

  it('is asked again when a call is made: who could be called then may not be called now', async () => {
    const session = await world.session(line);
    await setPolicy(line, { denied_prefixes: [session.second.slice(0, 6)] });
    expect(rejected(await world.call(line, session.first).dial())).toBe(true);
    expect((await world.calls()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'destination_denied' });
  });
});

describe('calls at the same moment', () => {
  const COUNT = 100;

  async function connected(wish: object, sessions: number): Promise<number> {
    await setPolicy(plivo, wish);
    const made = await Promise.all(Array.from({ length: sessions }, () => world.session(plivo)));
    const heard = await Promise.all(
      Array.from({ length: COUNT }, (_, i) => {
        const session = made[i % sessions];
        if (!session) throw new Error('no session');
        return world.call(plivo, session.first, { callId: `cap-${i}`, ...(i % 2 === 1 && { through: second }) }).dial();
      }),
    );
    return heard.filter(([word]) => word?.startsWith('dial')).length;
  }

  it.each([
    ['of one session', { calls_at_once_per_session: 1 }, 1, 1],
    ['of one session within an hour', { calls_an_hour_per_session: 3 }, 1, 3],
    ['on one number', { calls_at_once_per_number: 4 }, 5, 4],
    ['on one number within an hour', { calls_an_hour_per_number: 4 }, 5, 4],
    ['of one account', { calls_at_once: 5 }, 3, 5],
    ['of one account within an hour', { calls_an_hour: 6 }, 3, 6],
  ])('%s are as many as the policy allows, and not one more', async (_, wish, sessions, allowed) => {
    expect(await connected(wish, sessions)).toBe(allowed);
  });

  it('that are over make room for others', async () => {
    await setPolicy(plivo, { calls_at_once_per_session: 1 });
    const session = await world.session(plivo);
    expect(await world.call(plivo, session.first).dial()).toEqual([`dial ${session.second}`]);
    expect(rejected(await world.call(plivo, session.first).dial())).toBe(true);
    await world.service.deps.db.sql`update calls set a_ended_at = now() where outcome = 'connected'`;
    expect(await world.call(plivo, session.first).dial()).toEqual([`dial ${session.second}`]);
  });
});

describe('the money of a day', () => {
  it.each([
    ['as soon as a call has cost it', false],
    ['also where the costs are folded into totals', true],
  ])('is spent %s', async (_, folded) => {
    await setPolicy(plivo, { daily_spend: '1.50' });
    const session = await world.session(plivo);
    expect(await world.call(plivo, session.first).dial()).toEqual([`dial ${session.second}`]);
    const { sql } = world.service.deps.db;
    await sql`
      insert into tallies (account_id, subaccount_id, virtual_number_id, hour, status, currency, amount)
      select ${plivo.account.id}, '', id, date_trunc('hour', now(), 'UTC'), 'connected', 'USD', 1.49999
      from virtual_numbers where number = ${plivo.number}`;
    if (folded) await foldTallies(world.service.deps);
    expect(await world.call(plivo, session.first).dial()).toEqual([`dial ${session.second}`]);
    await sql`
      insert into tallies (account_id, subaccount_id, virtual_number_id, hour, status, currency, amount)
      select ${plivo.account.id}, '', id, date_trunc('hour', now(), 'UTC'), 'connected', 'USD', 0.00001
      from virtual_numbers where number = ${plivo.number}`;
    if (folded) await foldTallies(world.service.deps);
    expect(rejected(await world.call(plivo, session.first).dial())).toBe(true);
    expect((await world.calls()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'spend_reached' });
    await sql`delete from tallies`;
    await sql`delete from totals_by_value`;
  });
});

describe('a session', () => {
  it('is not made with somebody who may not be called', async () => {
    const second_party = '+12025559876';
    expect(await create(plivo, { first_party: '+19002345678', second_party })).toBe(
      '400 Invalid parameter. first_party is a premium rate number, which are not called.',
    );
    expect(await create(plivo, { first_party: '+882123456789', second_party })).toMatch(/^400 .*first_party/);
    expect(await create(plivo, { first_party: second_party, second_party: plivo.number })).toBe(
      '400 Invalid parameter. second_party is a virtual number.',
    );
    await setPolicy(plivo, { countries: ['US'] });
    expect(await create(plivo, { first_party: '+905320000001', second_party })).toBe(
      '400 Invalid parameter. first_party is in a country that is not called.',
    );
    expect(await world.service.deps.db.sql`select from sessions`).toEqual([]);
  });

  it('whose one party is added later is looked at then', async () => {
    const session = await world.session(plivo, { first_party: '+12025559876', create_session_with_single_party: true });
    const url = `/v1/Account/${plivo.account.id}/Masking/Session/${session.id}/`;
    const { status, body } = await api(world.service, 'POST', url, { second_party: '+19002345678' }, plivo.account);
    expect([status, body.error]).toEqual([
      400,
      'Invalid parameter. second_party is a premium rate number, which are not called.',
    ]);
  });
});
