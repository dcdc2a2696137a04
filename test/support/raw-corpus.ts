import { MAIN, OTHER_KEY, SESSIONS } from './service.ts';

// Requests that no client sends which means well, byte by byte.

export interface RawCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** The connection is half-closed behind the bytes. */
  readonly end?: boolean;
}

const AUTH = `authorization: Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
const HOOK = `/answer/${OTHER_KEY}/`;
const FORM = 'content-type: application/x-www-form-urlencoded';
const JSON_TYPE = 'content-type: application/json';
const SMUGGLED = 'GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n';

const latin = (text: string) => Buffer.from(text, 'latin1');
const raw = (name: string, text: string, end = false): RawCase => ({ name, bytes: latin(text), end });
const named = (group: string, texts: readonly string[], make: (text: string) => string, end = false) =>
  texts.map((text) => raw(`${group} ${JSON.stringify(text.slice(0, 60))}`, make(text), end));

/** A webhook without the parameters that it must have, so that the best it can get is a refusal. */
const hook = (headers: string, body: string) =>
  `POST ${HOOK} HTTP/1.1\r\nhost: a\r\n${FORM}\r\n${headers}\r\n\r\n${body}`;
/** A create without its parties. */
const create = (body: string | Buffer, headers = JSON_TYPE) => {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const head = `POST ${SESSIONS} HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n${headers}\r\ncontent-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([latin(head), bytes]);
};
const line = (text: string) => `${text}\r\nhost: a\r\n\r\n`;
const header = (text: string) => `GET ${SESSIONS} HTTP/1.1\r\nhost: a\r\n${text}\r\n\r\n`;
const chunked = (body: string) => hook('transfer-encoding: chunked', body);

const CHUNK = '5\r\na=b&c\r\n0\r\n\r\n';

const LENGTHS: readonly RawCase[] = [
  ...[
    `content-length: 4\r\ntransfer-encoding: chunked`,
    `transfer-encoding: chunked\r\ncontent-length: 4`,
    `content-length: 0\r\ntransfer-encoding: chunked`,
    `content-length: 5\r\ntransfer-encoding: identity`,
    `content-length: 4\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity`,
  ].map((headers) => raw(`both lengths: ${headers}`, hook(headers, `${CHUNK}${SMUGGLED}`))),
  ...['5\r\ncontent-length: 5', '5\r\ncontent-length: 6', '0\r\ncontent-length: 44', '5, 5', '5,6', '5 5', '5;5'].map(
    (value) => raw(`lengths ${value}`, hook(`content-length: ${value}`, `a=b&c${SMUGGLED}`)),
  ),
  ...named(
    'length',
    [
      '+5',
      '-5',
      '0x5',
      '5a',
      'a',
      '1e1',
      '5.0',
      '"5"',
      '18446744073709551616',
      '9'.repeat(40),
      '\xb2',
      '5\x00',
      '5\x0b',
    ],
    (value) => hook(`content-length: ${value}`, `a=b&c${SMUGGLED}`),
  ),
  ...named(
    'name of a length',
    ['content-length ', ' content-length', 'content-length\t', 'content\x00-length'],
    (name) => hook(`${name}: 5`, `a=b&c${SMUGGLED}`),
  ),
];

const CODINGS: readonly RawCase[] = [
  ...named(
    'coding',
    [
      ...['identity', 'gzip', 'gzip, chunked', 'chunked, identity', 'chunked, gzip', 'chunked, chunked', 'xchunked'],
      ...['chunkedx', 'chunked;q=1', '"chunked"', "'chunked'", 'chunked\x0b', '\x0bchunked', 'chunked\x00', 'chunke'],
      ...['identity, chunked, identity', 'chunked\r\n identity', '\r\n chunked', ',', ' ', 'cow', 'chunked\xa0', ';'],
    ],
    (value) => hook(`transfer-encoding: ${value}`, `${CHUNK}${SMUGGLED}`),
  ),
  ...named(
    'name of a coding',
    [
      'transfer-encoding ',
      ' transfer-encoding',
      'transfer-encoding\t',
      'x: y\ntransfer-encoding',
      'x\r\ntransfer-encoding',
    ],
    (name) => hook(`${name}: chunked`, `${CHUNK}${SMUGGLED}`),
  ),
  raw(
    'a coding in HTTP/1.0',
    `POST ${HOOK} HTTP/1.0\r\n${FORM}\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n${CHUNK}`,
  ),
];

