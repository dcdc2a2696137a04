type Quad = readonly [number, number, number, number];

/** Names of the corpus, and the private addresses that a resolver gives for them. */
export const HOSTILE_NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1'],
  'app.localhost': ['::1'],
  'loopback.invalid': ['127.0.0.1'],
  'loopback6.invalid': ['::1'],
  'mapped.invalid': ['::ffff:127.0.0.1'],
  'any.invalid': ['0.0.0.0'],
  'metadata.invalid': ['169.254.169.254'],
  'office.invalid': ['10.1.2.3'],
  'public-first.invalid': ['93.184.215.14', '127.0.0.1'],
  'public-last.invalid': ['127.0.0.1', '93.184.215.14'],
  'two-families.invalid': ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::1'],
};

/** Every way to write 127.0.0.1 and ::1 as a host that Linux would take to the loopback. */
export function loopbackHosts(): string[] {
  return [...v4Spellings([127, 0, 0, 1]), '0', '0.0.0.0', '127.1', ...mapped([127, 0, 0, 1]), ...ONE];
}

/** URLs that must not be contacted, whatever listens there. */
export function hostileUrls(port: number): string[] {
  const hosts = [...loopbackHosts(), ...Object.keys(HOSTILE_NAMES), ...V4.flatMap(v6Wrappings), ...V6];
  const inner = V4.flatMap((quad) => [...v4Spellings(quad), ...mapped(quad)]);
  const served = [...new Set([...hosts, ...inner])].flatMap((host) =>
    ['http', 'https'].flatMap((scheme) =>
      ['', ':80', ':22', ':6379', `:${port}`].map((p) => `${scheme}://${host}${p}/`),
    ),
  );
  const authority = `127.0.0.1:${port}`;
  const withUser = ['a@', 'a:b@', ':b@', 'public.invalid@', 'public.invalid:80@', '%40@', 'a@b@'].flatMap((user) => [
    `http://${user}${authority}/`,
    `https://${user}${authority}/`,
    // The user may be the lure as well as the host.
    `http://127.0.0.1%2f${user}public.invalid/`,
  ]);
  const schemes = [
    'ftp:',
    'file:',
    'gopher:',
    'ws:',
    'wss:',
    'dict:',
    'ldap:',
    'data:',
    'blob:',
    'javascript:',
    'unix:',
    '',
  ];
  const notations = [`http:\\\\${authority}\\`, `http:/${authority}/`, `http:${authority}`, `http:////${authority}/`];
  const blanks = [` http://${authority}/ `, `ht\ntp://127.0\t.0.1:${port}/`, `http://${authority}?x=@public.invalid`];
  const others = [
    `http://${authority}#@public.invalid/`,
    'not a url',
    '',
    'http://',
    'http://[::1',
    'http://127.0.0.1:99999/',
  ];
  return [
    ...served,
    ...withUser,
    ...schemes.map((scheme) => `${scheme}//${authority}/`),
    ...notations,
    ...blanks,
    ...others,
  ];
}

/** Addresses that a resolver may give for a name, none of them public. */
export function privateAddresses(): string[] {
  const inBrackets = [...V4.flatMap((quad) => [...v6Wrappings(quad), ...mapped(quad)]), ...V6, ...ONE];
  return [...V4.map((quad) => quad.join('.')), ...inBrackets.map((host) => host.slice(1, -1))];
}

const ONE = ['[::1]', '[0:0:0:0:0:0:0:1]', '[0000:0000:0000:0000:0000:0000:0000:0001]', '[::0001]', '[0::1]'];

// Loopback, "this network", private, shared, link-local (metadata of most clouds, and of ECS),
// Alibaba's and Oracle's metadata, Azure's, benchmark, documentation, multicast, broadcast.
const V4: readonly Quad[] = [
  '127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1',
  '169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.192 168.63.129.16 198.18.0.1 192.0.2.1 198.51.100.1',
  '203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255',
].flatMap((line) => line.split(' ').map(quadOf));

const V6 = [
  ':: fd00:ec2::254 fc00::1 fdff::1 fe80::1 febf::1 fec0::1 ff02::1 100::1 2001:db8::1 3fff::1 2001:2::1 2001:10::1',
  '2001:20::1 5f00::1 4000::1 64:ff9b::1 64:ff9b:1::1 2001::1 2002::1',
].flatMap((line) => line.split(' ').map((ip) => `[${ip}]`));

/** Decimal, hex, octal, whole or in parts, other scripts, dots and percent signs. */
function v4Spellings(quad: Quad): string[] {
  const [a, b, c, d] = quad;
  const dotted = quad.join('.');
  const dword = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = quad.map((part) => `0x${part.toString(16)}`);
  const octal = quad.map((part) => `0${part.toString(8)}`);
  return [
    dotted,
    `${dotted}.`,
    ...[dword, `0x${dword.toString(16)}`, `0X${dword.toString(16).toUpperCase()}`, `0${dword.toString(8)}`].map(String),
    `${a}.${dword - a * 2 ** 24}`,
    `${a}.${b}.${c * 256 + d}`,
    hex.join('.'),
    octal.join('.'),
    octal.map((part) => `000${part}`).join('.'),
    [hex[0], octal[1], c, d].join('.'),
    [...dotted].map((char) => (char === '.' ? char : String.fromCodePoint(0xfee0 + char.charCodeAt(0)))).join(''),
    dotted.replaceAll('.', '\u3002'),
    dotted.replaceAll('1', '\u2460'),
    dotted.replace('.', '\u00ad.'),
    [...dotted].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
  ];
}

function mapped(quad: Quad): string[] {
  return [`[::ffff:${quad.join('.')}]`, `[::FFFF:${words(quad)}]`, `[0:0:0:0:0:ffff:${words(quad)}]`];
}

/** v4-compatible, rfc6145, NAT64 (both prefixes), 6to4, Teredo (client address inverted), ISATAP. */
function v6Wrappings(quad: Quad): string[] {
  const inverted = words(quad.map((part) => 255 - part));
  const tails = [`::${words(quad)}`, `::ffff:0:${words(quad)}`, `64:ff9b::${words(quad)}`, `64:ff9b:1::${words(quad)}`];
  const heads = [`2002:${words(quad)}::`, `2001:0:c000:201:0:0:${inverted}`, `fe80::5efe:${words(quad)}`];
  return [...tails, ...heads].map((ip) => `[${ip}]`);
}

function words([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function quadOf(dotted: string): Quad {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return [a, b, c, d];
}
