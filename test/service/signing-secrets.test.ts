import { parse } from 'node:querystring';
import { validateV3Signature } from 'plivo';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { api, MAIN, OTHER, SUB, startService, type TestService } from '../support/service.ts';

let service: TestService;
let outbox: Outbox;
let app: Receiver;

beforeAll(async () => {
  service = await startService();
  outbox = openOutbox(service);
  app = await receiver((_request, response) => response.end());
});
beforeEach(() => outbox.sql`truncate callbacks, signing_secrets`);
afterAll(async () => {
  await app.close();
  await outbox.close();
  await service.close();
});

type Account = typeof MAIN;

/** @returns the secret as plain text. */
async function rotate(account: Account, as: Account = account): Promise<string> {
  const path = `/v1/Account/${account.id}/Masking/Callback/Secret/`;
  const { status, body } = await api(service, 'POST', path, undefined, as);
  expect(status).toBe(201);
  expect(body.secret).toBe(`whsec_${Buffer.from(String(body.token)).toString('base64')}`);
  return String(body.token);
}

/** Which of the secrets verify a new callback of the account: by its own two headers, and by the main account's. */
async function verifying(secrets: Readonly<Record<string, string>>, account: Account = MAIN) {
  const seen = app.requests().length;
  await outbox.bookMany({ [`${app.url}/cb?a=1`]: 1 });
  if (account.id.startsWith('SA')) await outbox.sql`update callbacks set subaccount_id = ${account.id}`;
  else await outbox.sql`update callbacks set account_id = ${account.id}`;
  service.dispatcher.wake();
  await vi.waitUntil(() => app.requests().length > seen, 10_000);
  const request = app.requests()[seen];
  if (request === undefined) throw new Error('nothing came');
  const headers = request.headers as Record<string, string>;
  const names = Object.keys(secrets);
  const byPlivo = (header: string) =>
    names.filter((name) =>
      validateV3Signature(
        'POST',
        app.url + request.url,
        headers['x-plivo-signature-v3-nonce'] ?? '',
        secrets[name] ?? '',
        headers[header] ?? '',
        { ...parse(request.body) },
      ),
    );
  const standard = names.filter((name) => {
    const webhook = new Webhook(Buffer.from(secrets[name] ?? '').toString('base64'));
    try {
      webhook.verify(request.body, headers, { jsonParse: false });
      return true;
    } catch {
      return false;
    }
  });
  await outbox.sql`truncate callbacks`;
  return { standard, plivo: byPlivo('x-plivo-signature-v3'), main: byPlivo('x-plivo-signature-ma-v3') };
}

const agree = (names: string[]) => ({ standard: names, plivo: names, main: names });

describe('a signing secret that is rotated', () => {
  test('leaves the one before it valid for a day, at first the auth token; then it alone is', async () => {
    const token = MAIN.token;
    expect(await verifying({ token })).toEqual(agree(['token']));
    const one = await rotate(MAIN);
    expect(await verifying({ token, one })).toEqual(agree(['token', 'one']));
    await outbox.sql`update signing_secrets set expires_at = expires_at - interval '23 hours 59 minutes'`;
    expect(await verifying({ token, one })).toEqual(agree(['token', 'one']));
    await outbox.sql`update signing_secrets set expires_at = expires_at - interval '1 minute'`;
    expect(await verifying({ token, one })).toEqual(agree(['one']));
    const two = await rotate(MAIN);
    expect(await verifying({ token, one, two })).toEqual(agree(['one', 'two']));
  });

  test('again within the day ends the oldest', async () => {
    const token = MAIN.token;
    const [one, two] = [await rotate(MAIN), await rotate(MAIN)];
    expect(await verifying({ token, one, two })).toEqual(agree(['one', 'two']));
  });

  test('is the account’s own: a subaccount’s is not its main account’s, nor another’s', async () => {
    const token = SUB.token;
    const [main, sub, other] = [await rotate(MAIN), await rotate(SUB, MAIN), await rotate(OTHER)];
    const secrets = { token, main, sub, other, mainToken: MAIN.token };
    expect(await verifying(secrets, SUB)).toEqual({
      ...{ standard: ['token', 'sub'], plivo: ['token', 'sub'] },
      main: ['main', 'mainToken'],
    });
    expect(await verifying({ ...secrets, otherToken: OTHER.token }, OTHER)).toEqual(agree(['other', 'otherToken']));
  });

  test('many times at once has two valid ones in the end, of which one is the newest', async () => {
    const rotated = await Promise.all(Array.from({ length: 4 }, () => rotate(MAIN)));
    const names = Object.fromEntries(rotated.map((secret, i) => [`s${i}`, secret]));
    expect((await verifying({ ...names, token: MAIN.token })).standard).toHaveLength(2);
    const rows = await outbox.sql`select expires_at from signing_secrets`;
    expect(rows.filter((row) => row.expires_at === null)).toHaveLength(1);
  });

  test('is nowhere in the store to be read', async () => {
    const secret = await rotate(MAIN);
    const rows = await outbox.sql`select encode(secret_cipher, 'escape') as cipher from signing_secrets`;
    expect(rows).toHaveLength(2);
    for (const { cipher } of rows) for (const text of [secret, MAIN.token]) expect(cipher).not.toContain(text);
  });
});

describe('an auth token that is renewed', () => {
  test('signs callbacks at once, together with the one before it until that is ended', async () => {
    const path = `/v1/Account/${OTHER.id}/Token/`;
    const former = OTHER.token;
    const { body } = await api(service, 'POST', path, undefined, OTHER);
    const token = String((body as unknown as { auth_token: string }).auth_token);
    expect(await verifying({ former, token }, OTHER)).toEqual(agree(['former', 'token']));
    await api(service, 'DELETE', path, undefined, { id: OTHER.id, token });
    expect(await verifying({ former, token }, OTHER)).toEqual(agree(['token']));
  });

  test('signs none where the account has a secret of its own', async () => {
    const secret = await rotate(MAIN);
    const { body } = await api(service, 'POST', `/v1/Account/${MAIN.id}/Token/`, undefined, MAIN);
    const token = String((body as unknown as { auth_token: string }).auth_token);
    expect(await verifying({ first: MAIN.token, secret, token })).toEqual(agree(['first', 'secret']));
  });
});
