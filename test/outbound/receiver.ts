import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Resolver } from '../../src/outbound/guard.ts';

/** An HTTP server on one loopback address that counts what reaches it. */
export interface Receiver {
  readonly port: number;
  readonly url: string;
  /** TCP connections, with or without a request on them. */
  readonly connections: () => number;
  readonly requests: () => readonly { readonly url: string; readonly headers: Headers; readonly body: string }[];
  readonly close: () => Promise<void>;
}

type Headers = http.IncomingHttpHeaders;

/** Listens on a free port (or the given one) and answers each request, read to its end, by the handler. */
export async function receiver(handler: http.RequestListener, host = '127.0.0.1', port = 0): Promise<Receiver> {
  const requests: { url: string; headers: Headers; body: string }[] = [];
  let connections = 0;
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() });
    handler(request, response);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const taken = (server.address() as AddressInfo).port;
  return {
    port: taken,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    connections: () => connections,
    requests: () => requests,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers from a table and knows nothing else, so that no test asks the real DNS. */
export function fakeResolver(table: Readonly<Record<string, readonly string[]>>): Resolver {
  return (hostname, _options, callback) => {
    const addresses = table[hostname.toLowerCase()];
    if (addresses === undefined) callback(Object.assign(new Error('not in the table'), { code: 'ENOTFOUND' }), []);
    else callback(null, addresses.map(lookupAddress));
  };
}

/** The same answer in the shape of `dns.lookup`. */
export function lookupAddress(address: string): { address: string; family: number } {
  return { address, family: address.includes(':') ? 6 : 4 };
}

/** A callback without parameters or signatures. */
export function bare(url: string) {
  return { method: 'GET', url, headers: {}, body: null } as const;
}
