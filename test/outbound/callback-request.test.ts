import { parse } from 'node:querystring';
import { validateV3Signature } from 'plivo';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallbackInput, callbackRequest } from '../../src/outbound/callback-request.ts';
import { guardedAgent } from '../../src/outbound/guard.ts';
import { sendCallback } from '../../src/outbound/send-callback.ts';
import { type Receiver, receiver } from './receiver.ts';

const input: CallbackInput = {
  id: 'evt_1',
  url: 'https://app.invalid/cb?b=2&a=1#part',
  method: 'POST',
  params: [
    ['EventName', 'SessionTimeout'],
    ['To', '+905326202911'],
    ['Note', 'Şule & Öz = 100 % 🎭'],
    ['Empty', ''],
    ['To', '+14155550100'],
  ],
  attemptedAt: new Date('2026-01-02T03:04:05.999Z'),
  nonce: '12345',
  secrets: ['sub-token'],
  mainSecrets: ['main-token'],
};
const secret = `whsec_${Buffer.from(input.secrets[0]).toString('base64')}`;
const agent = guardedAgent({ allowPrivate: true });
let app: Receiver;

beforeAll(async () => {
  app = await receiver((_request, response) => response.end());
});
afterAll(() => Promise.all([app.close(), agent.close()]));

describe('the request of a callback', () => {
  it('carries a form in a POST, and leaves the query as it was configured', () => {
    const { method, url, headers, body } = callbackRequest(input);
    expect([method, url]).toEqual(['POST', 'https://app.invalid/cb?b=2&a=1']);
    expect(headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'bauta',
      'x-plivo-signature-v3-nonce': '12345',
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1767323045',
    });
    expect([...new URLSearchParams(body ?? '')]).toEqual(input.params);
  });

  it.each([
    ['https://app.invalid/cb', 'https://app.invalid/cb?x=1+2'],
    ['https://app.invalid', 'https://app.invalid?x=1+2'],
    ['https://app.invalid/cb?', 'https://app.invalid/cb?x=1+2'],
    ['https://app.invalid/cb?a=%20&x=0', 'https://app.invalid/cb?a=%20&x=0&x=1+2'],
    ['https://app.invalid/cb?a&#part?y=1', 'https://app.invalid/cb?a&x=1+2'],
    ['HTTPS://App.invalid:443/Cb', 'HTTPS://App.invalid:443/Cb?x=1+2'],
    ['https://App.invalid/a/../"b"', 'https://app.invalid/%22b%22?x=1+2'],
    [' https:\\\\app.invalid\\ö ', 'https://app.invalid/%C3%B6?x=1+2'],
  ])('appends the parameters of a GET to the query of %s', (url, sent) => {
    const request = callbackRequest({ ...input, method: 'GET', url, params: [['x', '1 2']] });
    expect(request).toMatchObject({ url: sent, body: null });
    expect(request.headers).not.toHaveProperty('content-type');
  });

  it('signs each attempt anew, under the same id', () => {
    const first = callbackRequest(input).headers;
    const second = callbackRequest({ ...input, nonce: '6', attemptedAt: new Date('2026-01-02T04:00:00Z') }).headers;
    const changed = Object.keys(first).filter((name) => first[name] !== second[name]);
    expect(changed).toEqual([
      'x-plivo-signature-v3',
      'x-plivo-signature-ma-v3',
      'x-plivo-signature-v3-nonce',
      'webhook-timestamp',
      'webhook-signature',
    ]);
  });

  it('does not let the tokens be seen', () => {
    const text = JSON.stringify(callbackRequest(input));
    for (const secret of [...input.secrets, ...input.mainSecrets]) expect(text).not.toContain(secret);
  });
});

const PATHS = [
  '/cb',
  '/cb?b=2&a=1',
  "/cb?q=it's+%C5%9E ule|&f&To=0",
  '/şarkı/%2f/../x?ad=Şule',
  '/cb?x=%2B1&x=%&y=%ff',
];

describe.each(['GET', 'POST'] as const)('a callback by %s, as it arrives', (method) => {
  it.each(PATHS)('is accepted by the SDKs of Plivo and Standard Webhooks: %s', async (path) => {
    const request = callbackRequest({ ...input, method, url: app.url + path, attemptedAt: new Date() });
    expect(await sendCallback(agent, request)).toEqual({ ok: true, status: 200 });
    const arrived = app.requests().at(-1);
    if (arrived === undefined) throw new Error('nothing arrived');
    const header = (name: string) => String(arrived.headers[name]);

    const form = () => (method === 'POST' ? { ...parse(arrived.body) } : {});
    const plivo = (token: string, signature: string, params = form()) =>
      validateV3Signature(
        method,
        app.url + arrived.url,
        header('x-plivo-signature-v3-nonce'),
        token,
        signature,
        params,
      );
    expect(plivo('sub-token', header('x-plivo-signature-v3'))).toBe(true);
    expect(plivo('main-token', header('x-plivo-signature-ma-v3'))).toBe(true);
    expect(plivo('main-token', header('x-plivo-signature-v3'))).toBe(false);
    expect(plivo('main-token', header('x-plivo-signature-ma-v3'), { ...form(), From: '1' })).toBe(false);

    const signed = method === 'POST' ? arrived.body : arrived.url.slice(arrived.url.indexOf('?') + 1);
    const headers = Object.fromEntries(Object.keys(arrived.headers).map((name) => [name, header(name)]));
    const webhook = new Webhook(secret);
    const verified = (content: string) => webhook.verify(content, headers, { jsonParse: false });
    expect(() => verified(signed)).not.toThrow();
    expect(() => verified(`${signed}&x=1`)).toThrow();
    expect(() =>
      new Webhook(`whsec_${Buffer.from('main-token').toString('base64')}`).verify(signed, headers),
    ).toThrow();
  });
});
