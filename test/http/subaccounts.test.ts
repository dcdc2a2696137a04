import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { plivoSdk } from '../support/sdk.ts';
import { api, declared, MAIN, OTHER, SESSIONS, SUB, startService, type TestService } from '../support/service.ts';

const ALL = `/v1/Account/${MAIN.id}/Subaccount/`;

let service: TestService;
beforeAll(async () => {
  service = await startService({ bootstrap: declared() });
});
beforeEach(() => service.deps.db.sql`delete from request_windows`);
afterAll(() => service.close());

type Account = typeof MAIN;

async function make(name = 'shop', enabled: unknown = true): Promise<Account> {
  const { status, body } = await api(service, 'POST', ALL, { name, enabled });
  expect(status).toBe(201);
  expect(body).toEqual({
    api_id: expect.any(String),
    auth_id: expect.stringMatching(/^SA[A-Z0-9]{18}$/),
    auth_token: expect.stringMatching(/^[\w-]{32}$/),
    message: 'created',
  });
  const { auth_id: id, auth_token: token } = body as unknown as { auth_id: string; auth_token: string };
  return { id, token };
}

const signsIn = async (account: Account) =>
  (await api(service, 'GET', SESSIONS.replace(MAIN.id, account.id), undefined, account)).status;

async function renew(account: Account, as = account): Promise<Account> {
  const { status, body } = await api(service, 'POST', `/v1/Account/${account.id}/Token/`, undefined, as);
  expect(status).toBe(201);
  return { id: account.id, token: String((body as unknown as { auth_token: string }).auth_token) };
}

describe('a subaccount', () => {
  it('is made, listed, renamed and removed as with Plivo’s SDK', async () => {
    const { client } = plivoSdk(service.url);
    const plivo = client(MAIN) as unknown as { subaccounts: Record<string, (...given: unknown[]) => Promise<never>> };
    const made = (await plivo.subaccounts.create?.('branch', true)) as unknown as { authId: string; authToken: string };
    expect(await signsIn({ id: made.authId, token: made.authToken })).toBe(200);
    await plivo.subaccounts.update?.(made.authId, 'renamed', true);
    expect(await plivo.subaccounts.get?.(made.authId)).toMatchObject({ name: 'renamed', enabled: true });
    const listed = (await plivo.subaccounts.list?.()) as unknown as { authId: string }[];
    expect(listed.map(({ authId }) => authId)).toEqual([made.authId, SUB.id]);
    await plivo.subaccounts.delete?.(made.authId);
    expect(await signsIn({ id: made.authId, token: made.authToken })).toBe(401);
  });

  it('is never shown with its token again, and the database holds no token that signs in', async () => {
    const made = await make();
    const one = await api(service, 'GET', `${ALL}${made.id}/`);
    expect(one.body).toMatchObject({ auth_id: made.id, auth_token: null, account: `/v1/Account/${MAIN.id}/` });
    const rows = await service.deps.db.sql`select * from account_tokens where account_id = ${made.id}`;
    expect(rows[0]?.digest).toEqual(service.deps.vault.secretDigest(made.token));
    expect(JSON.stringify(rows)).not.toContain(made.token);
  });

  it('that is switched off cannot sign in until it is on again', async () => {
    const made = await make('off', false);
    expect(await signsIn(made)).toBe(401);
    expect((await api(service, 'POST', `${ALL}${made.id}/`, { enabled: true })).status).toBe(202);
    expect(await signsIn(made)).toBe(200);
  });

  it('with numbers or live sessions stays', async () => {
    const { status, body } = await api(service, 'DELETE', `${ALL}${SUB.id}/`);
    expect([status, body.error]).toEqual([409, 'The subaccount has numbers or live sessions.']);
    expect(await signsIn(SUB)).toBe(200);
  });

  it('is its main account’s alone', async () => {
    const made = await make();
    for (const method of ['GET', 'POST', 'DELETE']) {
      const body = method === 'POST' ? {} : undefined;
      const foreign = await api(service, method, `/v1/Account/${OTHER.id}/Subaccount/${made.id}/`, body, OTHER);
      const missing = await api(
        service,
        method,
        `/v1/Account/${OTHER.id}/Subaccount/SAZZZZZZZZZZZZZZZZZZ/`,
        body,
        OTHER,
      );
      expect([foreign.status, foreign.body.error]).toEqual([404, 'The subaccount was not found.']);
      expect([missing.status, missing.body.error]).toEqual([foreign.status, foreign.body.error]);
      const own = await api(service, method, `/v1/Account/${SUB.id}/Subaccount/${made.id}/`, body, SUB);
      expect(own.status).toBe(403);
    }
  });

  it.each([
    [{}, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'n'.repeat(101) }, 'name'],
    [{ name: 'n', enabled: 'perhaps' }, 'enabled'],
  ])('is not made of %j', async (wish, field) => {
    const { status, body } = await api(service, 'POST', ALL, wish);
    expect(status).toBe(400);
    expect(body.error).toContain(field);
  });
});

describe('tokens', () => {
  it('are two while one replaces the other, and one of them when the former is ended', async () => {
    const first = await make();
    const second = await renew(first);
    expect([await signsIn(first), await signsIn(second)]).toEqual([200, 200]);
    const ended = await api(service, 'DELETE', `/v1/Account/${first.id}/Token/`, undefined, MAIN);
    expect(ended.body).toMatchObject({ revoked_count: 1 });
    expect([await signsIn(first), await signsIn(second)]).toEqual([401, 200]);
  });

  it('are never three: the oldest ends when another is made', async () => {
    const first = await make();
    const second = await renew(first, MAIN);
    const third = await renew(first, MAIN);
    expect([await signsIn(first), await signsIn(second), await signsIn(third)]).toEqual([401, 200, 200]);
  });

  it('renewed twenty times at the same moment leave one newest and one former', async () => {
    const account = await make();
    const renewed = await Promise.all(
      Array.from({ length: 20 }, () =>
        api(service, 'POST', `/v1/Account/${account.id}/Token/`, undefined, MAIN).then(({ status }) => status),
      ),
    );
    expect(renewed).toEqual(Array(20).fill(201));
    const alive = await service.deps.db.sql<{ newest: boolean }[]>`
      select expires_at is null as newest from account_tokens
      where account_id = ${account.id} and (expires_at is null or expires_at > now()) order by 1`;
    expect(alive.map(({ newest }) => newest)).toEqual([false, true]);
  });
});
