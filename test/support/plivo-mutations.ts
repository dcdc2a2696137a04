import fc from 'fast-check';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { PLIVO_KEY } from './service.ts';

// What somebody could make of a request that Plivo signed, as it goes over the wire.

export type Pair = readonly [name: string, value: string];

/** A request in parts, put together by `written`. */
export interface Wire {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query: readonly Pair[];
  /** Behind the query, or instead of it. */
  readonly fragment: string;
  readonly fragmentFirst: boolean;
  readonly form: readonly Pair[];
  readonly type: string;
  readonly spell: (text: string) => string;
  readonly headers: readonly Pair[];
  /** Before the path of the request line. */
  readonly origin: string;
}

export interface Written {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

export interface Mutation {
  readonly kind: string;
  readonly apply: (wire: Wire, publicUrl: string) => Wire;
}

const SIGNATURE = 'x-plivo-signature-v3';
const NONCE = `${SIGNATURE}-nonce`;
/** Another tenant's connection, which wants signatures too. */
export const SECOND_KEY = 'second-plivo-key';
const FORM = 'application/x-www-form-urlencoded';

/** As Plivo sends it, signed with this token. */
export function genuine(
  publicUrl: string,
  token: string,
  { method = 'POST', path, query = [], form = [] }: Pick<Wire, 'path'> & Partial<Wire>,
): Wire {
  const parts = { method, path, query, form, fragment: '', fragmentFirst: false, type: FORM, origin: '' } as const;
  return signed({ ...parts, spell: encodeURIComponent, headers: [[NONCE, 'n0nce']] }, publicUrl, token);
}

function signed(wire: Wire, publicUrl: string, token: string): Wire {
  const nonce = wire.headers.find(([name]) => name === NONCE)?.[1] ?? '';
  const signature = signPlivoV3({
    method: wire.method,
    url: publicUrl + targetOf({ ...wire, origin: '' }),
    params: wire.method === 'POST' ? grouped(wire.form) : {},
    nonce,
    token,
  });
  return { ...wire, headers: [...without(wire.headers, SIGNATURE), [SIGNATURE, signature]] };
}

export function written(wire: Wire): Written {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of wire.headers) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  if (wire.method === 'POST') headers['content-type'] = wire.type;
  return { method: wire.method, target: targetOf(wire), headers, body: bodyOf(wire) };
}

function targetOf({ origin, path, query, fragment, fragmentFirst, spell }: Wire): string {
  const search = query.length === 0 ? '' : `?${encoded(query, spell)}`;
  return origin + path + (fragmentFirst ? fragment + search : search + fragment);
}

function bodyOf({ method, type, form, spell }: Wire): string {
  if (method === 'GET') return '';
  return type === 'application/json' ? JSON.stringify(grouped(form)) : encoded(form, spell);
}

const encoded = (pairs: readonly Pair[], spell: Wire['spell']) =>
  pairs.map(([name, value]) => `${spell(name.toWellFormed())}=${spell(value.toWellFormed())}`).join('&');

function grouped(pairs: readonly Pair[]): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const before = Object.hasOwn(all, name) ? all[name] : undefined;
    all[name] = before === undefined ? value : [before, value].flat();
  }
  return all;
}

const without = (pairs: readonly Pair[], name: string) => pairs.filter((pair) => pair[0] !== name);
const byText = (one: Pair, other: Pair) => (one.join('\0') < other.join('\0') ? -1 : 1);

/** Changes the parameters where the method has them, in the order in which they are signed. */
function onParams(wire: Wire, change: (pairs: readonly Pair[]) => readonly Pair[]): Wire {
  const place = wire.method === 'POST' && wire.form.length > 0 ? 'form' : 'query';
  return { ...wire, [place]: change([...wire[place]].sort(byText)) };
}

