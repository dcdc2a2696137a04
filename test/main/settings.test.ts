import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { receiver } from '../outbound/receiver.ts';
import { emptyDatabase, killAll, makeHome, startProcess } from '../support/process.ts';
import { api, declared, MAIN, PLIVO_TOKEN, SUB } from '../support/service.ts';

const home = makeHome();
const KEY = 'ab'.repeat(32);
let database: Awaited<ReturnType<typeof emptyDatabase>>;
let settings: Record<string, string>;

beforeAll(async () => {
  database = await emptyDatabase();
  settings = { DATABASE_URL: database.url, MASTER_KEY: KEY, DATA_DIR: path.join(home.directory, 'data') };
});
afterAll(async () => {
  await killAll();
  await database.drop();
  home.remove();
});

async function refusal(more: Record<string, string>): Promise<string> {
  const service = await startProcess({ ...settings, ...more });
  expect(await service.ended).toMatchObject({ code: 1 });
  expect(service.stdout()).toBe('');
  return service.stderr();
}

function bootstrapFile(content: unknown): string {
  const file = path.join(home.directory, 'bootstrap.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('a start is refused with a message for people', () => {
  test('that lists all faults of the settings at once, and no secret', async () => {
    const message = await refusal({
      ...{ PORT: 'ninety', DATABASE_URL: 'mysql://root:hunter2@db/x', MASTER_KEY: 'my-secret-key', LOG_LEVEL: 'loud' },
      ...{ SESSION_EXPIRY: '0', EXPIRY_SCHEDULE: 'often', CALLBACK_ALLOW_PRIVATE: 'yes' },
    });
    const named = message.match(/^ {2}[A-Z_]+(?=: )/gm)?.map((name) => name.trim());
    expect(named?.sort()).toEqual([
      'CALLBACK_ALLOW_PRIVATE',
      'DATABASE_URL',
      'EXPIRY_SCHEDULE',
      'LOG_LEVEL',
      'MASTER_KEY',
      'PORT',
      'SESSION_EXPIRY',
    ]);
    expect(message).not.toMatch(/hunter2|my-secret-key/);
  });

  test('that says which setting leads to no database, and to no port', async () => {
    expect(await refusal({ DATABASE_URL: 'postgres://bauta:hunter2@127.0.0.1:1/none' })).toBe(
      'DATABASE_URL: the database cannot be reached (ECONNREFUSED).\n',
    );
    const taken = await (await startProcess(settings)).ready();
    expect(await refusal({ PORT: new URL(taken.url).port })).toBe(
      'HOST and PORT cannot be listened on (EADDRINUSE).\n',
    );
    expect(await refusal({ METRICS_PORT: new URL(taken.url).port })).toBe(
      'METRICS_HOST and METRICS_PORT cannot be listened on (EADDRINUSE).\n',
    );
    taken.kill('SIGTERM');
    await taken.ended;
  });

  test('that lists all faults of the bootstrap file at once, and no secret', async () => {
    const { accounts, providers, numbers } = declared();
    const file = bootstrapFile({
      accounts: [...accounts, { auth_id: 'MA-too-short', auth_token: 'secret-one', name: '' }],
      providers: [...providers, { key: 'short', account: MAIN.id, dialect: 'plivo', auth_token: 'secret-two' }],
      numbers: [...numbers, { number: '0212 555', account: MAIN.id, provider: 'nobodys-connection-key' }],
    });
    const message = await refusal({ BOOTSTRAP_FILE: file });
    for (const place of ['accounts.3.auth_id', 'accounts.3.name', 'providers.3.key', 'numbers.12.number']) {
      expect(message).toContain(`  ${place}: `);
    }
    expect(message).not.toMatch(/secret-one|secret-two|token-0123456789/);
  });

  test.each([
    ['is not there', () => path.join(home.directory, 'nowhere.json')],
    ['is no JSON', () => bootstrapFile('{"accounts": [{"auth_token": "secret-three",}]}')],
  ])('where the bootstrap file %s', async (_what, file) => {
    const message = await refusal({ BOOTSTRAP_FILE: file() });
    expect(message).toMatch(/bootstrap file/i);
    expect(message).not.toMatch(/secret-three|^\{|\bat /m);
  });

  test('where MASTER_KEY is not the one that the database was written with', async () => {
    const service = await (await startProcess(settings)).ready();
    service.kill('SIGTERM');
    await service.ended;
    const message = await refusal({ MASTER_KEY: 'cd'.repeat(32) });
    expect(message).toBe('MASTER_KEY is not the key that this database was written with\n');
  });
});

describe('a bootstrap file', () => {
  const tables = async () => {
    const [row] = await database.sql`select
      (select count(*)::int from accounts) as accounts, (select count(*)::int from providers) as providers,
      (select count(*)::int from virtual_numbers) as numbers`;
    return row;
  };

  test('may be applied at every start: it changes what is declared, adds nothing twice and ends no session', async () => {
    const once = declared();
    await database.sql`truncate accounts, providers, virtual_numbers cascade`;
    const service = await (await startProcess({ ...settings, BOOTSTRAP_FILE: bootstrapFile(once) })).ready();
    expect(service.stdout()).toBe(`Bauta listens on ${service.url}\n`);
    const made = await api(service, 'POST', '/Masking/Session/', {
      first_party: '+12025550000',
      second_party: '+12025551111',
    });
    expect(made.status).toBe(201);
    const before = await tables();
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0 });

    const [main, sub, other] = once.accounts;
    const twice = { ...once, accounts: [main, { ...sub, auth_token: 'a-new-token-0123456789' }, other] };
    const again = await (await startProcess({ ...settings, BOOTSTRAP_FILE: bootstrapFile(twice) })).ready();
    expect(await tables()).toEqual(before);
    expect(await api(again, 'GET', `/Masking/Session/${made.body.session_uuid}/`)).toMatchObject({
      status: 200,
      body: { response: { status: 'active' } },
    });
    expect(await api(again, 'GET', '/Masking/Session/', undefined, SUB)).toMatchObject({ status: 401 });
    expect(
      await api(again, 'GET', '/Masking/Session/', undefined, { id: SUB.id, token: 'a-new-token-0123456789' }),
    ).toMatchObject({ status: 200 });
    expect(again.stdout() + again.stderr()).not.toMatch(new RegExp(`${MAIN.token}|${PLIVO_TOKEN}`));
  });
});

test('without CALLBACK_ALLOW_PRIVATE the service calls no private address', async () => {
  const hook = await receiver((_request, response) => response.end());
  const service = await (await startProcess({ ...settings, BOOTSTRAP_FILE: bootstrapFile(declared()) })).ready();
  const wish = { first_party: '+12025550002', second_party: '+12025550003', callback_url: hook.url };
  const made = await api(service, 'POST', '/Masking/Session/', wish);
  await api(service, 'DELETE', `/Masking/Session/${made.body.session_uuid}/`);
  const outcome = () =>
    database.sql`select last_error as error from callbacks where session_id = ${String(made.body.session_uuid)}`;
  await vi.waitUntil(async () => (await outcome())[0]?.error !== null, { timeout: 10_000, interval: 50 });
  expect([...(await outcome())]).toEqual([{ error: 'blocked' }]);
  expect(hook.connections()).toBe(0);
  await hook.close();
});
