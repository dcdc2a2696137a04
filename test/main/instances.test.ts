import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { invariantFaults } from '../../src/store/invariants.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { emptyDatabase, healthOf, killAll, makeHome, type ServiceProcess, startProcess } from '../support/process.ts';
import { api } from '../support/service.ts';

// Instances of the service on a PostgreSQL of somebody else's, told once from the first start to the last.
const home = makeHome();
let database: Awaited<ReturnType<typeof emptyDatabase>>;
let settings: Record<string, string>;
let instances: ServiceProcess[] = [];
let account = { id: '', token: '' };
let hook: Receiver;
let holdsOn = false;

beforeAll(async () => {
  database = await emptyDatabase();
  settings = {
    DATABASE_URL: database.url,
    DATA_DIR: path.join(home.directory, 'data'),
    CALLBACK_ALLOW_PRIVATE: 'true',
  };
  hook = await receiver((_request, response) => void (holdsOn || response.end()));
});
afterAll(async () => {
  await killAll();
  await hook.close();
  await database.drop();
  home.remove();
});

const sessions = () => `/v1/Account/${account.id}/Masking/Session/`;
const first = () => instances[0] ?? expect.fail('no instance runs');
const phone = (i: number) => `+1202555${String(i).padStart(4, '0')}`;
const create = (service: ServiceProcess, i: number, more: object = {}) =>
  api(service, 'POST', sessions(), { first_party: phone(2 * i), second_party: phone(2 * i + 1), ...more }, account);

describe('several instances', () => {
  test('that start at once on one empty database all become ready, with one demo and one master key', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => startProcess(settings)));
    instances = await Promise.all(all.map((service) => service.ready()));
    const demos = instances.map((service) => service.stdout()).filter((text) => text.includes('auth token'));
    expect(demos).toHaveLength(1);
    const [, id = '', token = ''] = /auth id +(\S+)\s+auth token +(\S+)/.exec(demos[0] ?? '') ?? [];
    account = { id, token };
    expect(await Promise.all(instances.map((service, i) => create(service, i).then(({ status }) => status)))).toEqual([
      201, 201, 201, 201,
    ]);
  });

  test('tell of a session that expired, by their cron: once, in time, and signed', async () => {
    const made = await create(first(), 10, { session_expiry: 1, callback_url: `${hook.url}/expired` });
    expect(made.status).toBe(201);
    await vi.waitUntil(() => hook.requests().length > 0, { timeout: 10_000, interval: 20 });
    // The others' crons come round as well.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(hook.requests().map(({ body }) => new URLSearchParams(body).get('SessionUUID'))).toEqual([
      made.body.session_uuid,
    ]);
    expect(hook.requests()[0]?.headers).toMatchObject({
      'x-plivo-signature-v3': expect.any(String),
      'webhook-signature': expect.any(String),
    });
    expect(await invariantFaults(database.sql, { workersLive: true })).toEqual([]);
  });

  test('turn unready while their database is away, stay alive, and are ready when it is back', async () => {
    const ready = () => Promise.all(instances.map(({ url }) => healthOf(url, 'ready')));
    expect(await ready()).toEqual([200, 200, 200, 200]);
    await database.cut();
    await vi.waitUntil(async () => (await ready()).every((status) => status === 503), {
      timeout: 10_000,
      interval: 50,
    });
    expect(await Promise.all(instances.map(({ url }) => healthOf(url, 'live')))).toEqual([200, 200, 200, 200]);
    const meanwhile = await create(first(), 20);
    await database.mend();
    await vi.waitUntil(async () => (await ready()).every((status) => status === 200), {
      timeout: 10_000,
      interval: 50,
    });
    expect(await create(first(), 20)).toMatchObject({ status: 201 });
    // Not 401, upon which a client would throw its credentials away.
    expect(meanwhile).toMatchObject({ status: 503, body: { error: expect.any(String) } });
  });
});

describe('SIGTERM', () => {
  test('ends a service under load cleanly within 10 s: what was answered is kept, the rest is refused, nothing breaks', async () => {
    const [service] = instances.splice(0, 1);
    if (!service) throw new Error('no instance runs');
    const statuses: (number | 'refused')[] = [];
    const acknowledged: string[] = [];
    let isOver = false;
    const load = Array.from({ length: 20 }, async (_, worker) => {
      for (let i = 0; !isOver && i < 400; i++) {
        const made = await create(service, 1000 + 20 * i + worker).catch(() => null);
        statuses.push(made?.status ?? 'refused');
        if (made === null) return;
        if (made.status === 201) acknowledged.push(String(made.body.session_uuid));
      }
    });
    await vi.waitUntil(() => acknowledged.length > 50, { timeout: 10_000, interval: 1 });
    service.kill('SIGTERM');
    const { code, ms } = await service.ended;
    isOver = true;
    await Promise.all(load);
    expect([code, ms < 10_000]).toEqual([0, true]);
    expect([201, 503, 'refused']).toEqual(expect.arrayContaining([...new Set(statuses)]));
    const kept = await database.sql`select id from sessions where id in ${database.sql(acknowledged)}`;
    expect(kept.length).toBe(acknowledged.length);
    expect(await invariantFaults(database.sql)).toEqual([]);
  });

  test('ends it cleanly within 10 s even if a client is stuck in a request, a call stays open and a receiver is silent', async () => {
    // The last one is who calls the silent receiver; the others have nothing to do, and end too.
    const [service, ...others] = instances.splice(0);
    if (!service) throw new Error('no instance runs');
    for (const other of others) other.kill('SIGTERM');
    for (const other of others) expect(await other.ended).toMatchObject({ code: 0 });
    holdsOn = true;
    const seen = hook.requests().length;
    await create(service, 30, { session_expiry: 1, callback_url: hook.url });
    await vi.waitUntil(() => hook.requests().length > seen, { timeout: 10_000, interval: 20 });
    const port = Number(new URL(service.url).port);
    const stuck = [
      'POST /Masking/Session/ HTTP/1.1\r\nHost: x\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
    ];
    const sockets = stuck.map((text) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text)).on('error', () => {});
      return socket;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    service.kill('SIGTERM');
    const { code, ms } = await service.ended;
    for (const socket of sockets) socket.destroy();
    holdsOn = false;
    expect([code, ms < 10_000]).toEqual([0, true]);
  });
});
