import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Exchange, inWords, loggedFields } from '../../src/core/exchange.ts';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { createLog } from '../../src/log.ts';
import { purgeExchanges, startExchangeLog } from '../../src/service/exchanges.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { readExchanges, writeExchanges } from '../../src/store/exchanges.ts';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  OTHER,
  PLIVO_KEY,
  PLIVO_TOKEN,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';
import { roadTo } from '../support/story-road.ts';

let one: TestService;
let two: TestService;
beforeAll(async () => {
  one = await startService();
  two = await startService({ databaseUrl: one.databaseUrl });
});
afterAll(async () => {
  await two.close();
  await one.close();
});

const LOG = `/v1/Account/${MAIN.id}/Masking/Exchange/`;
const SCOPE = { accountId: MAIN.id, subaccountId: null };

async function exchange(callId: string, more: Partial<Exchange> = {}): Promise<Exchange> {
  const [row] = await one.deps.db.sql<
    { id: number }[]
  >`select id from providers where account_id = ${MAIN.id} order by id`;
  return {
    ...{ at: new Date(), accountId: MAIN.id, providerId: row?.id ?? 0, webhook: 'answer', callId },
    ...{ virtualNumber: '+14155550100', status: 200, decision: inWords('known_caller'), milliseconds: 1.5 },
    ...{ fields: { From: '12025550000' }, document: '<Response/>' },
    ...more,
  };
}

const list = async (query: string, as = MAIN) => {
  const { status, body } = await api(one, 'GET', `/v1/Account/${as.id}/Masking/Exchange/?${query}`, undefined, as);
  return {
    status,
    error: body.error,
    ...(body as unknown as { meta: { next_after: number }; objects: Record<string, unknown>[] }),
  };
};
const ids = async (query: string, as = MAIN) => (await list(query, as)).objects.map(({ call_uuid }) => call_uuid);

describe('what was keyed', () => {
  it('is kept as its count, under whatever name it comes', () => {
    const fields = {
      ...{ Digits: '1234', From: '1', DialDigitsMatch: '9', pinCode: ['55', null] },
      ...{ data: { pin_code: '5678', pin_code_2: 7, x: null }, nested: [{ dtmf: '12' }] },
    };
    expect(loggedFields('answer', fields)).toEqual({
      ...{ Digits: '4 digits', From: '1', DialDigitsMatch: '1 digit', pinCode: ['2 digits', 'nothing'] },
      ...{ data: { pin_code: '4 digits', pin_code_2: '1 digit', x: 'nothing' }, nested: [{ dtmf: '2 digits' }] },
    });
  });

  it('is not found in another field, nor behind another value', () => {
    const fields = {
      ...{ data: { pin_code: '718293' }, callflow: [{ action: 'gather', detail: { value: 718293 } }] },
      ...{ CallerName: 'xDigits718293', From: '12025550000' },
    };
    const shown = loggedFields('answer', fields);
    expect(JSON.stringify(shown)).not.toContain('718293');
    expect(shown).toMatchObject({ From: '12025550000', CallerName: 'xDigits6 digits' });
  });

  it('is not what an event tells of its call', () => {
    const data = { uuid: 'call-1', hangup_by: 'user', call_flow: [{ action: 'hangup' }] };
    expect(loggedFields('events', { event: 'call_hangup', data })).toEqual({ event: 'call_hangup', data });
  });
});

