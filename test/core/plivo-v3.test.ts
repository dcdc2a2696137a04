import fc from 'fast-check';
import { validateV3Signature } from 'plivo';
import { describe, expect, it } from 'vitest';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';

// The vectors that the test suites of all of Plivo's SDKs share.
const OFFICIAL = {
  url: 'https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml',
  token: 'Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4',
  nonce: '31627761595286130198',
  params: {
    Direction: 'outbound',
    From: '19792014278',
    ALegUUID: '3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36',
    CallStatus: 'in-progress',
    BillRate: '0.002',
    ParentAuthID: 'MANWVLYTK4ZWU1YTY4QA',
    To: 'sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com',
    ALegRequestUUID: '3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36',
    CallUUID: '3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36',
    RequestUUID: '3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36',
    'SIP-H-To': '<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1',
    SessionStart: '2020-04-08 11:34:33.238707',
    Event: 'StartApp',
  },
} as const;

const { token, nonce } = OFFICIAL;

describe("Plivo's V3 signature", () => {
  it.each([
    ['POST', '/?a=b&c=d', 'k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c='],
    ['GET', '/?a=b&c=d', 'UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ='],
    ['POST', '', 'iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0='],
    ['GET', '', 'i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc='],
  ] as const)('is what the official vector says: %s %s', (method, rest, signature) => {
    expect(signPlivoV3({ ...OFFICIAL, method, url: OFFICIAL.url + rest })).toBe(signature);
  });

  it('is what the small vector says', () => {
    const params = { CallUUID: 'c1', From: '14155551234', To: '14155559876', CallStatus: 'ringing' };
    const small = { url: 'https://example.com/answer/', params, nonce: '12345', token: 'my_auth_token' };
    expect(signPlivoV3({ ...small, method: 'POST' })).toBe('d5FDh7rElsyYAxfK1hGw4EQ2yNOX7pJUmTXTwfB68Ms=');
  });

  it.each([
    ['a port', 'https://example.invalid:443/cb', { a: '1' }],
    ['no path', 'https://example.invalid', { a: '1' }],
    ['no parameters', 'https://example.invalid/cb', {}],
    ['no parameters and a query', 'https://example.invalid/cb?b=2&a=1', {}],
    [
      'a query in disorder, encoded, with a repeated name and a flag',
      'https://example.invalid/cb?b=2&a=x+y&b=%2B1&f',
      {},
    ],
    ['unicode in the form', 'https://example.invalid/cb?a=1', { Name: 'Şule Öz 🎭', empty: '' }],
    ['unicode in the query', 'https://example.invalid/cb?ad=%C5%9Eule', { Z: '1', A: '2' }],
    ['a list', 'https://example.invalid/cb?a=1', { To: ['b', 'a', 'b'], At: '1' }],
  ])('is accepted by the SDK of Plivo: %s', (_what, url, params) => {
    for (const method of ['GET', 'POST'] as const) {
      const signature = signPlivoV3({ method, url, params, nonce, token });
      expect(validateV3Signature(method, url, nonce, token, signature, structuredClone(params))).toBe(true);
      expect(validateV3Signature(method, url, `${nonce}1`, token, signature, structuredClone(params))).toBe(false);
    }
  });

  it('is accepted by the SDK of Plivo, whatever the form holds', () => {
    const url = 'https://example.invalid/cb?q=1';
    // The SDK reads the names of a plain object, which puts whole numbers first and has __proto__.
    const params = fc.dictionary(fc.stringMatching(/^[A-Za-z]{1,8}$/), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(params, (form) => {
        const signature = signPlivoV3({ method: 'POST', url, params: form, nonce, token });
        expect(validateV3Signature('POST', url, nonce, token, signature, { ...form })).toBe(true);
      }),
    );
  });

  it('does not cover a fragment, and needs an absolute address', () => {
    const content = { method: 'GET', params: {}, nonce, token } as const;
    const plain = signPlivoV3({ ...content, url: 'https://example.invalid/cb?a=1' });
    expect(signPlivoV3({ ...content, url: 'https://example.invalid/cb?a=1#part?b=2' })).toBe(plain);
    expect(() => signPlivoV3({ ...content, url: '/cb' })).toThrow(TypeError);
  });
});
