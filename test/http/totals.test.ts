import { beforeAll, describe, expect, it } from 'vitest';
import { expireSessions } from '../../src/service/expiry.ts';
import { foldTallies } from '../../src/service/totals.ts';
import { TOTALS_RULES } from '../../src/store/totals-check.ts';
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

const TOTALS = `/v1/Account/${MAIN.id}/Masking/Totals/`;
const PAST = 'from=2026-01-31T12:00:00Z&to=2026-02-01T12:00:00Z';

interface Sums {
  readonly sessions: { readonly created: number; readonly active: number; readonly expired: number };
  readonly calls: { readonly offered: number };
}
interface Totals {
  readonly total: Sums;
  readonly groups: readonly (Sums & { readonly key: string })[];
  readonly meta: object;
}

let service: TestService;
let numbers: Record<string, number>;
beforeAll(async () => {
  service = await startService({ bootstrap: declared({ us: 2, tr: 1 }) });
  const rows = await service.deps.db.sql<{ number: string; id: number }[]>`select number, id from virtual_numbers`;
  numbers = Object.fromEntries(rows.map(({ number, id }) => [number, id]));
  return () => service.close();
});

async function totals(query: string, as = MAIN): Promise<Totals> {
  const answer = await api(service, 'GET', `${TOTALS.replace(MAIN.id, as.id)}?${query}`, undefined, as);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.error}`);
  return answer.body as unknown as Totals;
}

/** A tally by hand, as a call's statement writes it; two hours of the past unless told otherwise. */
async function tallied(number: string, row: Record<string, unknown>, account = MAIN.id): Promise<void> {
  const { sql } = service.deps.db;
  const place = { account_id: account, subaccount_id: '', virtual_number_id: numbers[number] ?? 0 };
  const [provider] = await sql`select provider_id as id from virtual_numbers where number = ${number}`;
  const given = { ...place, provider_id: provider?.id, hour: '2026-01-31T12:00:00Z', ...row };
  await sql`insert into tallies ${sql(given)}`;
}

describe('the totals of calls', () => {
  beforeAll(async () => {
    const money = { currency: 'USD', billed_seconds: 120 };
    const connected = { status: 'connected', hangup_code: 4000, offered: 1, connected: 1, length_count: 1 };
    const talk = (seconds: number) => ({ length_seconds: seconds, talk_seconds: seconds });
    await tallied('+14155550100', { ...connected, ...talk(60), ...money, amount: '0.0228', pin_successes: 1 });
    await tallied('+14155550101', {
      ...connected,
      ...talk(30),
      ...money,
      amount: '12.32220',
      hour: '2026-02-01T11:00:00Z',
    });
    await tallied('+902125550100', {
      status: 'missed',
      hangup_code: 3010,
      offered: 1,
      missed: 1,
      ...money,
      amount: '0',
      currency: 'TRY',
    });
    const refused = { status: 'refused', refusal: 'no_session', offered: 1, refused: 1, pin_failures: 3 };
    await tallied('+14155550901', { ...refused, subaccount_id: SUB.id });
    await tallied('+14155550100', { status: 'in-progress', offered: 1, hour: '2026-02-01T00:00:00Z' });
    // What became of it, and what it was.
    await tallied('+14155550100', { status: 'in-progress', offered: -1, hour: '2026-02-01T00:00:00Z' });
    await tallied('+14155550100', { status: 'abandoned', offered: 1, abandoned: 1, hour: '2026-02-01T00:00:00Z' });
    await tallied('+14155550902', { ...connected, ...talk(7), ...money, amount: '5' }, OTHER.id);
    // Outside the range on both sides.
    await tallied('+14155550100', { ...connected, ...talk(999), hour: '2026-01-31T11:00:00Z' });
    await tallied('+14155550100', { ...connected, ...talk(999), hour: '2026-02-01T12:00:00Z' });
  });

  it('say everything in one answer, exactly', async () => {
    const answer = await totals(PAST);
    expect(answer).toMatchObject({
      from: '2026-01-31T12:00:00Z',
      to: '2026-02-01T12:00:00Z',
      group_by: 'none',
      groups: [],
    });
    expect(answer.total).toEqual({
      sessions: { created: 0, active: 0, expired: 0 },
      calls: {
        ...{ offered: 5, connected: 2, missed: 1, abandoned: 1, in_progress: 0 },
        refused: { total: 1, by_reason: { no_session: 1 } },
      },
      pin: { successes: 1, failures: 3 },
      talk_seconds: 90,
      billed_seconds: 360,
      amounts: { USD: '12.34500' },
      answer_rate: 2 / 3,
      call_length: { average: 45, p95: 60 },
    });
  });

  it.each([
    ['hour', ['2026-01-31T12:00:00Z', '2026-02-01T00:00:00Z', '2026-02-01T11:00:00Z'], [3, 1, 1]],
    ['day', ['2026-01-31', '2026-02-01'], [3, 2]],
    ['status', ['abandoned', 'connected', 'missed', 'refused'], [1, 2, 1, 1]],
    ['virtual_number', ['14155550100', '14155550101', '14155550901', '902125550100'], [2, 1, 1, 1]],
    ['country', ['TR', 'US'], [1, 4]],
    ['subaccount', ['', SUB.id], [4, 1]],
    ['hangup_cause', ['', '3010', '4000'], [2, 1, 2]],
  ])('are grouped by %s, folded or not', async (grouping, keys, offered) => {
    const unfolded = await totals(`${PAST}&group_by=${grouping}`);
    expect(unfolded.groups.map(({ key }) => key)).toEqual(keys);
    expect(unfolded.groups.map(({ calls }) => calls.offered)).toEqual(offered);
    await foldTallies(service.deps);
    expect(await totals(`${PAST}&group_by=${grouping}`)).toEqual({ ...unfolded, api_id: expect.any(String) });
  });

  it('name the cause of a hangup, and the dialect of a provider', async () => {
    const causes = await totals(`${PAST}&group_by=hangup_cause`);
    expect(causes.groups).toMatchObject([
      { key: '' },
      { key: '3010', hangup_cause: { code: 3010, name: 'Busy Line' } },
      { key: '4000', hangup_cause: { code: 4000, name: 'Normal Hangup' } },
    ]);
    const providers = await totals(`${PAST}&group_by=provider`);
    expect(providers.groups.map(({ key, ...rest }) => rest)).toMatchObject([
      { provider: { dialect: 'plivo' }, calls: { offered: 4 } },
      { provider: { dialect: 'hipcall' }, calls: { offered: 1 }, amounts: {}, answer_rate: 0 },
    ]);
  });

  it('come by page', async () => {
    const page = await totals(`${PAST}&group_by=virtual_number&limit=2&offset=1`);
    expect(page.groups.map(({ key }) => key)).toEqual(['14155550101', '14155550901']);
    expect(page.meta).toMatchObject({ limit: 2, offset: 1, total_count: 4, next: expect.stringContaining('offset=3') });
    expect(page.total.calls.offered).toBe(5);
  });

  it('are those of a subaccount alone where it asks, and of no other account', async () => {
    const sub = await totals(`${PAST}&group_by=virtual_number`, SUB);
    expect([sub.total.calls.offered, sub.groups.map(({ key }) => key)]).toEqual([1, ['14155550901']]);
    expect((await totals(PAST, OTHER)).total).toMatchObject({ talk_seconds: 7, amounts: { USD: '5.00000' } });
    const foreign = await api(service, 'GET', TOTALS, undefined, OTHER);
    expect(foreign.status).toBe(404);
    const bySub = await api(service, 'GET', TOTALS, undefined, SUB);
    expect(bySub.status).toBe(404);
    const actingFor = await api(service, 'GET', `${TOTALS.replace(MAIN.id, SUB.id)}?${PAST}`, undefined, MAIN);
    expect(actingFor.body).toMatchObject({ total: { calls: { offered: 1 } } });
  });
});

describe('a question about totals', () => {
  it.each([
    ['from=2026-01-31T12:30:00Z', 'from should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['to=2026-01-31T12:00:01Z', 'to should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['to=2026-01-31T12:00:00%2B03:00', 'to should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['from=2026-02-30', 'from should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['from=', 'from should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['from=a&from=b', 'from should be a whole hour in UTC such as 2026-01-31T13:00:00Z'],
    ['from=2026-01-01&to=2026-01-01', 'from should be before to'],
    ['from=2025-01-01&to=2026-01-02T01:00', 'to is more than 366 days after from'],
    ['group_by=week', /^group_by allowed values are none or hour or day or status/],
    ['limit=0', 'limit is outside the allowed range'],
    ['limit=1001', 'limit is outside the allowed range'],
    ['offset=-1', 'offset is outside the allowed range'],
  ])('with %s is refused by name and rule', async (query, rule) => {
    const { status, body } = await api(service, 'GET', `${TOTALS}?${query}`);
    expect(status).toBe(400);
    const text = String(body.error).replace(/^Invalid parameter\. (.*)\.$/, '$1');
    expect(text).toEqual(typeof rule === 'string' ? rule : expect.stringMatching(rule));
  });

  it.each([
    '2026-01-31T12:00:00Z',
    '2026-01-31 12:00',
    '2026-01-31T12',
    '2026-01-31T12:00:00.000Z',
    '2026-01-31T12:00:00%2B00:00',
  ])('may write its hour as %s', async (from) => {
    expect(await totals(`from=${from}&to=2026-02-01`)).toMatchObject({ from: '2026-01-31T12:00:00Z' });
  });

  it('without hours means the last 24 with the running one', async () => {
    const { from, to } = (await totals('')) as unknown as { from: string; to: string };
    expect(Date.parse(to) - Date.parse(from)).toBe(24 * 3_600_000);
    expect(Date.parse(to) - Date.now()).toBeGreaterThan(0);
    expect(Date.parse(to) - Date.now()).toBeLessThanOrEqual(3_600_000);
  });

  it('of another method is refused', async () => {
    const { status, headers } = await api(service, 'POST', TOTALS, {});
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('the totals of sessions', () => {
  let people = 0;
  const pair = () => ({ first_party: `+1202555${1000 + people++}`, second_party: `+1202555${1000 + people++}` });
  const counts = async (query = '') => {
    const { created, active, expired } = (await totals(query)).total.sessions;
    return [created, active, expired];
  };
  const faults = async () => {
    const found = await Promise.all(Object.values(TOTALS_RULES).map((rule) => service.deps.db.sql.unsafe(rule)));
    return found.flat().filter(({ id }) => !String(id).startsWith(OTHER.id));
  };
  /** Makes its time run out now. */
  const runOut = (id: string) => service.deps.db.sql`
    with s as (update sessions set expires_at = now() where id = ${id}), p as (update pins set held_until = now() where session_id = ${id})
    update leases set held_until = now() where session_id = ${id}`;

  it('count each create and each end once: by time, by delete, by whoever takes the place', async () => {
    expect(await counts()).toEqual([0, 0, 0]);
    const parties = pair();
    const [expiring, deleted, extended] = [
      await makeSession(service, parties),
      await makeSession(service, pair()),
      await makeSession(service, pair()),
    ];
    expect(await counts()).toEqual([3, 3, 0]);

    await runOut(expiring.session_uuid);
    expect(await expireSessions(service.deps)).toBe(1);
    await expireSessions(service.deps);
    expect(await counts()).toEqual([3, 2, 1]);

    for (const status of [200, 400])
      expect((await api(service, 'DELETE', `${SESSIONS}${deleted.session_uuid}/`)).status).toBe(status);
    expect(await counts()).toEqual([3, 1, 2]);

    expect((await api(service, 'POST', `${SESSIONS}${extended.session_uuid}/`, { session_expiry: 3000 })).status).toBe(
      200,
    );
    expect(await counts()).toEqual([3, 1, 2]);
    expect(await faults()).toEqual([]);
  });

  it('count the end of a session whose place is taken over before any job announced it', async () => {
    const before = await counts();
    const parties = pair();
    // As many as there are numbers, so that the next create has to take one's place.
    const made = [];
    for (let i = 0; i < 2; i++) made.push(await makeSession(service, parties));
    for (const { session_uuid } of made) await runOut(session_uuid);
    await makeSession(service, parties);
    const [created = 0, active = 0, expired = 0] = before;
    expect(await counts()).toEqual([created + 3, active + 2, expired + 1]);
    await expireSessions(service.deps);
    expect(await counts()).toEqual([created + 3, active + 1, expired + 2]);
    expect(await faults()).toEqual([]);
  });

  it('do not count a create that was refused', async () => {
    const before = await counts();
    const parties = pair();
    for (let i = 0; i < 2; i++) await makeSession(service, parties);
    const refused = await api(service, 'POST', SESSIONS, parties);
    expect(refused.status).toBe(400);
    const [created = 0, active = 0, expired = 0] = before;
    expect(await counts()).toEqual([created + 2, active + 2, expired]);
    await foldTallies(service.deps);
    expect(await counts()).toEqual([created + 2, active + 2, expired]);
    expect(await faults()).toEqual([]);
  });

  it('show as active in each hour what was active at its end', async () => {
    const { groups, total } = await totals('group_by=hour');
    expect(groups.at(-1)?.sessions.active).toBe(total.sessions.active);
    const ofNow = await totals('group_by=virtual_number');
    expect(ofNow.groups.reduce((sum, { sessions }) => sum + sessions.active, 0)).toBe(total.sessions.active);
  });

  it('are checked: a tally too many is found', async () => {
    await tallied('+14155550100', { sessions_created: 1 });
    expect(await faults()).toEqual([{ id: `${MAIN.id} 2026-01-31` }]);
    await tallied('+14155550100', { sessions_created: -1 });
    await service.deps.db
      .sql`update totals set offered = offered + 1 where dimension = 'country' and grain = 'day' and key = 'TR'`;
    expect(await faults()).toEqual([{ id: `${MAIN.id} country by day` }]);
  });
});
