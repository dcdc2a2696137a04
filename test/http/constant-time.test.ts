import type * as crypto from 'node:crypto';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { HIPCALL_KEY, MAIN, PLIVO_KEY, PLIVO_TOKEN, startService, type TestService } from '../support/service.ts';

const judge = vi.hoisted((): { says: boolean | null } => ({ says: null }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  const timingSafeEqual: typeof real.timingSafeEqual = (one, other) => judge.says ?? real.timingSafeEqual(one, other);
  return { ...real, timingSafeEqual };
});

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterEach(() => {
  judge.says = null;
});
afterAll(() => service.close());

const basic = (name: string, secret: string) => ({ authorization: `Basic ${btoa(`${name}:${secret}`)}` });
const wrong = (secret: string) => `${secret.slice(0, -1)}#`;

async function signIn(token: string): Promise<number> {
  const address = `${service.url}/v1/Account/${MAIN.id}/Masking/Session/`;
  return (await fetch(address, { headers: basic(MAIN.id, token) })).status;
}

async function askAsPlivo(token: string): Promise<number> {
  const url = `${service.url}/answer/${PLIVO_KEY}`;
  const params = { CallUUID: randomUUID(), From: '14155552671', To: '14155550100' };
  const nonce = '12345678901234567890';
  const signature = signPlivoV3({ method: 'POST', url, nonce, params, token });
  const headers = { 'x-plivo-signature-v3': signature, 'x-plivo-signature-v3-nonce': nonce };
  return (await fetch(url, { method: 'POST', headers, body: new URLSearchParams(params) })).status;
}

async function askAsHipcall(password: string): Promise<number> {
  const question = { caller: '5321112233', callee: '902125550100', data: {}, uuid: randomUUID() };
  const headers = { 'content-type': 'application/json', ...basic('hip', password) };
  const url = `${service.url}/answer/${HIPCALL_KEY}`;
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(question) })).status;
}

describe.each([
  ["an account's token", signIn, MAIN.token],
  ["Plivo's signature", askAsPlivo, PLIVO_TOKEN],
  ["Hipcall's password", askAsHipcall, 'call'],
])('%s', (_name, ask, secret) => {
  it('is let in when right, and not when one character differs', async () => {
    expect(await ask(secret)).toBe(200);
    expect(await ask(wrong(secret))).toBeGreaterThanOrEqual(400);
  });

  it('is judged by the comparison that takes the same time for all, and by nothing else', async () => {
    judge.says = false;
    expect(await ask(secret)).toBeGreaterThanOrEqual(400);
    judge.says = true;
    expect(await ask(wrong(secret))).toBe(200);
  });
});
