import { afterAll, beforeAll, expect, test } from 'vitest';
import { testConnection } from '../../src/service/connection-test.ts';
import { purgeExchanges } from '../../src/service/exchanges.ts';
import { listConnections, putConnection } from '../../src/store/providers.ts';
import { api, HIPCALL_KEY, MAIN, PLIVO_KEY, SUB, startService, type TestService } from '../support/service.ts';

let service: TestService;
let ids: Record<string, string>;
beforeAll(async () => {
  service = await startService();
  const rows = await service.deps.db.sql<{ id: number; account: string; dialect: string }[]>`
    select id, account_id as account, dialect from providers`;
  ids = Object.fromEntries(rows.map(({ id, account, dialect }) => [`${account} ${dialect}`, String(id)]));
});
afterAll(() => service.close());

const addressOf = (id: string | undefined, account = MAIN) =>
  `/v1/Account/${account.id}/Masking/Connection/${id}/Test/`;
const testOf = (dialect: string) => api(service, 'POST', addressOf(ids[`${MAIN.id} ${dialect}`]));

/** What the console's page of connections is made of. */
async function connectionsOfConsole(): Promise<readonly Record<string, unknown>[]> {
  const signIn = await service.app.inject({
    ...{ method: 'POST', url: '/console/sign-in', headers: { 'x-bauta-console': '1' } },
    payload: { auth_id: MAIN.id, auth_token: MAIN.token },
  });
  const cookie = String(signIn.headers['set-cookie']).split(';')[0] ?? '';
  return (await service.app.inject({ url: '/console/connections', headers: { cookie } })).json().connections;
}

/** How many rows there are of all that follows from a call. */
async function booked() {
  await service.deps.exchanges.flush();
  const [row] = await service.deps.db.sql`
    select (select count(*)::int from calls) as calls, (select count(*)::int from tallies) as tallies,
      (select count(*)::int from callbacks) as callbacks, (select count(*)::int from exchanges) as exchanges`;
  return row;
}

test.each(['plivo', 'hipcall'])(
  'a connection of %s is asked where its provider asks, and nothing is booked but the exchange',
  async (dialect) => {
    const before = await booked();
    const { status, body } = await testOf(dialect);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({ dialect, works: true, fault: null, status: 200, milliseconds: expect.any(Number) });
    const { document } = body as unknown as { document: string };
    expect(document).toMatch(dialect === 'plivo' ? /<Response>/ : /"version":"1"/);
    expect(await booked()).toEqual({ ...before, exchanges: Number(before?.exchanges) + 1 });
    expect(
      (await api(service, 'GET', `/v1/Account/${MAIN.id}/Masking/Audit/?action=connection.test`)).body,
    ).toMatchObject({
      objects: expect.arrayContaining([expect.objectContaining({ actor: MAIN.id })]),
    });
  },
);

test('an account that has the first fictional number is asked about another one', async () => {
  const added = await api(service, 'POST', `/v1/Account/${MAIN.id}/Number/`, {
    numbers: '12025550100',
    provider: PLIVO_KEY,
  });
  expect(added.status).toBeLessThan(300);
  const before = await booked();
  expect((await testOf('plivo')).body).toMatchObject({ works: true });
  expect(await booked()).toMatchObject({ calls: before?.calls, tallies: before?.tallies });
});

test('what is no document of its dialect is told as such', async () => {
  const { deps } = service;
  const scope = { accountId: MAIN.id, subaccountId: null };
  const id = ids[`${MAIN.id} plivo`] ?? '';
  const faultOf = async (answer: { status: number; contentType: string; body: string }) => {
    const tested = await testConnection(deps, scope, id, async () => answer);
    return 'fault' in tested ? tested.fault : tested;
  };
  const xml = { status: 200, contentType: 'application/xml' };
  expect(await faultOf({ ...xml, status: 403, body: '' })).toBe('The answer is 403.');
  expect(await faultOf({ ...xml, contentType: 'text/html', body: '' })).toBe('The answer is text/html.');
  expect(await faultOf({ ...xml, body: '<Response>' })).toMatch(/^The document cannot be read: /);
  expect(await faultOf({ ...xml, body: '<Response><Sing/></Response>' })).toMatch(/does not know/);
  expect(await faultOf({ ...xml, body: '<Response><Hangup/></Response>' })).toBe(null);
});

test('is for the main account, about its own connections', async () => {
  expect((await api(service, 'POST', addressOf(ids[`${MAIN.id} plivo`], SUB), undefined, SUB)).status).toBe(403);
  for (const id of ['999999', 'x', '0']) expect((await api(service, 'POST', addressOf(id))).status).toBe(404);
});

test('webhooks that are refused for their signature are counted by connection', async () => {
  const ask = (key: string) => service.app.inject({ method: 'POST', url: `/answer/${key}/`, payload: {} });
  expect([(await ask(PLIVO_KEY)).statusCode, (await ask(PLIVO_KEY)).statusCode]).toEqual([403, 403]);
  expect((await ask(HIPCALL_KEY)).statusCode).toBe(401);
  await service.deps.signatureFailures.flush();
  const connections = await connectionsOfConsole();
  expect(connections.map(({ signature_failures }) => signature_failures)).toEqual([2, 1]);
  const seconds = (Date.now() - Date.parse(String(connections[0]?.last_signature_failure_at))) / 1000;
  expect(seconds).toBeLessThan(60);
});

test('of two connections of one dialect each has its own last webhook, however busy the other one is', async () => {
  const { db, vault, exchanges, config } = service.deps;
  const [first] = await listConnections(db, vault, MAIN.id);
  if (first === undefined) throw new Error('no connection');
  const key = 'another-key-of-plivo-0123456789';
  const second = await putConnection(db, vault, { ...first, secrets: { ...first.secrets, key } });
  const lastOf = async (id: number) =>
    (await connectionsOfConsole()).find((one) => one.id === id)?.last_webhook_at as string | null | undefined;
  expect(await lastOf(second)).toBeNull();
  expect((await api(service, 'POST', addressOf(String(second)))).body).toMatchObject({ works: true });
  const quiet = await lastOf(second);
  expect((Date.now() - Date.parse(String(quiet))) / 1000).toBeLessThan(60);
  for (let i = 0; i < 110; i++) await api(service, 'POST', addressOf(String(first.id)));
  expect(await lastOf(second)).toBe(quiet);
  expect(Date.parse(String(await lastOf(first.id)))).toBeGreaterThan(Date.parse(String(quiet)));
  // It stays when the log itself is gone, and a later batch of an earlier webhook does not put it back.
  await db.sql`update exchanges set at = now() - make_interval(days => ${config.exchangeDays + 1})`;
  expect(await purgeExchanges(service.deps)).toBeGreaterThan(110);
  expect(await lastOf(second)).toBe(quiet);
  exchanges.record({
    ...{ at: new Date(Date.now() - 60_000), accountId: MAIN.id, providerId: second, webhook: 'answer', callId: 'late' },
    ...{ virtualNumber: null, status: 200, decision: '', milliseconds: 1, fields: {}, document: '' },
  });
  await exchanges.flush();
  expect(await lastOf(second)).toBe(quiet);
});