describe('the exchange log', () => {
  it('shows an exchange whole, newest first, and by call, number, time and place', async () => {
    one.deps.exchanges.record(await exchange('log-1'));
    one.deps.exchanges.record(
      await exchange('log-2', { virtualNumber: '+14155550101', at: new Date('2026-01-02T03:04:05Z') }),
    );
    const shown = await list('after=0&wait=5&limit=100');
    expect(shown.objects).toHaveLength(2);
    expect(shown.objects[0]).toMatchObject({
      ...{
        call_uuid: 'log-1',
        provider: 'plivo',
        webhook: 'answer',
        session_uuid: null,
        virtual_number: '+14155550100',
      },
      ...{ request: { From: '12025550000' }, document: '<Response/>', status: 200, duration_ms: 1.5 },
      decision: 'known_caller: known caller, connected',
    });
    expect(await ids('')).toEqual(['log-2', 'log-1']);
    expect(await ids('call_uuid=log-1')).toEqual(['log-1']);
    expect(await ids('virtual_number=14155550101')).toEqual(['log-2']);
    expect(await ids('to=2026-01-02 03:05')).toEqual(['log-2']);
    expect(await ids('from=2026-01-02 03:04&to=2026-01-02 03:04')).toEqual(['log-2']);
    expect(await ids('from=2026-01-02 03:05')).toEqual(['log-1']);
    expect(await ids(`from=${shown.objects[0]?.time}`)).toEqual(['log-1']);
    expect(await ids('from=2026-01-02 03:04&to=2026-01-02 03:04&after=0')).toEqual(['log-2']);
    expect(await ids(`after=${shown.objects[0]?.id}`)).toEqual(['log-2']);
  });

  it('shows nobody what is not theirs, and refuses what it cannot read', async () => {
    expect(await ids('', OTHER)).toEqual([]);
    expect(await ids('', SUB)).toEqual([]);
    expect((await api(one, 'GET', LOG, undefined, OTHER)).status).toBe(404);
    for (const [query, field] of [
      ['wait=26', 'wait'],
      ['session_uuid=x', 'session_uuid'],
      ['limit=101', 'limit'],
      ['from=x', 'from'],
    ]) {
      expect(await list(query ?? '')).toMatchObject({ status: 400, error: expect.stringContaining(field ?? '') });
    }
  });

  it('answers who waits as soon as another instance has written, and not before', async () => {
    const { meta } = await list('after=0&limit=100');
    const began = Date.now();
    const waiting = list(`after=${meta.next_after}&wait=20`);
    await sleep(300);
    two.deps.exchanges.record(await exchange('from-two'));
    expect((await waiting).objects.map(({ call_uuid }) => call_uuid)).toEqual(['from-two']);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect((await list(`after=${(await list('')).objects[0]?.id}&wait=1`)).objects).toEqual([]);
  });

  it('is waited for as long as was asked, longer than any other answer', async () => {
    const newest = (await list('')).objects[0]?.id;
    const began = performance.now();
    const { status, body } = await api(one, 'GET', `${LOG}?after=${newest}&wait=11`);
    expect([status, body]).toEqual([200, expect.objectContaining({ objects: [] })]);
    expect(performance.now() - began).toBeGreaterThan(10_900);
  }, 20_000);

  it('lets no reader miss one of many writers', async () => {
    const start = (await list('')).meta.next_after;
    // Between getting its id and being seen, each takes a while of its own.
    await one.deps.db.sql.unsafe(`create function linger() returns trigger language plpgsql as
        'begin perform pg_sleep(random() * 0.01); return null; end';
      create trigger linger after insert on exchanges for each row execute function linger()`);
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => exchange(`many-${i}`)));
    let isWriting = true;
    const seen: string[] = [];
    const read = async () => {
      for (let after = start; ; ) {
        const isLast = !isWriting;
        const found = await readExchanges(one.deps.db, one.deps.vault, SCOPE, { afterId: after }, 50, new Date());
        for (const { id, callId } of found) {
          seen.push(callId ?? '');
          after = id;
        }
        if (found.length === 0 && isLast) return;
      }
    };
    const reading = read();
    const write = (from: number) => async () => {
      for (let i = from; i < 200; i += 20) {
        const { deps } = i % 2 ? one : two;
        const some = all.slice(i, i + 1).filter((e) => e !== undefined);
        await writeExchanges(deps.db, deps.vault, some, some.map(deps.newUuid));
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(i)()));
    isWriting = false;
    await reading;
    await one.deps.db.sql`drop function linger cascade`;
    expect(new Set(seen).size).toBe(200);
    expect(seen).toHaveLength(200);
  });

  it('is kept for its days', async () => {
    one.deps.exchanges.record(await exchange('old', { at: new Date(Date.now() - 8 * 86_400_000) }));
    one.deps.exchanges.record(await exchange('young', { at: new Date(Date.now() - 6 * 86_400_000) }));
    const { meta } = await list('after=0&limit=1');
    await expect.poll(() => ids('call_uuid=young')).toEqual(['young']);
    expect(meta.next_after).toBeGreaterThan(0);
    await purgeExchanges(one.deps);
    expect([await ids('call_uuid=old'), await ids('call_uuid=young')]).toEqual([[], ['young']]);
  });

  it('keeps nobody waiting while its database is silent, and the newest ten thousand until it is back', async () => {
    const road = await roadTo(one.databaseUrl);
    const farDb = connect(road.url, { connections: 1, statementTimeoutMs: 5_000 });
    const logLines: string[] = [];
    const lines = createLog('info', { write: (line: string) => void logLines.push(line) });
    const log = startExchangeLog({ ...one.deps, db: farDb, log: lines });
    const far = await startService({ databaseUrl: one.databaseUrl, deps: { exchanges: log } });
    await farDb.sql`select 1`;
    road.freeze();
    await ask(far, { caller: '+905320000001', callee: '+902125550100', uuid: 'warm-up' });
    const began = performance.now();
    const asked = await ask(far, { caller: '+905320000001', callee: '+902125550100', uuid: 'silent' });
    expect([asked.status, performance.now() - began]).toEqual([200, expect.toSatisfy((ms: number) => ms < 1_000)]);
    const made = await exchange('silent');
    for (let i = 0; i < 10_500; i++) log.record({ ...made, callId: `silent-${i}` });
    expect(performance.now() - began).toBeLessThan(2_000);
    road.thaw();
    await log.flush();
    expect(await ids('call_uuid=silent-10499')).toEqual(['silent-10499']);
    const [row] = await one.deps.db.sql`select count(*)::int as kept from exchanges
      where provider_call_id like 'silent%' or provider_call_id = 'warm-up'`;
    expect(row?.kept).toBeGreaterThanOrEqual(10_000);
    const told = logLines.filter((line) => line.includes('exchange.dropped')).map((line) => JSON.parse(line));
    expect(told).toMatchObject([{ dropped: 10_502 - row?.kept, kept: 10_000 }]);
    await far.close();
    await disconnect(farDb, 1);
    road.close();
  });

  it('loses nothing at an orderly end, and to one that cannot be stored only that one', async () => {
    const log = startExchangeLog(one.deps);
    const made = await exchange('last');
    for (let i = 0; i < 1_200; i++) log.record({ ...made, callId: i === 700 ? 'not\0text' : `last-${i}` });
    await log.close();
    const [row] = await one.deps.db
      .sql`select count(*)::int as kept from exchanges where provider_call_id like 'last-%'`;
    expect(row?.kept).toBe(1_199);
  });
});

