import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, disconnect } from '../../src/store/connect.ts';
import { api, SESSIONS, startService, type TestService } from '../support/service.ts';
import { type Road, roadTo } from '../support/story-road.ts';

let main: TestService;
let service: TestService;
let road: Road;
const wish = { first_party: '+12025550001', second_party: '+12025550002' };

beforeAll(async () => {
  main = await startService();
  road = await roadTo(main.databaseUrl);
  const db = connect(road.url, { connections: 5, statementTimeoutMs: 5_000 });
  service = await startService({ databaseUrl: main.databaseUrl, deps: { db } });
  // So that connections are there when the database falls silent.
  await Promise.all(Array.from({ length: 10 }, () => api(service, 'GET', SESSIONS)));
});

afterAll(async () => {
  await disconnect(service.deps.db, 0);
  road.close();
  await service.close();
  await main.close();
});

describe('the API without its database', () => {
  it('answers 503 with the body of every error, however silent the database is', async () => {
    road.freeze();
    const [created, listed] = await Promise.all([api(service, 'POST', SESSIONS, wish), api(service, 'GET', SESSIONS)]);
    for (const { status, headers, body } of [created, listed]) {
      expect(status).toBe(503);
      expect(headers.get('retry-after')).toBe('1');
      expect(body).toEqual({ api_id: expect.any(String), error: expect.stringContaining('unavailable') });
    }
    road.thaw();
    expect(await api(service, 'POST', SESSIONS, wish)).toMatchObject({ status: 201 });
  });
});
