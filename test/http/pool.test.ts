import { beforeEach, describe, expect, it } from 'vitest';
import {
  api,
  declared,
  MAIN,
  makeSession,
  OTHER,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

const POOL = `/v1/Account/${MAIN.id}/Masking/Pool/`;

interface Pool {
  readonly country: string;
  readonly subaccount: string | null;
  readonly [figure: string]: unknown;
}
interface PoolAnswer {
  readonly exhausted_first: Pool | null;
  readonly pools: readonly Pool[];
  readonly numbers: readonly {
    readonly number: string;
    readonly live_sessions: number;
    readonly cooling_places: number;
    readonly next_lease_frees_at: string | null;
  }[];
  readonly meta: object;
}

let service: TestService;
beforeEach(async () => {
  service = await startService({ bootstrap: declared({ us: 6, tr: 2 }) });
  return () => service.close();
});

async function pool(query = '', as = MAIN): Promise<PoolAnswer> {
  const answer = await api(service, 'GET', `${POOL.replace(MAIN.id, as.id)}?${query}`, undefined, as);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.error}`);
  return answer.body as unknown as PoolAnswer;
}

const ofCountry = async (country: string, subaccount: string | null = null) =>
  (await pool()).pools.find((p) => p.country === country && p.subaccount === subaccount);

const person = (n: number) => `+1202555${1000 + n}`;
/** Sessions of one phone, each with somebody else. */
async function sessionsOf(first: number, count: number, more: object = {}) {
  const made = [];
  for (let i = 1; i <= count; i++) {
    made.push(await makeSession(service, { first_party: person(first), second_party: person(first + i), ...more }));
  }
  return made;
}
const remove = async (id: string) => expect((await api(service, 'DELETE', `${SESSIONS}${id}/`)).status).toBe(200);

describe('a pool', () => {
  it('that carries nothing needs nothing', async () => {
    const { pools, exhausted_first, numbers } = await pool();
    const idle = { live_sessions: 0, load: 0, peak_load: 0, numbers_needed: 0, numbers_needed_at_peak: 0 };
    expect(pools).toEqual([
      { country: 'TR', subaccount: null, numbers: 2, ...idle, headroom: 2, headroom_at_peak: 2 },
      { country: 'US', subaccount: null, numbers: 6, ...idle, headroom: 6, headroom_at_peak: 6 },
      { country: 'US', subaccount: SUB.id, numbers: 1, ...idle, headroom: 1, headroom_at_peak: 1 },
    ]);
    expect(exhausted_first).toMatchObject({ subaccount: SUB.id });
    expect(numbers[0]).toEqual({
      ...{ number: '14155550100', country: 'US', subaccount: null, live_sessions: 0, cooling_places: 0 },
      next_lease_frees_at: null,
    });
  });

  it('needs 2N−1 numbers for a phone in N sessions, whatever the others do', async () => {
    await sessionsOf(0, 3);
    await sessionsOf(50, 1);
    const load = { live_sessions: 4, load: 3, numbers_needed: 5, headroom: 1 };
    expect(await ofCountry('US')).toMatchObject({
      ...load,
      peak_load: 3,
      numbers_needed_at_peak: 5,
      headroom_at_peak: 1,
    });
    expect(await ofCountry('TR')).toMatchObject({ live_sessions: 0, load: 0, peak_load: 0, headroom: 2 });
    const { numbers } = await pool();
    expect(numbers.reduce((sum, { live_sessions }) => sum + live_sessions, 0)).toBe(4);
  });

  it('remembers its peak when the load is gone', async () => {
    const made = await sessionsOf(0, 3);
    for (const { session_uuid } of made) await remove(session_uuid);
    const gone = { live_sessions: 0, load: 0, numbers_needed: 0, headroom: 6 };
    expect(await ofCountry('US')).toMatchObject({
      ...gone,
      peak_load: 3,
      numbers_needed_at_peak: 5,
      headroom_at_peak: 1,
    });
    await sessionsOf(0, 2);
    expect(await ofCountry('US')).toMatchObject({ load: 2, peak_load: 3 });
  });

  it('forgets a peak after 30 days', async () => {
    await sessionsOf(0, 3);
    const { sql } = service.deps.db;
    await sql`update pool_peaks set day = day - interval '29 days', sessions = 4`;
    expect(await ofCountry('US')).toMatchObject({ load: 3, peak_load: 4 });
    await sql`update pool_peaks set day = day - interval '1 day'`;
    expect(await ofCountry('US')).toMatchObject({ load: 3, peak_load: 3 });
  });

  it('keeps one row of its peak per day, written only when it is higher', async () => {
    await sessionsOf(0, 3);
    const { sql } = service.deps.db;
    const peaks = () => sql`select xmin::text, country, subaccount_id, sessions from pool_peaks`;
    const [row] = await peaks();
    expect(row).toMatchObject({ country: 'US', subaccount_id: '', sessions: 3 });
    await sessionsOf(50, 3);
    expect(await peaks()).toEqual([row]);
  });

  it('follows a peak of more than a hundred, closely', async () => {
    const large = await startService({ bootstrap: declared({ us: 150, tr: 0 }) });
    try {
      for (let i = 1; i <= 150; i++) await makeSession(large, { first_party: person(0), second_party: person(i) });
      const [row] = await large.deps.db.sql<{ sessions: number }[]>`select sessions from pool_peaks`;
      // Of these claims at least two in three count; that none of the last fifteen does happens once in ten millions.
      expect(row?.sessions).toBeGreaterThan(135);
      expect(row?.sessions).toBeLessThanOrEqual(150);
    } finally {
      await large.close();
    }
  });

  it('counts sessions on its own numbers alone', async () => {
    await sessionsOf(0, 4);
    const path = `/v1/Account/${SUB.id}/Masking/Session/`;
    const body = { first_party: person(0), second_party: person(70) };
    expect((await api(service, 'POST', path, body, SUB)).status).toBe(201);
    expect(await ofCountry('US', SUB.id)).toMatchObject({ load: 1, peak_load: 1 });
    await sessionsOf(0, 2);
    expect(await ofCountry('US')).toMatchObject({ peak_load: 6 });
  });

  it('counts the places that rest in their cool-off as load, not as sessions', async () => {
    const [resting] = await sessionsOf(0, 2, { virtual_number_cooloff_period: 600 });
    await remove(resting?.session_uuid ?? '');
    expect(await ofCountry('US')).toMatchObject({ live_sessions: 1, load: 2, numbers_needed: 3 });
    const { numbers } = await pool();
    const rest = numbers.find(({ number }) => `+${number}` === resting?.virtual_number);
    // Those of both parties.
    expect(rest).toMatchObject({ live_sessions: 0, cooling_places: 2 });
    expect(numbers.reduce((sum, { cooling_places }) => sum + cooling_places, 0)).toBe(2);
    const seconds = (Date.parse(rest?.next_lease_frees_at ?? '') - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThanOrEqual(600);
  });

  it('says of a number when the next of its leases frees', async () => {
    const parties = (n: number) => ({ first_party: person(n), second_party: person(n + 1) });
    // Subaccounts have one number here.
    const path = `/v1/Account/${SUB.id}/Masking/Session/`;
    for (const [n, expiry] of [[0, 3000] as const, [2, 600] as const]) {
      const body = { ...parties(n), session_expiry: expiry, virtual_number_cooloff_period: 60 };
      expect((await api(service, 'POST', path, body, SUB)).status).toBe(201);
    }
    const { numbers, pools } = await pool('', SUB);
    expect(pools).toMatchObject([
      { country: 'US', subaccount: SUB.id, numbers: 1, live_sessions: 2, load: 1, peak_load: 1 },
    ]);
    expect(numbers).toMatchObject([{ number: '14155550901', live_sessions: 2 }]);
    const seconds = (Date.parse(numbers[0]?.next_lease_frees_at ?? '') - Date.now()) / 1000;
    expect(Math.abs(seconds - 660)).toBeLessThan(5);
  });

  it('needs a number for each session that answers any caller', async () => {
    for (let n = 0; n < 4; n++)
      await makeSession(service, { first_party: person(n), create_session_with_single_party: true });
    expect(await ofCountry('US')).toMatchObject({
      live_sessions: 4,
      load: 1,
      peak_load: 1,
      numbers_needed: 4,
      headroom: 2,
    });
  });

  it('counts a session that was refused neither as load nor as peak', async () => {
    const path = `/v1/Account/${SUB.id}/Masking/Session/`;
    const create = (second: number) =>
      api(service, 'POST', path, { first_party: person(0), second_party: person(second) }, SUB);
    expect([(await create(1)).status, (await create(2)).status]).toEqual([201, 400]);
    expect(await ofCountry('US', SUB.id)).toMatchObject({ load: 1, peak_load: 1, headroom: 0 });
  });

  it('that would be exhausted first is named', async () => {
    await sessionsOf(0, 4);
    expect((await pool()).exhausted_first).toMatchObject({ country: 'US', subaccount: null, headroom_at_peak: -1 });
  });

  it('is seen by its account alone, a subaccount’s also by its main account', async () => {
    await sessionsOf(0, 2);
    expect(await pool('', OTHER)).toMatchObject({
      pools: [{ country: 'US', numbers: 1, live_sessions: 0 }],
      numbers: [{ number: '14155550902' }],
    });
    expect((await pool('', SUB)).pools).toMatchObject([{ subaccount: SUB.id, live_sessions: 0 }]);
    expect((await api(service, 'GET', POOL, undefined, OTHER)).status).toBe(404);
  });

  it('shows its numbers by page', async () => {
    const { numbers, meta } = await pool('limit=2&offset=6');
    expect(numbers.map(({ number }) => number)).toEqual(['14155550901', '902125550100']);
    expect(meta).toMatchObject({ limit: 2, offset: 6, total_count: 9, next: expect.stringContaining('offset=8') });
    for (const query of ['limit=0', 'limit=1001', 'offset=x']) {
      expect((await api(service, 'GET', `${POOL}?${query}`)).status).toBe(400);
    }
  });
});