/** Changes the pair at a place. */
function onPair(kind: string, change: (pair: Pair, next: Pair, at: number) => readonly Pair[], takesNext = false) {
  return fc.nat(10_000).map((place): Mutation => {
    const apply = (wire: Wire) =>
      onParams(wire, (pairs) => {
        if (pairs.length === 0) return pairs;
        const at = place % pairs.length;
        const replaced = change(pairs[at] ?? ['', ''], pairs[at + 1] ?? ['', ''], place);
        return pairs.toSpliced(at, takesNext ? 2 : 1, ...replaced);
      });
    return { kind, apply };
  });
}

const flipped = (text: string, place: number): string => {
  if (text === '') return '0';
  const at = (place >> 3) % text.length;
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (place % 7))) + text.slice(at + 1);
};
const cutAt = (text: string, place: number): [string, string] => {
  const at = place % (text.length + 1);
  return [text.slice(0, at), text.slice(at)];
};

const OTHERS: readonly Pair[] = [
  ...(['14155550199', '', 'anonymous'] as const).map((value): Pair => ['From', value]),
  ...(['14155550101', '12025559999'] as const).map((value): Pair => ['To', value]),
  ...(['0', '99', '-1', '86400'] as const).flatMap((value): Pair[] => [
    ['Duration', value],
    ['BillDuration', value],
    ['DialBLegDuration', value],
    ['RecordingDuration', value],
  ]),
  ...(['9.99', '0'] as const).flatMap((value): Pair[] => [
    ['TotalCost', value],
    ['DialBLegTotalCost', value],
    ['BillRate', value],
  ]),
  ...(['2468', '1357', '', '#'] as const).map((value): Pair => ['Digits', value]),
  ...(['1', '2', '3', '99'] as const).map((value): Pair => ['try', value]),
  ...(['true', 'false'] as const).map((value): Pair => ['silent', value]),
  ['CallUUID', 'another-call'],
  ['Direction', 'outbound'],
  ['DialBLegUUID', 'another-leg'],
  ['DialStatus', 'busy'],
  ['DialAction', 'answer'],
  ['HangupCauseCode', '3010'],
  ['RecordingID', 'another-recording'],
  ['RecordUrl', 'https://evil.example/a.mp3'],
  ['__proto__', 'x'],
];

/** The signed text stays as it is. */
const cuts = fc.oneof(
  onPair('move the border in a pair', (pair, _next, at) => [cutAt(pair.join(''), at)]),
  onPair(
    'move the border between pairs',
    ([name, value], [nextName, nextValue], at) => {
      const [mine, yours] = cutAt(value + nextName, at);
      return [
        [name, mine],
        [yours, nextValue],
      ];
    },
    true,
  ),
  onPair('swallow the next pair', ([name, value], next) => [[name, value + next.join('')]], true),
  onPair('make a pair of a value', ([name, value], _next, at) => {
    const [mine, rest] = cutAt(value, at);
    return [
      [name, mine],
      [rest, ''],
    ];
  }),
);

const values = fc.oneof(
  onPair('flip in a value', ([name, value], _next, at) => [[name, flipped(value, at)]]),
  onPair('flip in a name', ([name, value], _next, at) => [[flipped(name, at), value]]),
  onPair('drop', () => []),
  onPair('twice', (pair) => [pair, pair]),
  onPair('twice, differently', ([name, value], _next, at) => {
    const other: Pair = [name, flipped(value, at)];
    return at % 2 === 0 ? [[name, value], other] : [other, [name, value]];
  }),
  onPair("another's value", ([name], [, value]) => [[name, value]]),
  onPair('case of a name', ([name, value], _next, at) => [
    [at % 2 === 0 ? name.toLowerCase() : name.toUpperCase(), value],
  ]),
  onPair('case of a value', ([name, value]) => [[name, value.toUpperCase()]]),
  fc.constantFrom(...OTHERS).map((pair): Mutation => {
    const set = (pairs: readonly Pair[]) => [...without(pairs, pair[0]), pair];
    return { kind: 'set', apply: (wire) => onParams(wire, set) };
  }),
  fc
    .constantFrom(...OTHERS)
    .map((pair): Mutation => ({ kind: 'add', apply: (wire) => onParams(wire, (pairs) => [...pairs, pair]) })),
);

