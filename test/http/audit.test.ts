import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectedCall } from '../support/call-events.ts';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  OTHER,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

const A = { first_party: '+12025550000', second_party: '+12025551111' };
const AUDIT = `/v1/Account/${MAIN.id}/Masking/Audit/`;
const PARTIES = ['first_party', 'second_party', 'first_party_pin', 'second_party_pin'];

interface Entry {
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly object: string;
  readonly fields: readonly string[];
  readonly request_id: string;
}

let service: TestService;
let sql: postgres.Sql;
beforeAll(async () => {
  service = await startService();
  sql = postgres(service.databaseUrl, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await service.close();
});

async function audit(query = '', as = MAIN, path = AUDIT) {
  await service.deps.audit.flush();
  const { status, body } = await api(service, 'GET', path + query, undefined, as);
  return { status, meta: body.meta as never as { total_count: number }, entries: (body.objects ?? []) as Entry[] };
}

/** What is booked from now on, oldest first. */
async function since<T>(work: () => Promise<T>): Promise<{ result: T; booked: Entry[] }> {
  const { meta } = await audit('?limit=1');
  const result = await work();
  const { meta: after, entries } = await audit('?limit=20');
  return { result, booked: entries.slice(0, after.total_count - meta.total_count).reverse() };
}

describe('the audit log', () => {
  test('tells who changed what by names, and of each request that read full phones once', async () => {
    const { result, booked } = await since(async () => {
      const { session_uuid: id } = await makeSession(service, { ...A, session_expiry: 60, '+12025559999': '1' });
      const updated = await api(service, 'POST', `${SESSIONS}${id}/`, { session_expiry: 90 });
      await api(service, 'GET', SESSIONS);
      await service.deps.audit.flush();
      await api(service, 'GET', `/Masking/Session/${id}/`);
      await service.deps.audit.flush();
      await api(service, 'DELETE', `${SESSIONS}${id}/`);
      return { id, requestId: updated.body.api_id };
    });
    const by = { actor: MAIN.id, time: expect.any(String), request_id: expect.any(String) };
    const { id: object } = result;
    expect(booked).toEqual([
      { ...by, action: 'session.create', object, fields: expect.arrayContaining(['first_party', 'second_party']) },
      { ...by, action: 'session.update', object, fields: ['session_expiry'], request_id: result.requestId },
      { ...by, action: 'session.list', object: '', fields: PARTIES },
      { ...by, action: 'session.get', object, fields: PARTIES },
      { ...by, action: 'session.delete', object, fields: [] },
    ]);
  });

  test('has reads of calls and exchanges, and changes of everything else by the name of their route', async () => {
    const { virtual_number: virtualNumber } = await makeSession(service, A);
    const events = connectedCall({ caller: A.first_party, virtualNumber });
    for (const name of ['answer', 'dialAnswer', 'dialHangup', 'hangup']) await events[name]?.(service, 'audited');
    const calls = `/v1/Account/${MAIN.id}/Call/`;
    const listed = await api(service, 'GET', calls);
    const [leg] = listed.body.objects as never as { call_uuid: string }[];
    const { booked } = await since(async () => {
      for (const [method, path, body] of [
        ['GET', calls],
        ['GET', `${calls}${leg?.call_uuid}/`],
        ['POST', `${calls}${leg?.call_uuid}/Cost/`, { total_amount: '0.01' }],
        ['GET', `/v1/Account/${MAIN.id}/Masking/Exchange/`],
        ['POST', `/v1/Account/${MAIN.id}/Masking/Callback/Secret/`],
        ['POST', `/v1/Account/${MAIN.id}/Number/`, { numbers: '14155557700', provider: HIPCALL_KEY }],
        ['DELETE', `/v1/Account/${MAIN.id}/Number/14155557700/`],
      ] as const) {
        expect((await api(service, method, path, body)).status).toBeLessThan(300);
        await service.deps.audit.flush();
      }
    });
    expect(booked.map(({ action, object, fields }) => [action, object, fields])).toEqual([
      ['call.list', '', ['from_number', 'to_number']],
      ['call.get', leg?.call_uuid, ['from_number', 'to_number']],
      ['call.correct', leg?.call_uuid, ['total_amount']],
      ['exchange.list', '', ['request', 'document']],
      ['secret.rotate', '', []],
      ['number.add', '', ['numbers', 'provider']],
      ['number.remove', '14155557700', []],
    ]);
  });

  test('names who signed in, also for a subaccount, and is the main account’s alone', async () => {
    const sub = SESSIONS.replace(MAIN.id, SUB.id);
    const { booked } = await since(async () => {
      await api(service, 'POST', sub, A, SUB);
      await api(service, 'GET', sub, undefined, MAIN);
    });
    expect(booked.map(({ actor, action }) => [actor, action])).toEqual([
      [SUB.id, 'session.create'],
      [MAIN.id, 'session.list'],
    ]);
    expect((await audit('', SUB, AUDIT.replace(MAIN.id, SUB.id))).status).toBe(403);
    expect((await audit('', OTHER, AUDIT)).status).toBe(404);
    expect((await audit('', OTHER, AUDIT.replace(MAIN.id, OTHER.id))).meta.total_count).toBe(0);
  });

  test('is told page by page, and by actor, action and time', async () => {
    const all = await audit('?limit=20');
    const second = await audit('?limit=2&offset=2');
    expect(second.entries).toEqual(all.entries.slice(2, 4));
    const mine = await audit(`?actor=${SUB.id}`);
    expect(new Set(mine.entries.map(({ actor }) => actor))).toEqual(new Set([SUB.id]));
    const made = await audit('?action=session.create');
    expect([...new Set(made.entries.map(({ action }) => action)), made.entries.length > 1]).toEqual([
      'session.create',
      true,
    ]);
    const [newest] = all.entries;
    const minute = newest?.time.slice(0, 16);
    expect((await audit(`?from=${minute}`)).entries.length).toBeGreaterThan(0);
    expect((await audit('?to=2020-01-01 00:00')).meta.total_count).toBe(0);
    expect((await audit('?from=2999-01-01 00:00')).meta.total_count).toBe(0);
  });

  test('has nothing of what was refused, and never a phone or a PIN, wherever it was sent', async () => {
    const [phone, pin] = ['12025553344', '836455'];
    const { booked } = await since(async () => {
      await api(service, 'POST', SESSIONS, { first_party: `+${phone}` });
      await api(service, 'GET', `${SESSIONS}${phone}/`);
      await api(service, 'GET', `/v1/Account/${MAIN.id}/Call/${phone}/`);
      await api(service, 'DELETE', `/v1/Account/${MAIN.id}/Number/${phone}/`);
      await api(service, 'POST', SESSIONS, A, { id: MAIN.id, token: 'wrong' });
    });
    expect(booked).toEqual([]);
    await connectedCall({ caller: A.first_party, virtualNumber: '+14155550100' }).hangup?.(service, phone);
    expect((await api(service, 'GET', `/v1/Account/${MAIN.id}/Call/${phone}/`)).status).toBe(200);
    const made = await makeSession(service, {
      ...{ first_party: `+${phone}`, second_party: A.second_party, is_pin_authentication_required: true },
      ...{ pin_prompt_play: 'https://example.com/p.mp3', first_party_pin: pin, second_party_pin: '836456' },
      ...{ [phone]: phone, [`a${pin}`]: pin },
    });
    await api(service, 'GET', `${SESSIONS}?first_party=${phone}&${phone}=${pin}`);
    await api(service, 'POST', `${SESSIONS}${made.session_uuid}/?${phone}`, { [phone]: pin });
    await api(service, 'POST', `/v1/Account/${MAIN.id}/Masking/Callback/Secret/`, { [phone]: pin });
    await service.deps.audit.flush();
    const rows = await sql<{ row: string }[]>`select a::text as row from audit_log a`;
    const text = rows.map(({ row }) => row).join('\n');
    expect(text).toContain(made.session_uuid);
    expect([phone, pin, A.first_party.slice(1), A.second_party.slice(1)].filter((one) => text.includes(one))).toEqual(
      [],
    );
  });

  test('cannot be changed or emptied by the service’s own connection', async () => {
    const { sql: own } = service.deps.db;
    const count = async () => (await own`select count(*)::int as n from audit_log`)[0]?.n;
    const before = await count();
    await expect(own`update audit_log set actor = 'nobody'`).rejects.toThrow('only grows');
    await expect(own`delete from audit_log`).rejects.toThrow('only grows');
    await expect(own`truncate audit_log`).rejects.toThrow('only grows');
    await expect(own`with gone as (delete from audit_log returning 1) select count(*) from gone`).rejects.toThrow(
      'only',
    );
    expect(await count()).toBe(before);
  });

  test('keeps no read waiting while it cannot be written, and no change from being answered', async () => {
    const { session_uuid: id } = await makeSession(service, {
      first_party: '+12025557701',
      second_party: '+12025557702',
    });
    const lock = await sql.reserve();
    await lock`begin`;
    await lock`lock table audit_log in access exclusive mode`;
    const before = Date.now();
    expect((await api(service, 'GET', `${SESSIONS}${id}/`)).status).toBe(200);
    expect(Date.now() - before).toBeLessThan(900);
    expect((await api(service, 'POST', `/v1/Account/${MAIN.id}/Masking/Callback/Secret/`)).status).toBe(201);
    await lock`rollback`;
    lock.release();
    await service.deps.audit.flush();
    const { entries } = await audit('?limit=2');
    expect(entries.map(({ action }) => action).sort()).toEqual(['secret.rotate', 'session.get']);
  });
});
