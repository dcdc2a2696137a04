import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Deps } from '../../src/deps.ts';
import { type Dispatcher, startDispatcher } from '../../src/service/callbacks.ts';
import { pause, resume, tidyEndpoints } from '../../src/service/endpoints.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { MAIN, OTHER, startService, type TestService } from '../support/service.ts';

const SCOPE = { accountId: MAIN.id, subaccountId: null };
const DAY = 86_400;

let service: TestService;
let outbox: Outbox;
let app: Receiver;
// Of the test's own: a former one's may still be about to look for what is due.
let dispatcher: Dispatcher;
let deps: Deps;
let status = 500;
const logLines: string[] = [];

beforeAll(async () => {
  service = await startService({ logLines });
  outbox = openOutbox(service);
});
beforeEach(async () => {
  await outbox.sql`truncate callbacks, callback_attempts, endpoints`;
  status = 500;
  app = await receiver((_request, response) => response.writeHead(status).end());
  dispatcher = startDispatcher(service.deps);
  deps = { ...service.deps, callbacksBooked: () => dispatcher.booked() };
});
afterEach(async () => {
  await dispatcher.close();
  await app.close();
});
afterAll(async () => {
  await outbox.close();
  await service.close();
});

const states = async (url?: string) => (await outbox.rows(url)).map(({ state }) => state as string).sort();
const hook = () => `${app.url}/secret-path?key=secret`;
const place = async () => (await outbox.sql`select * from endpoints`)[0];

/** Lets a dispatcher do all that it can do now. */
async function dispatch(): Promise<void> {
  const seen = app.requests().length;
  dispatcher.wake();
  await vi.waitUntil(async () => {
    const due = await outbox.sql`
      select from callbacks c where state = 'pending' and next_attempt_at <= now() and not exists (
        select from endpoints e where e.account_id = c.account_id and e.endpoint = c.endpoint and paused_at is not null)`;
    const unsettled = await outbox.sql`
      select from callbacks c where attempts > 0 and state <> 'delivered' and not exists (
        select from callback_attempts a where a.callback_id = c.id and a.attempt = c.attempts)`;
    return due.length === 0 && unsettled.length === 0;
  }, 10_000);
  expect(app.requests().length).toBeGreaterThanOrEqual(seen);
}

const makeOneDue = () =>
  outbox.sql`update callbacks set next_attempt_at = now() where id = (select id from callbacks limit 1)`;
const failFor = (seconds: number) =>
  outbox.sql`update endpoints set failing_since = failing_since - make_interval(secs => ${seconds})`;

describe('an endpoint that nothing but fails', () => {
  test('for five days, ten times at least, is paused: what waits for it is held back, and the log says so', async () => {
    await outbox.bookMany({ [hook()]: 12 });
    await dispatch();
    expect(await place()).toMatchObject({ failures: 12, paused_at: null });
    await failFor(5 * DAY);
    await makeOneDue();
    await dispatch();
    expect(await place()).toMatchObject({ failures: 13, pause_reason: 'failing' });
    expect(await states()).toEqual(Array(12).fill('paused'));
    const said = logLines.filter((line) => line.includes('endpoint.paused'));
    expect(said).toHaveLength(1);
    expect(JSON.parse(said[0] ?? '')).toMatchObject({ endpoint: app.url, account: MAIN.id, reason: 'failing' });
    expect(said[0]).not.toContain('secret');
  });

  test.each([
    ['ten times within less than five days', 10, 5 * DAY - 60],
    ['nine times in six days', 8, 6 * DAY],
  ])('but only %s, is not', async (_name, failures, seconds) => {
    await outbox.bookMany({ [hook()]: failures });
    await dispatch();
    await failFor(seconds);
    await makeOneDue();
    await dispatch();
    expect(await place()).toMatchObject({ failures: failures + 1, paused_at: null });
    expect(await states()).toEqual(Array(failures).fill('pending'));
  });

  test('but once is well in between, is not: all is forgotten', async () => {
    await outbox.bookMany({ [hook()]: 12 });
    await dispatch();
    await failFor(6 * DAY);
    status = 200;
    await makeOneDue();
    await dispatch();
    expect(await place()).toBeUndefined();
    status = 500;
    await outbox.makeDue();
    await dispatch();
    expect(await place()).toMatchObject({ failures: 11, paused_at: null });
    expect(await states()).toEqual(['delivered', ...Array(11).fill('pending')]);
  });
});

