import { afterAll, beforeAll, expect, it } from 'vitest';
import { rememberConnections } from '../../src/service/connections.ts';
import { PLIVO_KEY, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const CROWD = Array.from({ length: 50 });

/** Finds connections at an instant that the test sets; each read of the database digests the key once. */
function counting() {
  const { deps } = service;
  const clock = { ms: deps.now().getTime(), reads: 0 };
  const secretDigest = (key: string) => {
    clock.reads += 1;
    return deps.vault.secretDigest(key);
  };
  const find = rememberConnections({
    ...deps,
    vault: { ...deps.vault, secretDigest },
    now: () => new Date(clock.ms),
  });
  return { find, clock };
}

it('is read once for all who ask in the same moment, known or not', async () => {
  const { find, clock } = counting();
  const found = await Promise.all(CROWD.map(() => find(PLIVO_KEY)));
  expect(new Set(found.map((connection) => connection?.dialect))).toEqual(new Set(['plivo']));
  expect(clock.reads).toBe(1);
  expect(await Promise.all([find('nobody'), find('nobody')])).toEqual([null, null]);
  expect(clock.reads).toBe(2);
});

it('is read once by a crowd when it has been known for long enough, and not before', async () => {
  const { find, clock } = counting();
  await find(PLIVO_KEY);
  clock.ms += 4_999;
  await Promise.all(CROWD.map(() => find(PLIVO_KEY)));
  expect(clock.reads).toBe(1);
  clock.ms += 2;
  await Promise.all(CROWD.map(() => find(PLIVO_KEY)));
  expect(clock.reads).toBe(2);
});

it('is what it was for as long as the database is silent, and who comes later does not wait for it', async () => {
  const { find, clock } = counting();
  const before = await find(PLIVO_KEY);
  await service.deps.db.sql.begin(async (sql) => {
    await sql`lock table providers in access exclusive mode`;
    clock.ms += 6_000;
    const began = performance.now();
    expect((await find(PLIVO_KEY))?.id).toBe(before?.id);
    expect(performance.now() - began).toBeGreaterThan(450);
    const later = performance.now();
    expect((await find(PLIVO_KEY))?.id).toBe(before?.id);
    expect(performance.now() - later).toBeLessThan(100);
  });
});