const CHUNKS: readonly RawCase[] = [
  ...named(
    'chunks',
    [
      ...[
        'x\r\n',
        '-1\r\na\r\n0\r\n\r\n',
        '0x5\r\na=b&c\r\n0\r\n\r\n',
        '5\na=b&c\n0\n\n',
        '5\r\na=b&cX0\r\n\r\n',
        ' 5\r\na=b&c',
      ],
      ...[
        '5 \r\na=b&c\r\n0\r\n\r\n',
        '\r\n',
        '5\r\na=b&c\r\n\r\n',
        '5;\x00\r\na=b&c\r\n0\r\n\r\n',
        '5;a\nb\r\na=b&c\r\n0\r\n\r\n',
      ],
      ...[
        'fffffffffffffffff\r\na',
        '10000000000000000\r\na',
        '5\r\na=b&c0\r\n\r\n',
        '5\r\r\na=b&c\r\n0\r\n\r\n',
        '+5\r\na=b&c',
      ],
      ...[
        '0\r\nbad trailer\r\n\r\n',
        '0\r\nx\x00: y\r\n\r\n',
        '0\r\n x: y\r\n\r\n',
        '0\r\n: y\r\n\r\n',
        '0\r\nx : y\r\n\r\n',
      ],
      ...[
        '\xb5\r\na',
        '5\r\na=b&c\r\n0\r\nX',
        '5"\r\na=b&c\r\n0\r\n\r\n',
        '1_0\r\na',
        '0\r\n\n',
        '5\ra=b&c\r\n0\r\n\r\n',
      ],
    ],
    (body) => chunked(body),
    true,
  ),
  raw('chunks that never come', chunked('ffff\r\na=b'), true),
  raw('chunks of more than the limit', chunked(`11170\r\n${'a'.repeat(70_000)}\r\n0\r\n\r\n`)),
  raw('many small chunks of more than the limit', chunked(`${'1\r\na\r\n'.repeat(70_000)}0\r\n\r\n`)),
  raw('an extension of 20 kB', chunked(`1;${'a'.repeat(20_000)}\r\na\r\n0\r\n\r\n`)),
  raw('trailers of 20 kB', chunked(`1\r\na\r\n0\r\n${'x: aaaaaaaaaaaaaaaa\r\n'.repeat(1_000)}\r\n`)),
];

