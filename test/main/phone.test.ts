import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtService } from '../built.ts';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  PLIVO_KEY,
  PLIVO_TOKEN,
  startService,
  type TestService,
} from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** Runs the command as it ships. */
function phone(...args: string[]): Promise<{ code: number; out: string; said: string }> {
  const env = { PATH: process.env.PATH, BAUTA_URL: service.url };
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(builtService(), 'phone.js'), ...args], { env }, (error, out, said) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, said });
    });
  });
}

it.each([
  ['plivo', ['+12025550000', '+12025551111'], ['--key', PLIVO_KEY, '--token', PLIVO_TOKEN]],
  ['hipcall', ['+905320000001', '+905320000002'], ['--key', HIPCALL_KEY, '--credentials', 'hip:call']],
])('a phone at %s calls a running service, and the call is kept', async (dialect, [first, second], how) => {
  const { virtual_number: to, session_uuid: id } = await makeSession(service, {
    ...{ first_party: first, second_party: second },
  });
  const { code, out, said } = await phone('--dialect', dialect, '--from', String(first), '--to', to, ...how);
  expect([code, said]).toEqual([0, '']);
  expect(out).toContain(`callee    rings ${second?.slice(1)}`);
  expect(out).toContain('both      talk for 30 s');
  expect(out).not.toMatch(/(?:hangup|events|dial-action|dial-callback): (?!200)/);
  expect(out).toContain('No real number was seen by the other side.');
  const { body } = await api(service, 'GET', `/v1/Account/${MAIN.id}/Masking/Session/${id}/`);
  // Its two legs.
  expect(body.response).toMatchObject({ total_call_count: 2 });
});

it('says what is wrong and how it is used', async () => {
  expect(await phone('--from', '+12025550000')).toMatchObject({ code: 2, said: expect.stringContaining('--key KEY') });
  expect(await phone('--help')).toMatchObject({ code: 0, out: expect.stringContaining('npm run phone') });
  const unsigned = await phone('--key', PLIVO_KEY, '--to', '+14155550100', '--token', 'wrong');
  expect(unsigned).toMatchObject({ code: 1, out: expect.stringContaining('status 403') });
});
