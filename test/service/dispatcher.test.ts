import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CallbackOutcome } from '../../src/outbound/send-callback.ts';
import { startDispatcher } from '../../src/service/callbacks.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { MAIN, startService, type TestService } from '../support/service.ts';

let service: TestService;
let outbox: Outbox;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  service = await startService();
  outbox = openOutbox(service);
  closers.push(service.close, outbox.close);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function receives(handler: Parameters<typeof receiver>[0]): Promise<Receiver> {
  const started = await receiver(handler);
  closers.push(started.close);
  return started;
}

const takes = () => receives((_request, response) => response.end());
const ids = ({ requests }: Receiver) => requests().map(({ headers }) => headers['webhook-id']);
const untilDelivered = (url: string) =>
  vi.waitUntil(async () => (await outbox.rows(url)).every(({ state }) => state === 'delivered'), 10_000);

describe('a receiver that never answers', () => {
  test('holds nobody else up, though 300 callbacks wait for it', async () => {
    const hole = await receives(() => {});
    const others = await Promise.all(Array.from({ length: 5 }, takes));
    await outbox.bookMany({ [hole.url]: 300, ...Object.fromEntries(others.map(({ url }) => [url, 8])) });
    const began = Date.now();
    service.dispatcher.wake();
    await Promise.all(others.map(({ url }) => untilDelivered(url)));
    expect(Date.now() - began).toBeLessThan(2000);
    // No place of the first few had become free by then: the others did not need them.
    expect(hole.requests().length).toBeLessThan(10);
  });

  test('or fifty of them, leave half of the places to a receiver that answers', async () => {
    const app = await takes();
    const silent = Array.from({ length: 50 }, (_, i) => `https://silent-${i}.example/`);
    const held: (() => void)[] = [];
    const dispatcher = startDispatcher({
      ...service.deps,
      send: (callback) => {
        if (!silent.includes(callback.url)) return service.deps.send(callback);
        return new Promise((resolve) => held.push(() => resolve({ ok: false, status: null, error: 'timeout' })));
      },
    });
    await outbox.bookMany({ [app.url]: 1 });
    dispatcher.wake();
    await untilDelivered(app.url);
    await outbox.bookMany(Object.fromEntries(silent.map((url) => [url, 10])));
    dispatcher.wake();
    await vi.waitUntil(() => held.length >= 32, 10_000);
    await outbox.bookMany({ [app.url]: 40 });
    dispatcher.wake();
    await untilDelivered(app.url);
    expect(held).toHaveLength(32);
    const closed = dispatcher.close();
    for (const giveUp of held) giveUp();
    await closed;
  });
});

test('a dispatcher that is held gives each receiver two at a time, and more again once it is let go', async () => {
  const urls = ['https://one.example/', 'https://two.example/'];
  const open = new Map(urls.map((url) => [url, [] as (() => void)[]]));
  const dispatcher = startDispatcher({
    ...service.deps,
    send: ({ url }) => new Promise((resolve) => open.get(url)?.push(() => resolve({ ok: true, status: 200 }))),
  });
  const under = () => urls.map((url) => open.get(url)?.length);
  const finish = () => {
    for (const url of urls) for (const end of open.get(url)?.splice(0) ?? []) end();
  };
  await outbox.bookMany(Object.fromEntries(urls.map((url) => [url, 30])));
  const letGo = dispatcher.hold();
  dispatcher.wake();
  // The second round is with receivers that are known to be quick.
  for (let round = 0; round < 2; round++) {
    await vi.waitFor(() => expect(under()).toEqual([2, 2]), 10_000);
    await sleep(50);
    expect(under()).toEqual([2, 2]);
    if (round === 0) finish();
  }
  letGo();
  await vi.waitUntil(() => under().every((many = 0) => many > 4), 10_000);
  const closed = dispatcher.close();
  finish();
  await closed;
});

