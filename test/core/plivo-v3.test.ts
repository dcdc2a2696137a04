import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { validateV3Signature } from 'plivo';
import { describe, expect, it } from 'vitest';
import { type PlivoV3Content, signPlivoV3 } from '../../src/core/plivo-v3.ts';

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
const hmac = (text: string) => createHmac('sha256', token).update(text).digest('base64');

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

  // What is signed is spelled out, so that each vector says its rule.
  it.each<[string, 'GET' | 'POST', string, PlivoV3Content['params'], string]>([
    ['keeps a port, even :443', 'POST', 'https://h.example:443/cb', { a: '1' }, 'https://h.example:443/cb?a1'],
    [
      'keeps case and percent-encoding of the path',
      'POST',
      'HTTPS://H.Example/%7Ea%2Fb',
      {},
      'HTTPS://H.Example/%7Ea%2Fb',
    ],
    ['keeps an empty path', 'POST', 'https://h.example', { a: '1' }, 'https://h.example?a1'],
    ['puts no ? behind an empty body', 'POST', 'https://h.example/cb', {}, 'https://h.example/cb'],
    [
      'leaves out the fragment',
      'POST',
      'https://h.example/cb?b=1#ct=2000?x=1',
      { a: '1' },
      'https://h.example/cb?b=1.a1',
    ],
    ['leaves out a bare ?', 'GET', 'https://h.example/cb?', {}, 'https://h.example/cb'],
    ['signs a flag as an empty value', 'GET', 'https://h.example/cb?x', {}, 'https://h.example/cb?x='],
    [
      'decodes + and percents of the query',
      'GET',
      'https://h.example/cb?q=a+b%2Bc%C3%BC',
      {},
      'https://h.example/cb?q=a b+cü',
    ],
    [
      'takes parameters as decoded',
      'POST',
      'https://h.example/cb',
      { n: 'Zoë +1 😀' },
      'https://h.example/cb?nZoë +1 😀',
    ],
    [
      'repeats and sorts the values of a key',
      'POST',
      'https://h.example/cb',
      { b: ['2', '1'], a: '3' },
      'https://h.example/cb?a3b1b2',
    ],
    [
      'sorts a repeated key of the query',
      'GET',
      'https://h.example/cb?b=2&a=1&b=1',
      {},
      'https://h.example/cb?a=1&b=1&b=2',
    ],
    [
      'sorts by key, capitals first',
      'POST',
      'https://h.example/cb',
      { a: '1', B: '2', aa: '3' },
      'https://h.example/cb?B2a1aa3',
    ],
    [
      'merges query and parameters of a GET',
      'GET',
      'https://h.example/cb?b=1',
      { a: '2', b: '0' },
      'https://h.example/cb?a=2&b=0&b=1',
    ],
  ])('%s', (_rule, method, url, params, text) => {
    expect(signPlivoV3({ method, url, params, nonce, token })).toBe(hmac(`${text}.${nonce}`));
  });

  it('agrees with Plivo’s own SDK on any parameters, query and port', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 12 });
    // The SDK takes '__proto__' for what it is in JavaScript, and Plivo never sends it.
    const name = word.filter((text) => text !== '' && text !== '__proto__');
    const params = fc.dictionary(name, fc.oneof(word, fc.array(word, { minLength: 1, maxLength: 3 })), { maxKeys: 6 });
    const query = fc
      .array(fc.tuple(name, word), { maxLength: 4 })
      .map((pairs) => new URLSearchParams(pairs).toString());
    const base = fc.constantFrom('https://h.example/cb', 'https://h.example:443/cb/', 'http://h.example:8080/A%20b');
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST'), base, query, params, (method, address, search, form) => {
        const url = search === '' ? address : `${address}?${search}`;
        const given = method === 'GET' ? {} : form;
        const signature = signPlivoV3({ method, url, params: given, nonce, token });
        // The SDK sorts the lists it is given, in place.
        const copy = structuredClone(given);
        expect(validateV3Signature(method, url, nonce, token, signature, copy)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not cover a fragment, and needs an absolute address', () => {
    const content = { method: 'GET', params: {}, nonce, token } as const;
    const plain = signPlivoV3({ ...content, url: 'https://example.invalid/cb?a=1' });
    expect(signPlivoV3({ ...content, url: 'https://example.invalid/cb?a=1#part?b=2' })).toBe(plain);
    expect(() => signPlivoV3({ ...content, url: '/cb' })).toThrow(TypeError);
  });
});