describe('a paused endpoint', () => {
  test('is sent nothing, also not what is booked later, until it is resumed: then all of it, by the whole schedule', async () => {
    status = 200;
    await outbox.bookMany({ [hook()]: 5 });
    expect(await pause(deps, SCOPE, hook())).toBe(5);
    await outbox.bookMany({ [hook()]: 4 });
    await dispatch();
    expect(await states()).toEqual([...Array(5).fill('paused'), ...Array(4).fill('pending')]);
    await tidyEndpoints(deps);
    expect(await states()).toEqual(Array(9).fill('paused'));
    expect(app.requests()).toHaveLength(0);

    await outbox.sql`update callbacks set attempts = 8`;
    await outbox.sql`insert into callback_attempts (callback_id, attempt, at, duration_ms)
      select id, n, now(), 1 from callbacks, generate_series(1, 8) n`;
    status = 500;
    expect(await resume(deps, SCOPE, app.url.toUpperCase())).toBe(9);
    await dispatch();
    expect(app.requests()).toHaveLength(9);
    expect((await outbox.rows()).every(({ dueIn }) => dueIn > 0 && dueIn < 7)).toBe(true);
    status = 200;
    await outbox.makeDue();
    await dispatch();
    expect(await states()).toEqual(Array(9).fill('delivered'));
  });

  test('still counts what was under way: taken, it is delivered; failed, it is held back', async () => {
    const held: ((ok: boolean) => void)[] = [];
    const dispatcher = startDispatcher({
      ...service.deps,
      send: () =>
        new Promise((resolve) =>
          held.push((ok) =>
            resolve(ok ? { ok, status: 200 } : { ok, status: 500, error: 'status 500', retryAfterSeconds: 60 }),
          ),
        ),
    });
    await outbox.bookMany({ [hook()]: 2 });
    dispatcher.wake();
    await vi.waitUntil(() => held.length === 2, 10_000);
    await pause(deps, SCOPE, hook());
    expect(await states()).toEqual(['paused', 'paused']);
    held[0]?.(true);
    held[1]?.(false);
    await dispatcher.close();
    expect(await states()).toEqual(['delivered', 'paused']);
    expect(await place()).toMatchObject({ pause_reason: 'operator', failures: 1 });
  });

  test('of one account is sent to for another', async () => {
    status = 200;
    await outbox.bookMany({ [hook()]: 3 });
    await outbox.sql`update callbacks set account_id = ${OTHER.id} where id = (select id from callbacks limit 1)`;
    await pause(deps, SCOPE, hook());
    await dispatch();
    await tidyEndpoints(deps);
    expect(await states()).toEqual(['delivered', 'paused', 'paused']);
  });

  test('leaves nothing behind that a resume has missed', async () => {
    status = 200;
    await outbox.bookMany({ [hook()]: 2, 'http://127.0.0.1:9/': 2 });
    await pause(deps, SCOPE, 'http://127.0.0.1:9');
    await outbox.sql`update callbacks set state = 'paused'`;
    await tidyEndpoints(deps);
    await dispatch();
    expect(await states(hook())).toEqual(['delivered', 'delivered']);
    expect(await states('http://127.0.0.1:9/')).toEqual(['paused', 'paused']);
  });

  test('and resumed in the same moments as callbacks are booked, sent and failed, ends with nothing lost', async () => {
    status = 200;
    const working = setInterval(() => dispatcher.wake(), 3);
    const tidying = setInterval(() => void tidyEndpoints(deps).catch(() => {}), 7);
    for (let i = 0; i < 20; i++) {
      await Promise.all([outbox.bookMany({ [hook()]: 10 }), pause(deps, SCOPE, hook()), resume(deps, SCOPE, hook())]);
    }
    await resume(deps, SCOPE, hook());
    await vi
      .waitUntil(async () => (await states()).every((state) => state === 'delivered'), 10_000)
      .finally(() => [working, tidying].map(clearInterval));
    expect(new Set(app.requests().map(({ headers }) => headers['webhook-id'])).size).toBe(200);
  });
});