const order = fc.nat(10_000).map((place): Mutation => {
  const turn = (pairs: readonly Pair[]) => {
    const at = place % (pairs.length || 1);
    const turned = [...pairs.slice(at), ...pairs.slice(0, at)];
    return place % 2 === 0 ? turned : turned.reverse();
  };
  return { kind: 'order', apply: (wire) => onParams(wire, turn) };
});

const places = fc.oneof(
  fc.nat(10_000).map((place): Mutation => {
    const apply = (wire: Wire): Wire => {
      const [from, to] = place % 2 === 0 ? (['form', 'query'] as const) : (['query', 'form'] as const);
      const at = place % (wire[from].length || 1);
      return { ...wire, [from]: wire[from].toSpliced(at, 1), [to]: [...wire[to], ...wire[from].slice(at, at + 1)] };
    };
    return { kind: 'move to the query or the form', apply };
  }),
  fc.constantFrom(...OTHERS).map((pair): Mutation => {
    return { kind: 'add to the query', apply: (wire) => ({ ...wire, query: [...wire.query, pair] }) };
  }),
  fc.constant<Mutation>({
    kind: 'other method',
    apply: (wire) =>
      wire.method === 'GET'
        ? { ...wire, method: 'POST', query: [], form: wire.query }
        : { ...wire, method: 'GET', query: [...wire.query, ...wire.form], form: [] },
  }),
);

const FRAGMENTS = [
  '#',
  '#x',
  '#try=3',
  '#silent=true',
  '#&silent=true',
  '#&try=9',
  '#?silent=true',
  '#&From=1',
  '%23x',
];
const address = fc.oneof(
  fc
    .record({ fragment: fc.constantFrom(...FRAGMENTS), fragmentFirst: fc.boolean() })
    .map((change): Mutation => ({ kind: 'fragment', apply: (wire) => ({ ...wire, ...change }) })),
  fc
    .constantFrom('hangup/', 'dial-action/', 'dial-callback/', 'record-callback/', 'ring/', 'events/', '')
    .map((end) => {
      const swap = (path: string) => path.replace(/^(\/answer\/[^/]+\/).*$/, `$1${end}`);
      return { kind: 'other webhook', apply: (wire: Wire) => ({ ...wire, path: swap(wire.path) }) };
    }),
  fc
    .constantFrom<(path: string) => string>(
      (path) => path.replace(/\/answer\/[^/]+/, `/answer/${SECOND_KEY}`),
      (path) => path.replace(/\/$/, ''),
      (path) => `${path}/`,
      (path) => path.replace('/answer', '//answer'),
      (path) => path.replace('answer', 'Answer'),
      (path) => path.replace('answer', '%61nswer'),
      (path) => path.replace('answer', 'x/../answer'),
      (path) => path.replace('first', 'second'),
      (path) => path.replace(/(\w)\/$/, '$1;x/'),
    )
    .map((change): Mutation => ({ kind: 'other path', apply: (wire) => ({ ...wire, path: change(wire.path) }) })),
  fc.constantFrom('http://evil.example', 'https://bauta.example', 'http://bauta.example@evil.example').map((origin) => {
    return { kind: 'absolute address', apply: (wire: Wire) => ({ ...wire, origin }) };
  }),
  fc
    .constantFrom<Pair>(['host', 'evil.example'], ['x-forwarded-host', 'evil.example'], ['x-forwarded-proto', 'x'])
    .map((header): Mutation => {
      return {
        kind: 'other host',
        apply: (wire) => ({ ...wire, headers: [...without(wire.headers, header[0]), header] }),
      };
    }),
);

