import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector } from 'undici';

/** Asks for all addresses of a name; `dns.lookup` is one. */
export type Resolver = (
  hostname: string,
  options: dns.LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: dns.LookupAddress[]) => void,
) => void;

/** A destination that we refuse to contact. The message never holds the URL, the name or the address. */
export class BlockedError extends Error {
  readonly code = 'EBLOCKED';
}

/**
 * True for an address, written plainly, that belongs to the public internet.
 *
 * An IPv4 address inside an IPv6 one (v4-mapped) is judged as the IPv4 address, which is what the
 * system connects to. Everything that is no address at all is refused: a name, `127.1`, `0x7f.0.0.1`.
 * Source: the IANA special-purpose registries as ipaddr.js knows them.
 */
export function isPublicAddress(ip: string): boolean {
  const plainly = canonical(ip);
  if (plainly === null) return false;
  const address = ipaddr.process(plainly);
  if (address.range() !== 'unicast' || PLATFORM_ADDRESSES.has(address.toString())) return false;
  // ipaddr.js calls all it has no entry for "unicast", such as ::127.0.0.1 (v4-compatible). The
  // public part of IPv6 is 2000::/3 so far.
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST);
}

/**
 * Reads the address of a callback: http or https, and no userinfo, which a log or a signature would
 * show. Ports and hosts are judged by the agent, when it connects.
 *
 * @throws BlockedError for everything else, also for text that is no URL.
 */
export function callableUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw new BlockedError('not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new BlockedError('scheme is not allowed');
  if (url.username !== '' || url.password !== '') throw new BlockedError('userinfo is not allowed');
  return url;
}

/**
 * An undici agent that connects to public addresses only; everything else fails with BlockedError
 * (code `EBLOCKED`). A name that has any address which is not public is refused whole: such an
 * answer is an attack or a mistake. The vetted addresses are the ones connected to, there is no
 * second lookup in between. It follows no redirects, and must not be given undici's redirect interceptor.
 *
 * @param options.allowPrivate lifts the rules on addresses and ports, for tests and closed networks.
 * @param options.resolver instead of the system's; asked once for every new connection.
 */
export function guardedAgent({ allowPrivate, resolver = dns.lookup }: GuardOptions): Agent {
  const connect = buildConnector({ lookup: allowPrivate ? plain(resolver) : vetted(resolver), timeout: 5_000 });
  return new Agent({
    connect: allowPrivate ? connect : guarded(connect),
    // One receiver gets no more than this at a time; what exceeds it waits in line.
    connections: 24,
    // Nets below the deadline of each request; undici's own are five minutes.
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
  });
}

export interface GuardOptions {
  readonly allowPrivate: boolean;
  readonly resolver?: Resolver;
}

/** The address in the one form that ipaddr.js and the system read alike, or null where it is none. */
function canonical(ip: string): string | null {
  // ipaddr.js also reads octal, hex and short forms; isIP keeps those out. And it takes ::8.8.8.8
  // (v4-compatible) for ::ffff:8.8.8.8 (v4-mapped), so IPv6 is brought to hex; what has a
  // zone is no URL, and refused.
  if (isIP(ip) === 4) return ip;
  const url = `http://[${ip}]`;
  return isIP(ip) === 6 && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null;
}

// Azure's metadata and agent service, which lies in a public range.
const PLATFORM_ADDRESSES: ReadonlySet<string> = new Set(['168.63.129.16']);
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

// Remote shells, mail, directories, databases, Docker: nothing there answers a callback, and some
// can be made to do things by lines of HTTP.
const INTERNAL_PORTS: ReadonlySet<number> = new Set([
  22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 993, 995, 1433, 2375, 2379, 3306, 5432, 6379, 9200, 11211, 27017,
]);

function guarded(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    // No lookup is made for a literal, so it is judged here.
    if (isIP(host) !== 0 && !isPublicAddress(host)) return callback(notPublic(), null);
    if (INTERNAL_PORTS.has(Number(options.port))) return callback(new BlockedError('port is not allowed'), null);
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      // Should a lookup ever be gone around, not a byte of the request is sent.
      if (isPublicAddress(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(notPublic(), null);
    });
  };
}

function vetted(resolver: Resolver): LookupFunction {
  return plain((hostname, options, callback) =>
    resolver(hostname, options, (error, addresses) => {
      if (error === null && !addresses.every(({ address }) => isPublicAddress(address))) callback(notPublic(), []);
      else callback(error, addresses);
    }),
  );
}

/** The callback that `net.connect` wants: one address, or all for it to choose from. */
function plain(resolver: Resolver): LookupFunction {
  return (hostname, options, callback) =>
    resolver(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error) callback(error, '');
      else if (first === undefined) callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
}

function notPublic(): BlockedError {
  return new BlockedError('address is not public');
}
