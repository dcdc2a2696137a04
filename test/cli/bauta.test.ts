import { afterAll, beforeAll, expect, it } from 'vitest';
import { numbersOf, wordsOfCsv } from '../../src/cli/numbers-given.ts';
import { everySession } from '../../src/service/operator.ts';
import { bauta, withFile } from '../support/cli.ts';
import { api, HIPCALL_KEY, MAIN, makeSession, OTHER, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const run = (...line: readonly string[]) => bauta(service, ...line);
const asMain = ['--account', MAIN.id];

async function json(...line: readonly string[]) {
  const { code, out, err } = await run(...line, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

it('explains itself at every level, and ends with 2 where a line is wrong', async () => {
  for (const line of [[], ['numbers'], ['numbers', 'add']]) {
    const { code, out } = await run(...line, '--help');
    expect([code, out.split(' --help')[0]]).toEqual([
      0,
      expect.stringContaining(['npm run bauta --', ...line].join(' ')),
    ]);
  }
  const wrong = [
    ['numbers'],
    ['numbers', 'paint'],
    ['accounts', 'list', 'x'],
    ['totals', '--from', 'today', ...asMain],
  ];
  for (const line of wrong) expect([line, (await run(...line)).code]).toEqual([line, 2]);
  expect(await run('numbers', 'list')).toMatchObject({
    code: 1,
    err: 'There are several accounts: say which by --account.\n',
  });
});

it('makes an account that can sign in, connects it, and fills and empties its pool', async () => {
  const made = await json('accounts', 'add', '--name', 'shop');
  const shop = { id: made.auth_id, token: made.auth_token };
  const sub = await json('accounts', 'add', '--name', 'branch', '--parent', shop.id);
  expect((await run('accounts', 'list')).out).toMatch(new RegExp(`${sub.auth_id} +${shop.id} +on +branch`));
  const account = ['--account', shop.id];
  const { webhooks } = await json('providers', 'add', '--dialect', 'plivo', '--token', 'secret-of-plivo', ...account);
  const key = /\/answer\/([\w-]+)\//.exec(webhooks['Answer URL'])?.[1];
  expect(webhooks).toEqual({
    'Answer URL': `${service.url}/answer/${key}/`,
    'Hangup URL': `${service.url}/answer/${key}/hangup/`,
  });
  // It is known, and asks for Plivo's signature.
  expect((await fetch(webhooks['Answer URL'], { method: 'POST' })).status).toBe(403);
  expect((await run('providers', 'list', ...account)).out).toContain(webhooks['Hangup URL']);

  const csv = 'number,city\n"+1 415 555 0710",SF\r\n\n';
  await withFile(csv, (file) => run('numbers', 'add', '+14155550700..+14155550702', '--file', file, ...account));
  const { body } = await api(service, 'GET', `/v1/Account/${shop.id}/Number/`, undefined, shop);
  const pool = ['14155550700', '14155550701', '14155550702', '14155550710'];
  expect((body.objects as unknown as { number: string }[]).map(({ number }) => number)).toEqual(pool);
  const retired = await run('numbers', 'retire', '+14155550701', '+14155550799', ...account);
  expect(retired).toEqual({ code: 1, out: 'Out of the pool: 1.\n+14155550799: not in the pool\n', err: '' });

  const { auth_token: fresh } = await json('tokens', 'rotate', '--end-former', ...account);
  const signsIn = async (token: string) =>
    (await api(service, 'GET', `/v1/Account/${shop.id}/Number/`, undefined, { id: shop.id, token })).status;
  expect([await signsIn(shop.token), await signsIn(fresh)]).toEqual([401, 200]);
  const audit = await api(service, 'GET', `/v1/Account/${shop.id}/Masking/Audit/`, undefined, {
    ...shop,
    token: fresh,
  });
  const actions = (audit.body.objects as unknown as { actor: string; action: string }[]).map(
    (one) => `${one.actor} ${one.action}`,
  );
  expect(actions.reverse()).toEqual([
    ...['account.create', 'subaccount.create', 'provider.add', 'number.add', 'number.remove', 'token.renew'].map(
      (action) => `operator ${action}`,
    ),
    'operator token.revoke_former',
  ]);
});

it('makes, lists, shows and ends a session, and shows no phone unless it is told why', async () => {
  const parties = ['first_party=+12025550000', 'second_party=+12025551111'];
  const { session_uuid: id, virtual_number: number } = await json('sessions', 'create', ...parties, ...asMain);
  const listed = await run('sessions', 'list', '--status', 'active', '--number', number, ...asMain);
  const shown = await run('sessions', 'show', id, ...asMain);
  for (const { out } of [listed, shown]) {
    expect(out).toContain(id);
    expect(out).not.toMatch(/1?2025550000|1?2025551111/);
  }
  expect((await run('sessions', 'show', id, '--reveal', 'test_call', ...asMain)).out).toContain('12025550000');
  expect(await run('sessions', 'show', id, '--account', OTHER.id)).toMatchObject({
    code: 1,
    err: 'The session was not found.\n',
  });
  expect((await json('totals', ...asMain)).total.sessions).toMatchObject({ created: 1, active: 1 });
  expect(await run('sessions', 'end', id, ...asMain)).toMatchObject({ code: 0 });
  expect(await run('sessions', 'end', id, ...asMain)).toMatchObject({ code: 1, err: 'Session already expired\n' });
  expect(await run('sessions', 'create', 'first_party=12', ...asMain)).toMatchObject({ code: 1 });
  expect((await run('sessions', 'create', '+12025550000', ...asMain)).err).not.toContain('2025550000');
  expect(await run('invariants')).toEqual({ code: 0, out: 'All invariants hold.\n', err: '' });
});

it('exports each session once, in the shape of the API, also where many were made in one millisecond', async () => {
  const wish = { first_party: '+905326202911', second_party: '+905326202912', callback_url: 'https://app.example/cb' };
  const { session_uuid: id } = await makeSession(service, wish);
  await service.deps.db.sql`
    insert into sessions select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'ended_at', now(),
      'first_party_cipher', null, 'second_party_cipher', null, 'first_party_digest', null, 'second_party_digest', null,
      'erased_at', now(),
      'created_at', '2026-01-01T00:00:00Z'::timestamptz + make_interval(secs => (n / 900) * 0.001 + n * 0.000001)))).*
    from sessions s, generate_series(1, 1300) n where s.id = ${id}`;
  const [counted] = await service.deps.db.sql`select count(*)::int as all from sessions where account_id = ${MAIN.id}`;
  const ids: string[] = [];
  for await (const session of everySession(service.deps, { accountId: MAIN.id, subaccountId: null }))
    ids.push(session.id);
  expect([ids.length, new Set(ids).size]).toEqual([counted?.all, counted?.all]);
  const { code, out } = await run('export', ...asMain);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect([code, lines.length]).toEqual([0, counted?.all]);
  expect(lines.find((one) => one.session_uuid === id)).toMatchObject({ first_party: '905326202911', status: 'active' });
  expect(out).not.toContain(HIPCALL_KEY);
});

it('reads numbers one by one, as ranges and from files', () => {
  expect(numbersOf(['+14155550100..+14155550102', '14155550102'])).toEqual([
    ...['+14155550100', '+14155550101', '+14155550102'],
  ]);
  for (const word of ['4155', '+14155550102..+14155550100', '+14155550100..+144', 'a..b..c', '+10..']) {
    expect(() => numbersOf([word]), word).toThrow('place 1');
  }
  expect(() => numbersOf(['+14155550100..+14165550100'])).toThrow('more than 10000');
  expect(wordsOfCsv('\uFEFF+1;a\n\n"+2",b\r\nx')).toEqual(['+1', '+2', 'x']);
  expect(wordsOfCsv('number\n+1')).toEqual(['+1']);
});
