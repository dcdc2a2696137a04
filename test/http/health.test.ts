import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { startService, type TestService } from '../support/service.ts';
import { roadTo } from '../support/story-road.ts';

const logLines: string[] = [];
let service: TestService;
beforeAll(async () => {
  service = await startService({ logLines });
});
afterAll(() => service.close());

async function health(url: string, which: 'live' | 'ready') {
  const beganAt = performance.now();
  const response = await fetch(`${url}/health/${which}`);
  return { status: response.status, text: await response.text(), ms: performance.now() - beganAt };
}
const READY = { status: 200, text: '{"status":"ready"}' };
const NOT_READY = { status: 503, text: '{"status":"not ready"}' };

describe('the state of health', () => {
  test('is told in one word, with no version or address, and is no news for the log', async () => {
    logLines.length = 0;
    expect(await health(service.url, 'live')).toMatchObject({ status: 200, text: '{"status":"live"}' });
    expect(await health(service.url, 'ready')).toMatchObject(READY);
    const headers = [...(await fetch(`${service.url}/health/ready`)).headers.keys()].sort();
    expect(headers).toEqual(['connection', 'content-length', 'content-type', 'date', 'keep-alive']);
    const news = logLines.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level > 20);
    expect(news).toEqual([]);
  });

  test('is ready only with this build’s migrations; later ones do no harm', async () => {
    const { sql } = service.deps.db;
    const [last] = await sql<{ id: number; created_at: string }[]>`
      delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)
      returning id, created_at`;
    expect(await health(service.url, 'ready')).toMatchObject(NOT_READY);
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', ${Number(last?.created_at) + 1})`;
    expect(await health(service.url, 'ready')).toMatchObject(READY);
  });

  test('is ready while all other connections are busy', async () => {
    const { db, answerDb } = service.deps;
    const rest = ({ sql }: typeof db) => Array.from({ length: 5 }, () => sql`select pg_sleep(1.4)`);
    const busy = Promise.allSettled([db, answerDb].flatMap(rest));
    expect(await health(service.url, 'ready')).toMatchObject(READY);
    await busy;
  });

  test('is not ready after a second without an answer of the database, and alive all the same', async () => {
    const road = await roadTo(service.databaseUrl);
    const far = await startService({ databaseUrl: road.url });
    expect(await health(far.url, 'ready')).toMatchObject(READY);
    road.freeze();
    const [ready, live] = await Promise.all([health(far.url, 'ready'), health(far.url, 'live')]);
    expect(ready).toMatchObject(NOT_READY);
    expect(ready.ms).toBeGreaterThan(900);
    expect(ready.ms).toBeLessThan(2_000);
    expect(live.status).toBe(200);
    expect(live.ms).toBeLessThan(900);
    road.thaw();
    expect(await health(far.url, 'ready')).toMatchObject(READY);
    road.close();
    await far.close();
  });

  test('is not ready while the process ends', async () => {
    const app = await buildApp(service.deps);
    const heard: object[] = [];
    const ask = async () => void heard.push(await health(url, 'ready'));
    app.addHook('preClose', ask);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    await ask();
    await app.close();
    expect(heard).toMatchObject([READY, NOT_READY]);
  });
});