describe('who waits for an exchange', () => {
  it('is not taken for dead, though nothing moves on the connection', async () => {
    const { app } = two;
    const usual = app.server.timeout;
    app.server.setTimeout(300);
    const { meta } = await list('');
    const waited = await api(two, 'GET', `${LOG}?after=${meta.next_after}&wait=1`);
    app.server.setTimeout(usual);
    expect(waited.status).toBe(200);
  });

  it('is answered at once when the process ends', async () => {
    const ending = await startService({ databaseUrl: one.databaseUrl });
    const { meta } = await list('');
    const waiting = api(ending, 'GET', `${LOG}?after=${meta.next_after}&wait=20`);
    await expect.poll(() => new Promise((resolve) => ending.app.server.getConnections((_, n) => resolve(n)))).toBe(1);
    const began = performance.now();
    const sweep = setInterval(() => ending.app.server.closeIdleConnections(), 20);
    await ending.close();
    clearInterval(sweep);
    expect((await waiting).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe('an exchange over a provider’s connection', () => {
  const caller = '+905320000001';
  const logged = async (uuid: string) => {
    await one.deps.exchanges.flush();
    return (await list(`call_uuid=${uuid}`)).objects;
  };

  it('is logged also where it was not understood, but not where nobody knows who asked', async () => {
    expect((await ask(one, { caller, callee: 'nobody', uuid: 'malformed' })).status).toBe(400);
    expect((await ask(one, { caller, uuid: 'unsigned' }, 'hip:wrong')).status).toBe(401);
    expect((await ask(one, { caller, uuid: 'unsigned' }, 'hip:call', 'no-such-key')).status).toBe(404);
    expect(await logged('malformed')).toMatchObject([
      { status: 400, decision: 'malformed: callee must be a phone number', document: '' },
    ]);
    expect(await logged('unsigned')).toEqual([]);
  });

  it('is found under its call also where nobody could decide', async () => {
    const phoneDigest = () => {
      throw new Error('no digests today');
    };
    const deps = { vault: { ...one.deps.vault, phoneDigest } };
    const broken = await startService({ databaseUrl: one.databaseUrl, deps });
    expect((await ask(broken, { caller, callee: '+902125550100', uuid: 'undecided' })).status).toBe(200);
    await broken.deps.exchanges.flush();
    expect(await logged('undecided')).toMatchObject([{ decision: expect.stringMatching(/^apology: /), status: 200 }]);
    await broken.close();
  });

  it('names in clear only numbers of ours, and keeps the key of its connection out of what it shows', async () => {
    await ask(one, { caller, callee: '+905330000009', uuid: 'stranger' });
    expect(await logged('stranger')).toMatchObject([
      {
        decision: expect.stringMatching(/^unknown_number: /),
        virtual_number: null,
        request: { callee: '+905330000009' },
      },
    ]);
    const session = await makeSession(one, { first_party: '+12025550001', second_party: '+12025550002' });
    const form = { CallUUID: 'with-key', From: '12025550001', To: session.virtual_number.replace('+', '') };
    const url = `${one.url}/answer/${PLIVO_KEY}/`;
    const nonce = 'n';
    const signature = signPlivoV3({ method: 'POST', url, params: form, nonce, token: PLIVO_TOKEN });
    const headers = { 'x-plivo-signature-v3': signature, 'x-plivo-signature-v3-nonce': nonce };
    const answered = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
    expect(await answered.text()).toContain(PLIVO_KEY);
    const shown = await logged('with-key');
    expect(shown).toMatchObject([
      { session_uuid: session.session_uuid, decision: 'known_caller: known caller, connected' },
    ]);
    expect(shown[0]?.document).toContain('<Number>12025550002</Number>');
    expect(JSON.stringify(shown)).not.toContain(PLIVO_KEY);
    expect(await ids(`session_uuid=${session.session_uuid}`)).toEqual(['with-key']);
    expect(await ids(`session_uuid=${session.session_uuid}`, OTHER)).toEqual([]);
  });

  it('is shown to the subaccount whose number was called, also where the request names only the call', async () => {
    const number = '+14155550901';
    const provider = (await exchange('')).providerId;
    await one.deps.db.sql`insert into calls (id, provider_id, provider_call_id, account_id, subaccount_id,
        virtual_number_id, outcome, reason, authenticated, pin_tries, version)
      select gen_random_uuid(), ${provider}, 'of-sub', ${MAIN.id}, ${SUB.id}, id, 'refused', 'unknown_caller', false,
        '{}', 1 from virtual_numbers where number = ${number}`;
    one.deps.exchanges.record(await exchange('of-sub', { webhook: 'dial-callback', virtualNumber: null }));
    await one.deps.exchanges.flush();
    expect((await list('', SUB)).objects).toMatchObject([{ call_uuid: 'of-sub', virtual_number: number }]);
  });
});

async function ask(service: TestService, body: object, credentials = 'hip:call', key = HIPCALL_KEY): Promise<Response> {
  const headers = { 'content-type': 'application/json', authorization: `Basic ${btoa(credentials)}` };
  return fetch(`${service.url}/answer/${key}/`, { method: 'POST', headers, body: JSON.stringify(body) });
}