describe('dispatchers on one database', () => {
  test('send each of 300 callbacks once while all are well', async () => {
    const twin = await startService({ databaseUrl: service.databaseUrl });
    closers.push(twin.close);
    const apps = await Promise.all([takes(), takes(), takes()]);
    await outbox.bookMany(Object.fromEntries(apps.map(({ url }) => [url, 100])));
    const ticking = setInterval(() => [service, twin].map(({ dispatcher }) => dispatcher.wake()), 5);
    await Promise.all(apps.map(({ url }) => untilDelivered(url))).finally(() => clearInterval(ticking));
    const sent = apps.flatMap(ids);
    expect([sent.length, new Set(sent).size]).toEqual([300, 300]);
  });

  test('make good for one that died between sending and recording, with the same id, and heed no late word of it', async () => {
    const app = await takes();
    let wakeUp: (outcome: CallbackOutcome) => void = () => {};
    const dying = startDispatcher({
      ...service.deps,
      send: async (callback) => {
        await service.deps.send(callback);
        return new Promise((resolve) => {
          wakeUp = resolve;
        });
      },
    });
    await outbox.bookMany({ [app.url]: 1 });
    dying.wake();
    await vi.waitUntil(() => app.requests().length === 1, 10_000);
    service.dispatcher.wake();
    await service.dispatcher.close();
    // It is the dying one's for half a minute, and then anybody's.
    expect(await outbox.rows()).toMatchObject([{ state: 'pending', attempts: 1 }]);
    expect((await outbox.rows())[0]?.dueIn).toBeGreaterThan(16);
    await outbox.makeDue();
    const next = startDispatcher(service.deps);
    next.wake();
    await untilDelivered(app.url);
    wakeUp({ ok: false, status: 500, error: 'status 500' });
    await Promise.all([dying.close(), next.close()]);
    expect(new Set(ids(app)).size).toBe(1);
    expect(app.requests().map(({ body }) => body)[1]).toBe(app.requests()[0]?.body);
    expect(await outbox.rows()).toMatchObject([{ state: 'delivered', attempts: 2, lastError: null }]);
  });

  test('that cannot reach the database go on when it is back, and lose nothing', async () => {
    const app = await takes();
    await outbox.bookMany({ [app.url]: 50 });
    const ticking = setInterval(() => service.dispatcher.wake(), 20);
    for (let i = 0; i < 5; i++) {
      await outbox.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'bauta'`;
      await outbox.makeDue();
    }
    await vi
      .waitUntil(async () => {
        await outbox.sql`update callbacks set next_attempt_at = now() where next_attempt_at > now() + interval '10 seconds'`;
        return (await outbox.rows()).every(({ state }) => state === 'delivered');
      }, 15_000)
      .finally(() => clearInterval(ticking));
    expect(new Set(ids(app)).size).toBe(50);
  });
});

describe('a callback', () => {
  const ROUNDS = 15;
  // Some milliseconds where nobody else is at work; without a wake-up it would be half a second, or for ever.
  const MEDIAN_MS = 60;
  const medianOf = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

  test('starts at the instant at which it is due', async () => {
    const lateBy: number[] = [];
    const app = await takes();
    for (let round = 0; round < ROUNDS; round++) {
      const [row] = await outbox.sql<{ ms: number }[]>`
        insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method, next_attempt_at)
        select gen_random_uuid()::text, account_id, gen_random_uuid(), id, 'SessionTimeout', 1, ${app.url}, 'POST',
          now() + interval '200 milliseconds' from virtual_numbers where account_id = ${MAIN.id} limit 1
        returning extract(epoch from next_attempt_at)::float8 * 1000 as ms`;
      service.dispatcher.wake();
      await vi.waitUntil(() => app.requests().length > round, { timeout: 5_000, interval: 1 });
      lateBy.push(Date.now() - (row?.ms ?? 0));
      await untilDelivered(app.url);
    }
    expect(Math.min(...lateBy)).toBeGreaterThan(-2);
    expect(medianOf(lateBy)).toBeLessThan(MEDIAN_MS);
  });

  test('starts though it became due just when it was looked for', async () => {
    const app = await takes();
    const { sql } = service.deps.db;
    let isHeldUp = false;
    // Between looking for what is due and asking for the next instant it is held up, as on a busy machine.
    const slow = new Proxy(sql, {
      apply: (target, self, args) => {
        const made = Reflect.apply(target, self, args);
        if (!String(args[0]?.[0]).includes('with recursive receivers') || isHeldUp) return made;
        isHeldUp = true;
        return made.then(async (rows: unknown) => {
          await sleep(600);
          return rows;
        });
      },
    });
    await outbox.sql`
      insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method, next_attempt_at)
      select gen_random_uuid()::text, account_id, gen_random_uuid(), id, 'SessionTimeout', 1, ${app.url}, 'POST',
        now() + interval '300 milliseconds' from virtual_numbers where account_id = ${MAIN.id} limit 1`;
    const dispatcher = startDispatcher({ ...service.deps, db: { ...service.deps.db, sql: slow } });
    closers.push(dispatcher.close);
    dispatcher.wake();
    await untilDelivered(app.url);
  });

  test('that a request has booked starts at once', async () => {
    await service.close();
    closers.shift();
    let dispatcher = service.dispatcher;
    service = await startService({ deps: { callbacksBooked: () => dispatcher.booked() } });
    dispatcher = service.dispatcher;
    outbox = openOutbox(service);
    closers.push(service.close, outbox.close);
    const app = await takes();
    const lateBy: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await outbox.book(app.url);
      const ended = Date.now();
      await vi.waitUntil(() => app.requests().length > round, { timeout: 5_000, interval: 1 });
      lateBy.push(Date.now() - ended);
      await untilDelivered(app.url);
    }
    // The request before it has made it look a moment ago, so it may rest.
    expect(medianOf(lateBy)).toBeLessThan(MEDIAN_MS + 50);
  });
});

describe('the store is asked', () => {
  /** A dispatcher, and how often it looked for what is due and for the next instant. */
  function counted() {
    const asked = { takes: 0, plans: 0 };
    const sql = new Proxy(service.deps.db.sql, {
      apply: (target, self, args) => {
        const text = String(args[0]?.join?.(''));
        if (text.includes('skip locked')) asked.takes++;
        if (text.includes('clock_timestamp()')) asked.plans++;
        return Reflect.apply(target, self, args);
      },
    });
    const send = async (): Promise<CallbackOutcome> => ({ ok: true, status: 200 });
    const dispatcher = startDispatcher({ ...service.deps, send, db: { ...service.deps.db, sql } });
    closers.push(dispatcher.close);
    return { dispatcher, asked };
  }

  test('once for all places that are settled by one statement', async () => {
    const { dispatcher, asked } = counted();
    await outbox.bookMany({ 'https://app.example/': 2 });
    dispatcher.wake();
    await untilDelivered('https://app.example/');
    const before = asked.takes;
    await outbox.bookMany({ 'https://app.example/': 240 });
    dispatcher.wake();
    await untilDelivered('https://app.example/');
    // Twenty-four at a time, which come back together, and in the end it sees that there are no more. On a busy machine
    // it looked 14 times while ten statements settled them; once for each of them would be 240.
    expect(asked.takes - before).toBeGreaterThanOrEqual(10);
    expect(asked.takes - before).toBeLessThanOrEqual(20);
  });

  test('for the next instant only when it is woken, and not for what is booked', async () => {
    const { dispatcher, asked } = counted();
    dispatcher.wake();
    await vi.waitUntil(() => asked.plans === 1);
    for (let i = 0; i < 3; i++) {
      await sleep(70);
      dispatcher.booked();
    }
    await vi.waitUntil(() => asked.takes === 4);
    await sleep(70);
    expect(asked).toEqual({ takes: 4, plans: 1 });
  });
});

describe('closing', () => {
  test('waits for what is under way, records it and begins nothing more', async () => {
    const waiting: (() => void)[] = [];
    const apps = await Promise.all(
      Array.from({ length: 4 }, () => receives((_request, response) => void waiting.push(() => response.end()))),
    );
    await outbox.bookMany(Object.fromEntries(apps.map(({ url }) => [url, 5])));
    service.dispatcher.wake();
    await vi.waitUntil(() => waiting.length >= 4, 10_000);
    let isClosed = false;
    const closing = service.dispatcher.close().then(() => {
      isClosed = true;
    });
    service.dispatcher.wake();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isClosed).toBe(false);
    // What was taken in the moment of the closing may still come.
    const answering = setInterval(() => waiting.map((answer) => answer()), 10);
    await closing.finally(() => clearInterval(answering));
    const delivered = (await outbox.rows()).filter(({ state }) => state === 'delivered');
    const sent = apps.flatMap(ids).length;
    expect([delivered.length, sent]).toEqual([waiting.length, waiting.length]);
    expect(sent).toBeLessThan(20);
  });
});
