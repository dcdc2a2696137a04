import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import type { WebhookRequest } from '../../src/dialects/dialect.ts';
import { plivo } from '../../src/dialects/plivo.ts';
import { verifyPlivoSignature } from '../../src/dialects/plivo-signature.ts';

const TOKEN = 'my_auth_token';
const NONCE = '12345';
const URL_OF_KEY = 'https://h.example/answer/key';

type Pair = readonly [string, string];

/** A request as it arrives over the wire, with its form and query parsed as our server parses them. */
function arriving(
  method: 'GET' | 'POST',
  url: string,
  pairs: readonly Pair[],
  headers: WebhookRequest['headers'],
): WebhookRequest {
  return {
    method,
    url,
    headers,
    query: grouped([...new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '')]),
    body: method === 'POST' ? grouped(pairs) : undefined,
  };
}

function grouped(pairs: readonly Pair[]): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const before = Object.hasOwn(all, name) ? all[name] : undefined;
    all[name] = before === undefined ? value : [before, value].flat();
  }
  return all;
}

const v3Headers = (signature: string, nonce = NONCE) => ({
  'x-plivo-signature-v3': signature,
  'x-plivo-signature-v3-nonce': nonce,
});

/** The signed text, written anew after the prose of the reference, to judge the code under test. */
function signedText({ method, url, body }: WebhookRequest, nonce: string): string {
  const [, base = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const byText = (a: Pair, b: Pair) => {
    if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
    return a[1] < b[1] ? -1 : Number(a[1] > b[1]);
  };
  const q = [...new URLSearchParams(query)].sort(byText).map(([name, value]) => `${name}=${value}`);
  const form = method === 'POST' ? (body as Record<string, string | string[]>) : {};
  const pairs = Object.entries(form).flatMap(([name, value]) => [value].flat().map((one): Pair => [name, one]));
  const p = pairs.sort(byText).map((pair) => pair.join(''));
  const parts = [q.join('&'), p.join('')].filter((part) => part !== '');
  return `${base}${parts.length > 0 ? '?' : ''}${parts.join('.')}.${nonce}`;
}

const ANSWER: readonly Pair[] = [
  ['BillRate', '0.005'],
  ['CallStatus', 'in-progress'],
  ['CallUUID', '38cb006a-e25d-4455-9862-27550dbea7e9'],
  ['CallerName', 'Tom & Co = x'],
  ['CountryCode', 'US'],
  ['Digits', '1234'],
  ['Direction', 'inbound'],
  ['Event', 'Redirect'],
  ['ForwardedFrom', '14155550199'],
  ['From', '14155550111'],
  ['ParentAuthID', 'MAXXXXXXXXXXXXXXXXXX'],
  ['RouteType', 'Domestic_Anchored'],
  ['STIRAttestation', 'Not Applicable'],
  ['STIRVerification', 'Not Applicable'],
  ['SessionStart', '2024-10-25 14:13:37.779297'],
  ['To', '14155550100'],
];
const signedPost = (url: string, pairs = ANSWER, token = TOKEN): WebhookRequest =>
  arriving(
    'POST',
    url,
    pairs,
    v3Headers(signPlivoV3({ method: 'POST', url, params: grouped(pairs), nonce: NONCE, token })),
  );

describe('verifyPlivoSignature', () => {
  it('accepts a V3 and a Ma-V3 signature, of a form, of nothing, and of a GET', () => {
    const request = signedPost(`${URL_OF_KEY}?try=2`);
    expect(verifyPlivoSignature(request, TOKEN)).toBe(true);
    const signature = request.headers['x-plivo-signature-v3'];
    const ma = { 'x-plivo-signature-ma-v3': signature, 'x-plivo-signature-v3-nonce': NONCE };
    expect(verifyPlivoSignature({ ...request, headers: ma }, TOKEN)).toBe(true);
    expect(verifyPlivoSignature({ ...request, headers: { ...ma, 'x-plivo-signature-v3': 'other' } }, TOKEN)).toBe(true);
    expect(verifyPlivoSignature({ ...signedPost(URL_OF_KEY, []), body: undefined }, TOKEN)).toBe(true);
    const url = `${URL_OF_KEY}?CallUUID=c1&To=14155550100`;
    const get = v3Headers(signPlivoV3({ method: 'GET', url, params: {}, nonce: NONCE, token: TOKEN }));
    expect(verifyPlivoSignature(arriving('GET', url, [], get), TOKEN)).toBe(true);
  });

  it('accepts any entry of a comma-separated list', () => {
    const request = signedPost(URL_OF_KEY);
    const right = String(request.headers['x-plivo-signature-v3']);
    for (const list of [`x,${right}`, `${right}, x`, ` ${right} `]) {
      expect(verifyPlivoSignature({ ...request, headers: v3Headers(list) }, TOKEN)).toBe(true);
    }
    expect(verifyPlivoSignature({ ...request, headers: v3Headers('x,,y') }, TOKEN)).toBe(false);
  });

  it.each([
    ['https://answer.url', '12345', 'ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc='],
    ['https://answer.url/', '12345', 'do1CXv+k99A6+B+eTcyqbxWlezFIxJ/1vz72787r37g='],
    ['https://answer.url:8000', '12345', 'Gm7Z7AGBmf5JpSHrtUmeofrGyA4xV0ZiV0rH8JPXWGU='],
    ['https://foo.com/answer/', '12345', 'jFzAoPBRBcagnIuJPzFH3YuU428jhuZp30WtZbWs3ns='],
    ['https://foo.com/answer/?a=b', '12345', 'jFzAoPBRBcagnIuJPzFH3YuU428jhuZp30WtZbWs3ns='],
    ['https://foo.com:8443/answer', '12345', 'bkY9uANMEuOC2Xtw5jSgDVvWr4I+x/gRNoZ2eoCJttQ='],
  ])('accepts the V2 vector of %s, where there is no V3', (url, nonce, signature) => {
    for (const name of ['x-plivo-signature-v2', 'x-plivo-signature-ma-v2']) {
      const headers = { [name]: `x,${signature}`, 'x-plivo-signature-v2-nonce': nonce };
      expect(verifyPlivoSignature(arriving('POST', url, ANSWER, headers), TOKEN)).toBe(true);
      expect(verifyPlivoSignature(arriving('POST', url, ANSWER, headers), 'other')).toBe(false);
      expect(
        verifyPlivoSignature(arriving('POST', url, ANSWER, { ...headers, 'x-plivo-signature-v2-nonce': '1' }), TOKEN),
      ).toBe(false);
      const wrongV3 = { ...headers, ...v3Headers('wrong') };
      expect(verifyPlivoSignature(arriving('POST', url, ANSWER, wrongV3), TOKEN)).toBe(false);
      const wrongMaV3 = { ...headers, 'x-plivo-signature-ma-v3': '' };
      expect(verifyPlivoSignature(arriving('POST', url, ANSWER, wrongMaV3), TOKEN)).toBe(false);
    }
  });

  it('refuses what is unsigned, half signed, signed twice, by another, or legacy V1', () => {
    const good = signedPost(URL_OF_KEY);
    const signature = String(good.headers['x-plivo-signature-v3']);
    const withHeaders = (headers: WebhookRequest['headers']) => verifyPlivoSignature({ ...good, headers }, TOKEN);
    expect(withHeaders({})).toBe(false);
    expect(withHeaders({ 'x-plivo-signature-v3': signature })).toBe(false);
    expect(withHeaders({ 'x-plivo-signature-v3-nonce': NONCE })).toBe(false);
    expect(withHeaders({ 'x-plivo-signature': signature })).toBe(false);
    expect(withHeaders(v3Headers(signature, ''))).toBe(false);
    expect(withHeaders({ ...v3Headers(signature), 'x-plivo-signature-v3': [signature, signature] })).toBe(false);
    expect(withHeaders({ ...v3Headers(signature), 'x-plivo-signature-v3-nonce': [NONCE] })).toBe(false);
    expect(withHeaders({ ...v3Headers(signature), 'x-plivo-signature-ma-v3': [signature] })).toBe(false);
    expect(verifyPlivoSignature(good, 'other')).toBe(false);
    expect(verifyPlivoSignature({ ...good, url: 'not absolute' }, TOKEN)).toBe(false);
    expect(
      verifyPlivoSignature(
        { ...good, url: 'not absolute', headers: { 'x-plivo-signature-v2': 'x', 'x-plivo-signature-v2-nonce': '1' } },
        TOKEN,
      ),
    ).toBe(false);
    expect(plivo.authenticate(good, { authToken: TOKEN })).toBe(true);
    expect(plivo.authenticate(good, { authToken: 'other' })).toBe(false);
  });

  it('refuses an empty token, with which anybody could sign', () => {
    expect(verifyPlivoSignature(signedPost(URL_OF_KEY, ANSWER, ''), '')).toBe(false);
  });

  it('refuses a body that is no form', () => {
    const empty = signedPost(URL_OF_KEY, []);
    for (const body of [
      '',
      'text',
      [],
      ['a'],
      1,
      { From: { a: '1' } },
      { From: 1 },
      { From: ['1', 2] },
      { From: null },
    ]) {
      expect(verifyPlivoSignature({ ...empty, body }, TOKEN)).toBe(false);
    }
  });
});

/** One change to a request, as somebody between Plivo and us could make it. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('value' as const), at: fc.nat(), by: fc.string({ minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat(6), place: fc.nat() }),
  fc.record({ kind: fc.constant('name' as const), at: fc.nat(), by: fc.constantFrom('x', 'From', 'To', 'Digits') }),
  fc.record({ kind: fc.constant('case' as const), at: fc.nat() }),
  fc.record({
    kind: fc.constantFrom('drop' as const, 'double' as const, 'swap' as const, 'order' as const),
    at: fc.nat(),
  }),
  fc.record({ kind: fc.constant('shift' as const), at: fc.nat(), by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({
    kind: fc.constant('url' as const),
    url: fc.constantFrom('?try=1', '?try=2&x=1', '/', 'x?try=2', '', '?try=2#f', '?TRY=2'),
  }),
  fc.record({ kind: fc.constant('nonce' as const), nonce: fc.constantFrom('1234', '', '12345.', '2345', '0') }),
  fc.record({ kind: fc.constant('method' as const) }),
);

describe('a signed request that was changed on its way', () => {
  it('never verifies unless the signed content is the same to the letter', () => {
    const original = signedPost(`${URL_OF_KEY}?try=2`);
    const originalText = signedText(original, NONCE);
    let refused = 0;
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (changes) => {
        let pairs = [...ANSWER];
        let [method, url, nonce]: ['GET' | 'POST', string, string] = ['POST', original.url, NONCE];
        for (const change of changes) {
          if (change.kind === 'url') url = URL_OF_KEY + change.url;
          else if (change.kind === 'nonce') nonce = change.nonce;
          else if (change.kind === 'method') method = 'GET';
          else pairs = changed(pairs, change);
        }
        const headers = v3Headers(String(original.headers['x-plivo-signature-v3']), nonce);
        const request = arriving(method, url, pairs, headers);
        const verified = verifyPlivoSignature(request, TOKEN);
        if (!verified) refused += 1;
        expect(verified).toBe(signedText(request, nonce) === originalText);
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });

  it('may verify with its parameters cut elsewhere, but is then never read in another way', () => {
    for (const [search, pairs] of [
      ['', ANSWER],
      ['?try=2', ANSWER],
      ['?silent=true&try=2', ANSWER.filter(([name]) => name !== 'Digits')],
    ] as const) {
      const original = signedPost(URL_OF_KEY + search, pairs);
      const meaning = plivo.parse(original, null);
      expect(meaning).toHaveProperty('callId');
      let verified = 0;
      for (const variant of recut(pairs).concat(
        recut(pairs).flatMap((once, index) => (index % 40 === 0 ? recut(once) : [])),
      )) {
        const request = arriving('POST', original.url, variant, original.headers);
        if (!verifyPlivoSignature(request, TOKEN)) continue;
        verified += 1;
        const read = plivo.parse(request, null);
        if (!('malformed' in read)) expect(read).toEqual(meaning);
      }
      // The weakness is there: names and values are joined without a mark.
      expect(verified).toBeGreaterThan(100);
    }
  });

  it('cannot have its query cut elsewhere either, nor be sent by another method', () => {
    const pairs = ANSWER.filter(([name]) => name !== 'Digits');
    const original = signedPost(`${URL_OF_KEY}?a=1&silent=true&try=2`, pairs);
    const meaning = plivo.parse(original, null);
    const whole = signedText(original, NONCE).slice(URL_OF_KEY.length + 1, -NONCE.length - 1);
    let verified = 0;
    const dots = [...whole].flatMap((character, index) => (character === '.' ? [index] : [])).concat(whole.length);
    for (const dot of dots) {
      for (const query of recutQuery(whole.slice(0, dot))) {
        const url = `${URL_OF_KEY}?${new URLSearchParams(query.map(([name, value]): [string, string] => [name, value]))}`;
        const rest = whole.slice(dot + 1);
        const cut = pairs.filter(([name, value]) => rest.includes(name + value));
        const prefix = rest.slice(0, rest.length - cut.map((pair) => pair.join('')).join('').length);
        for (const method of ['GET', 'POST'] as const) {
          const form = prefix === '' ? cut : [[prefix, ''] as const, ...cut];
          const request = arriving(method, url, form, original.headers);
          if (!verifyPlivoSignature(request, TOKEN)) continue;
          verified += 1;
          const read = plivo.parse(request, null);
          if (!('malformed' in read)) expect(read).toEqual(meaning);
        }
      }
    }
    expect(verified).toBeGreaterThan(10);
  });

  it('cannot have its end passed off as the start of the nonce', () => {
    const original = signedPost(URL_OF_KEY);
    const pairs = ANSWER.slice(0, -1).map(
      ([name, value]): Pair => [name, name === 'SessionStart' ? '2024-10-25 14:13:37' : value],
    );
    const headers = v3Headers(String(original.headers['x-plivo-signature-v3']), `779297To14155550100.${NONCE}`);
    const request = arriving('POST', URL_OF_KEY, pairs, headers);
    expect(signedText(request, `779297To14155550100.${NONCE}`)).toBe(signedText(original, NONCE));
    expect(verifyPlivoSignature(request, TOKEN)).toBe(false);
  });
});

type Mutation = typeof mutation extends fc.Arbitrary<infer Change> ? Change : never;
type PairChange = Exclude<Mutation, { kind: 'url' | 'nonce' | 'method' }>;

function changed(pairs: Pair[], change: PairChange): Pair[] {
  const at = pairs.length === 0 ? 0 : change.at % pairs.length;
  const [name, value] = pairs[at] ?? ['x', 'y'];
  const other = pairs[(at + 1) % Math.max(pairs.length, 1)] ?? [name, value];
  switch (change.kind) {
    case 'value':
      return pairs.with(at % Math.max(pairs.length, 1), [name, value + change.by]);
    case 'flip': {
      const place = value === '' ? 0 : change.place % value.length;
      const flipped = String.fromCharCode((value.charCodeAt(place) || 1) ^ (1 << change.bit));
      return pairs.with(at, [name, value.slice(0, place) + flipped + value.slice(place + 1)]);
    }
    case 'name':
      return pairs.with(at, [change.by, value]);
    case 'case':
      return pairs.with(at, [name.toLowerCase(), value]);
    case 'drop':
      return pairs.length > 1 ? pairs.toSpliced(at, 1) : pairs;
    case 'double':
      return [...pairs, [name, value]];
    case 'swap':
      return pairs.with(at, [name, other[1]]);
    case 'order':
      return pairs.toReversed();
    case 'shift': {
      const text = name + value;
      const cut = Math.max(0, Math.min(text.length, name.length + change.by));
      return pairs.with(at, [text.slice(0, cut), text.slice(cut)]);
    }
    default:
      return change satisfies never;
  }
}

/** Every way to cut the joined text of these pairs anew at one place. */
function recut(pairs: readonly Pair[]): Pair[][] {
  return pairs.flatMap(([name, value], index) => {
    const text = name + value;
    const cuts = [...text].map((_, cut): Pair => [text.slice(0, cut), text.slice(cut)]);
    const [nextName, nextValue] = pairs[index + 1] ?? ['', ''];
    const merged: Pair = [name, value + nextName + nextValue];
    return [
      ...cuts.map((pair) => pairs.toSpliced(index, 1, pair)),
      pairs.toSpliced(index, 2, merged),
      // The end of a value goes to the next name, and the start of the next name to the value.
      ...[...value].map((_, cut) =>
        pairs.toSpliced(index, 2, [name, value.slice(0, cut)], [value.slice(cut) + nextName, nextValue]),
      ),
      ...[...nextName].map((_, cut) =>
        pairs.toSpliced(index, 2, [name, value + nextName.slice(0, cut)], [nextName.slice(cut), nextValue]),
      ),
      // A pair of its own made from a value, and a swallowed pair with the next one cut in two.
      ...[...value].map((_, cut) => pairs.toSpliced(index, 1, [name, value.slice(0, cut)], [value.slice(cut), ''])),
    ].map((all) => [...all]);
  });
}

/** Every way to read a text as `name=value` pairs joined with `&`. */
function recutQuery(text: string): Pair[][] {
  const pieces = text.split('&');
  const ways: string[][] = [];
  for (let mask = 0; mask < 1 << (pieces.length - 1); mask += 1) {
    const groups: string[] = [];
    for (const [index, piece] of pieces.entries()) {
      if (index > 0 && mask & (1 << (index - 1))) groups.push(`${groups.pop() ?? ''}&${piece}`);
      else groups.push(piece);
    }
    ways.push(groups);
  }
  return ways.flatMap((groups) =>
    groups.reduce<Pair[][]>(
      (all, group) =>
        all.flatMap((before) =>
          equalsSigns(group).map((cut) => [...before, [group.slice(0, cut), group.slice(cut + 1)] as const]),
        ),
      [[]],
    ),
  );
}

function equalsSigns(text: string): number[] {
  return [...text].flatMap((character, index) => (character === '=' ? [index] : []));
}
