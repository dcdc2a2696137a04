import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtService } from '../built.ts';
import { MASTER_KEY, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** Runs the command as it ships. */
function rotate(masterKey: Buffer): Promise<{ code: number; said: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: service.databaseUrl, MASTER_KEY: masterKey.toString('hex') };
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(builtService(), 'rotate-keys.js')], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr });
    });
  });
}

it('the command adds a key that seals in a minute, and none with a wrong master key', async () => {
  const later = () => service.deps.db.sql`
    select id from vault_keys where purpose = 'cipher' and usable_at between now() + interval '30 s' and now() + interval '60 s'`;
  const refused = { code: 1, said: 'MASTER_KEY is not the key that this database was written with\n' };
  expect([await rotate(Buffer.alloc(32, 8)), (await later()).length]).toEqual([refused, 0]);
  const { code, said } = await rotate(MASTER_KEY);
  const [added] = await later();
  expect([code, said]).toEqual([
    0,
    `Key ${added?.id} seals in 60 seconds; the service then seals anew what is there.\n`,
  ]);
});