/** The same text, written in another way. */
const notation = fc
  .constantFrom<Wire['spell']>(
    (text) => encodeURIComponent(text).replaceAll('%20', '+'),
    (text) => encodeURIComponent(text).replace(/%../g, (escaped) => escaped.toLowerCase()),
    (text) => [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    // A bare percent sign and a broken escape, which readers of forms take in different ways.
    (text) => encodeURIComponent(text).replaceAll('%25', '%'),
    (text) => encodeURIComponent(text).replaceAll('4', '%34').replaceAll('%25', '%'),
    (text) => encodeURIComponent(text).replaceAll('%EF%BF%BD', '%FF'),
  )
  .map((spell): Mutation => ({ kind: 'notation', apply: (wire) => ({ ...wire, spell }) }));

const types = fc
  .constantFrom('application/json', 'text/plain', `${FORM}; charset=utf-16`, 'multipart/form-data', 'application/xml')
  .map((type): Mutation => ({ kind: 'content type', apply: (wire) => ({ ...wire, type }) }));

const onHeader = (name: string, change: (value: string) => readonly Pair[]) => (wire: Wire) => ({
  ...wire,
  headers: wire.headers.flatMap((pair) => (pair[0] === name ? change(pair[1]) : [pair])),
});
const headers = fc.oneof(
  fc.constantFrom(SIGNATURE, NONCE).map((name) => ({ kind: 'stripped header', apply: onHeader(name, () => []) })),
  fc
    .constantFrom('x-plivo-signature', 'x-plivo-signature-v2', 'x-plivo-signature-ma-v2', 'x-plivo-signature-ma-v3')
    .map(
      (name): Mutation => ({ kind: 'other signature header', apply: onHeader(SIGNATURE, (value) => [[name, value]]) }),
    ),
  fc
    .constantFrom<(value: string) => readonly string[]>(
      (value) => [`x,${value}`],
      (value) => [value, value],
      (value) => [value.toLowerCase()],
      (value) => [value.slice(0, -1)],
      (value) => [`${value.slice(0, -2)}==`],
      () => [''],
      (value) => [`${value} ,`],
    )
    .map((change): Mutation => {
      const apply = onHeader(SIGNATURE, (value) => change(value).map((one): Pair => [SIGNATURE, one]));
      return { kind: 'other signature', apply };
    }),
  fc.nat(10_000).map((place): Mutation => {
    const flip = (value: string) => flipped(value, place).replace(/[^!-~]/g, '!');
    return { kind: 'flip in the signature', apply: onHeader(SIGNATURE, (value) => [[SIGNATURE, flip(value)]]) };
  }),
  fc
    .constantFrom<(value: string) => readonly string[]>(
      () => ['another'],
      () => [''],
      (value) => [value.slice(1)],
      (value) => [`${value}.`],
      (value) => [`x.${value}`],
      (value) => [value, value],
      (value) => [value.toUpperCase()],
    )
    .map((change): Mutation => {
      return { kind: 'other nonce', apply: onHeader(NONCE, (value) => change(value).map((one): Pair => [NONCE, one])) };
    }),
);

/** The last one of a chain: signed again by somebody who does not have the token. */
const resigned = (tokens: readonly string[]) =>
  fc.constantFrom(...tokens).map((token): Mutation => {
    // For their own address others may sign what they like.
    const toOurs = (wire: Wire) => ({ ...wire, path: wire.path.replace(SECOND_KEY, PLIVO_KEY) });
    return { kind: "another's token", apply: (wire, publicUrl) => signed(toOurs(wire), publicUrl, token) };
  });

/** One to three changes; some of them are then signed anew with one of the given tokens. */
export const mutations = (tokens: readonly string[]) =>
  fc
    .tuple(
      fc.array(
        fc.oneof(
          { arbitrary: cuts, weight: 10 },
          { arbitrary: values, weight: 6 },
          { arbitrary: order, weight: 4 },
          { arbitrary: places, weight: 3 },
          { arbitrary: address, weight: 5 },
          { arbitrary: notation, weight: 4 },
          { arbitrary: types, weight: 2 },
          { arbitrary: headers, weight: 3 },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      fc.oneof({ arbitrary: fc.constant(null), weight: 9 }, { arbitrary: resigned(tokens), weight: 1 }),
    )
    .map(([chain, last]): readonly Mutation[] => (last === null ? chain : [...chain, last]));
