import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtService } from '../built.ts';
import { connectedCall } from '../support/call-events.ts';
import { makeSession, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** Runs the command as it ships. */
function check(): Promise<{ code: number; said: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: service.databaseUrl, MASTER_KEY: '07'.repeat(32) };
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(builtService(), 'check-invariants.js')], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr });
    });
  });
}

it('the check of a whole database says that all is well, or what is not', async () => {
  const wish = { first_party: '+12025550000', second_party: '+12025551111', callback_url: 'https://app.example/cb' };
  const { session_uuid: id, virtual_number: virtualNumber } = await makeSession(service, wish);
  const events = connectedCall({ caller: wish.first_party, virtualNumber });
  for (const name of ['answer', 'dialAnswer', 'dialHangup', 'hangup']) await events[name]?.(service, 'one');
  expect(await check()).toEqual({ code: 0, said: 'All invariants hold.\n' });

  await service.deps.db.sql`update sessions set total_amount = total_amount + 0.00001`;
  const sums = `I5 a session whose sums are not those of its calls: 1, e.g. ${id}\n`;
  expect(await check()).toEqual({ code: 1, said: sums });
  await service.deps.db.sql`update sessions set total_amount = total_amount - 0.00001`;
  await service.deps.db.sql`delete from callbacks where event = 'SessionPartiesHangup'`;
  expect(await check()).toMatchObject({ code: 1, said: expect.stringContaining('I9 a call that is over') });
});