const LINES: readonly RawCase[] = [
  ...named(
    'method',
    [
      ...[
        'FOO',
        'get',
        'Get',
        '',
        ' GET',
        'G\x00T',
        'GET\x0b',
        'G ET',
        '\x7fGET',
        'GETGET',
        'A'.repeat(9_000),
        'CONNECT',
      ],
      ...['TRACE', 'PROPFIND', 'SEARCH', 'PURGE', 'PUT', 'PATCH', 'LINK', 'QUERY', 'SOURCE', 'M-SEARCH', 'DESCRIBE'],
    ],
    (method) => line(`${method} ${SESSIONS} HTTP/1.1`),
  ),
  ...named(
    'version',
    [
      ...[
        '',
        'HTTP/0.9',
        'HTTP/1.2',
        'HTTP/1.10',
        'HTTP/2.0',
        'HTTP/3',
        'HTTP/1',
        'HTTP/',
        'http/1.1',
        'HTTPS/1.1',
        'HTTP/1,1',
      ],
      ...[
        'HTTP/1.1 x',
        'HTTP /1.1',
        'HTTP/ 1.1',
        'HTTP/-1.1',
        'HTTP/1.1\x00',
        'ICE/1.0',
        'RTSP/1.0',
        'HTTP/9.9',
        'HTTP/01.1',
      ],
    ],
    (version) => line(`GET ${SESSIONS} ${version}`),
  ),
  ...named(
    'address',
    [
      ...[
        '*',
        'a',
        'a:80',
        '?',
        '#',
        '//',
        '/\\',
        '/%',
        '/%z',
        '/%00',
        '/%ff',
        '/%c0%af',
        '/%u0041',
        '/%2e%2e/%2e%2e/etc/passwd',
      ],
      ...[
        '/../../etc/passwd',
        '/..;/',
        '/;',
        '/a\x00b',
        '/\xff\xfe',
        '/a b',
        '/a\tb',
        '/\x7f',
        '/\x01',
        '//evil.example/',
        '/.',
      ],
      ...[
        'http://evil.example/',
        'http://evil.example',
        'https://a/x',
        'ftp://a/x',
        'http://',
        'http:///x',
        'file:///etc/passwd',
      ],
      ...[
        'http://a:b@c/x',
        'http://[::1]/x',
        'http://a:99999/x',
        'javascript:1',
        '/answer/%',
        `/answer/${'a'.repeat(300)}/`,
      ],
      ...[
        '/answer/%00/',
        '/answer/../',
        '/answer/__proto__/',
        '/answer/constructor/',
        '/answer/x%2fhangup/',
        '/v1/Account/%zz/',
      ],
      ...[
        `${SESSIONS}%`,
        `${SESSIONS}%ED%A0%80`,
        `${SESSIONS}${'%25'.repeat(60)}`,
        `${SESSIONS}?${'a='.repeat(3_000)}`,
      ],
      ...[
        `${SESSIONS}?%`,
        `${SESSIONS}?%zz=%00`,
        `${SESSIONS}?__proto__=1&constructor=2`,
        `${SESSIONS}?limit=%EF%BC%91`,
      ],
      ...[
        `/${'a'.repeat(17_000)}`,
        `/?${'a&'.repeat(9_000)}`,
        `/${'/'.repeat(8_000)}`,
        `/${'%2f'.repeat(5_000)}`,
        '/docs/..%5c..%5c',
      ],
    ],
    (address) => line(`GET ${address} HTTP/1.1`),
  ),
  ...[
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.0\r\n'],
    ['a PROXY line', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET ${SESSIONS} HTTP/1.1\r\nhost: a\r\n\r\n`],
    ['PROXY v2', '\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c'],
    ['mail', 'HELO evil.example\r\nMAIL FROM:<a@b>\r\n'],
    ['Redis', '*1\r\n$4\r\nINFO\r\n'],
    ['NULs', '\x00'.repeat(100)],
    ['a response', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a line of HTTP/0.9', `GET ${SESSIONS}\r\n`],
    ['bare LFs', `GET ${SESSIONS} HTTP/1.1\nhost: a\n\n`],
    ['bare CRs', `GET ${SESSIONS} HTTP/1.1\rhost: a\r\r`],
    ['LF before CR', `GET ${SESSIONS} HTTP/1.1\n\rhost: a\n\r\n\r`],
    ['two CRs', `GET ${SESSIONS} HTTP/1.1\r\r\nhost: a\r\r\n\r\r\n`],
    ['tabs', `GET\t${SESSIONS}\tHTTP/1.1\r\nhost: a\r\n\r\n`],
    ['nothing but line ends', '\r\n'.repeat(50)],
  ].map(([name = '', text = '']) => raw(name, text, true)),
];

const HEADERS: readonly RawCase[] = [
  raw('no host', `GET ${SESSIONS} HTTP/1.1\r\n\r\n`),
  raw('no host, absolute address', `GET http://a${SESSIONS} HTTP/1.1\r\n\r\n`),
  ...named(
    'header',
    [
      ...[
        'host: b',
        ': x',
        'x',
        'x y: z',
        'x\x00: y',
        'x: y\x00z',
        'x: y\rz',
        'x: y\nz: w',
        'x : y',
        ' x: y',
        '\tx: y',
        'x: a\r\n b',
      ],
      ...[
        'x: a\r\n\tb',
        'x\r\n : y',
        '\xe9: y',
        'x: \x01',
        'x: \x08',
        'x: \x0b',
        'x: \x7f',
        '"x": y',
        '(x): y',
        'x,: y',
        'x/: y',
        'x;: y',
      ],
      ...[
        'x<: y',
        'x=: y',
        'x?: y',
        'x@: y',
        'x[: y',
        'x\\: y',
        'x]: y',
        'x{: y',
        '__proto__: y',
        'constructor: y',
        'x: \xff\xfe',
      ],
      ...[
        'expect: 200-ok',
        'expect: 100-continue, x',
        'upgrade: h2c\r\nconnection: upgrade',
        'upgrade: websocket\r\nconnection: upgrade',
      ],
      ...[
        'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__',
        'connection: close, x',
        'te: x',
      ],
      ...[
        'authorization: Basic',
        'authorization: Basic !!!',
        'authorization: Basic ====',
        'authorization: Bearer x',
        'authorization: x',
      ],
      ...[
        `authorization: Basic ${'A'.repeat(9_000)}`,
        `authorization: Basic ${Buffer.from('a\0b:\0').toString('base64')}`,
      ],
      ...[
        `authorization: Basic ${Buffer.from('no colon').toString('base64')}`,
        'authorization: Basic ww==',
        `authorization: Basic x\r\n${AUTH}`,
      ],
      ...[
        `x: ${'a'.repeat(17_000)}`,
        `${'x'.repeat(17_000)}: a`,
        'x: a\r\n'.repeat(3_000).trim(),
        `cookie: ${'a=b; '.repeat(2_000)}`,
      ],
    ],
    (text) => header(text),
  ),
];

const nested = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
const json = (name: string, body: string | Buffer, headers?: string): RawCase => ({
  name,
  bytes: create(body, headers),
});

const BODIES: readonly RawCase[] = [
  json('lists in lists', nested('[', ']', 20_000)),
  json('objects in objects', `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`),
  json('open lists', '['.repeat(60_000)),
  json('lists in a field', `{"first_party":${nested('[', ']', 10_000)}}`),
  ...[
    ...[
      '{"__proto__":{"first_party":"+12025550000"}}',
      '{"constructor":{"prototype":{"x":1}}}',
      '{"__proto__":null}',
      '{"toString":1}',
    ],
    ...[
      '{"first_party":1e999}',
      `{"first_party":${'9'.repeat(60_000)}}`,
      '{"first_party":-0}',
      '{"ring_timeout":1e400}',
      '{"a":0x10}',
    ],
    ...[
      '{"first_party":"\\u0000"}',
      '{"first_party":"\\ud800"}',
      '{"first_party":"\u0000"}',
      '{"first_party":NaN}',
      '{"a":Infinity}',
    ],
    ...[
      '{"first_party":"+1202555\\u200b0000"}',
      '{"first_party":"\\u202e+12025550000"}',
      "{'a':1}",
      '{"a":1,}',
      '{a:1}',
      '//\n{}',
      '{}{}',
    ],
    ...[
      '{"a":01}',
      '{"a":+1}',
      '{"a":.5}',
      '{"a":"\t"}',
      '\ufeff{}',
      'null',
      '0',
      '""',
      'true',
      '',
      ' ',
      '\0',
      '{',
      '"',
      '[[]]',
      'undefined',
    ],
    ...[
      `{"${'k'.repeat(60_000)}":1}`,
      `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":1`).join()}}`,
      `{"first_party":"${'1'.repeat(60_000)}"}`,
    ],
    ...[
      '{"first_party":"+12025550000","first_party":[]}',
      '{"first_party":{"toString":"x"}}',
      '{"first_party":"+12025550000"}',
    ],
  ].map((body) => json(`body ${JSON.stringify(body.slice(0, 50))}`, body)),
  json('bytes that are no text', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d])),
  json('UTF-16', Buffer.from('\ufeff{"first_party":"+12025550000"}', 'utf16le')),
  json('something packed', Buffer.from('1f8b0800000000000003', 'hex'), `${JSON_TYPE}\r\ncontent-encoding: gzip`),
  json('more than the limit', `{"first_party":"${'1'.repeat(70_000)}"}`),
  ...[
    ...[
      '',
      'json',
      '*/*',
      'application/json;charset=utf-16',
      'application/json;;;',
      'application/json, text/plain',
      'text/xml',
    ],
    ...[
      'application/json\x00',
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'a/b/c',
      'application/x-www-form-urlencoded;',
    ],
    ...['application/octet-stream', '/', ';', `application/${'x'.repeat(5_000)}`, '__proto__', 'application/json; x="'],
  ].map((type) => json(`type ${type.slice(0, 50)}`, '{}', `content-type: ${type}`)),
  ...[
    ...[
      '%',
      '%zz=%',
      '&'.repeat(60_000),
      '='.repeat(60_000),
      'a='.repeat(30_000),
      '__proto__=1&constructor=2',
      'a[b][c]=1&a[]=2',
    ],
    ...[
      'first_party=1&first_party=2',
      'first_party=%00',
      'first_party=%ff%fe',
      '+++',
      '%E2%80%AE=1',
      'first_party[toString]=1',
    ],
  ].map((body) => json(`form ${body.slice(0, 40)}`, body, FORM)),
  ...named(
    'a body that breaks off after',
    ['', '{', '{"first_party":"+1'],
    (body) => {
      return `POST ${SESSIONS} HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n${JSON_TYPE}\r\ncontent-length: 500\r\n\r\n${body}`;
    },
    true,
  ),
  raw('a length of a gigabyte', hook('content-length: 1073741824', 'a=b')),
  raw('a length of a gigabyte, with 100-continue', hook('content-length: 1073741824\r\nexpect: 100-continue', '')),
];

export const RAW_CASES: readonly RawCase[] = [...LENGTHS, ...CODINGS, ...CHUNKS, ...LINES, ...HEADERS, ...BODIES];
