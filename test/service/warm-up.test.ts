import { afterAll, beforeAll, expect, it } from 'vitest';
import { isReady } from '../../src/service/health.ts';
import { warmUp, warmUpRest } from '../../src/service/warm-up.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let answerDb: TestService['deps']['answerDb'];
beforeAll(async () => {
  service = await startService();
  answerDb = connect(service.databaseUrl, { connections: 6, statementTimeoutMs: 5_000 });
  await isReady(service.deps);
});
afterAll(async () => {
  await disconnect(answerDb, 1);
  await service.close();
});

async function openOnes(): Promise<number> {
  const [row] = await service.deps.db.sql<{ open: number }[]>`
    select count(*)::int as open from pg_stat_activity where datname = current_database()`;
  return row?.open ?? 0;
}

it('opens the connections that it is told to, and later the rest of them, as long as it may', async () => {
  const before = await openOnes();
  const opened = async () => (await openOnes()) - before;
  const deps = { ...service.deps, answerDb };
  await warmUp(deps, 2);
  expect(await opened()).toBe(2);
  let asked = 0;
  await warmUpRest(deps, 2, 6, () => {
    asked += 1;
    return asked < 3;
  });
  expect(await opened()).toBe(4);
  await warmUpRest(deps, 4, 6, () => true);
  expect(await opened()).toBe(6);
});
