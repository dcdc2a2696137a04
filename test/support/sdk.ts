import { createRequire } from 'node:module';
import { MAIN } from './service.ts';

// Both are CommonJS, and the copy of axios that matters is the one that the SDK itself uses.
const require = createRequire(import.meta.url);
const axios = require(require.resolve('axios', { paths: [require.resolve('plivo')] })) as Axios;
const { Client } = require('plivo') as {
  Client: new (id: string, token: string, options?: { url: string }) => PlivoClient;
};

/** A request as the SDK put it on the wire. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What the SDK's users see: every key in camel case. */
export type Seen = Readonly<Record<string, unknown>>;

/** What the SDK rejects with. */
export interface SdkError extends Error {
  readonly status: number;
  readonly apiID: string;
}

export interface PlivoClient {
  readonly maskingSession: {
    createMaskingSession(first: string | undefined, second: string | undefined, params?: object): Promise<Created>;
    getMaskingSession(id: string): Promise<{ apiId: string; response: Seen }>;
    updateMaskingSession(id: string, params?: object): Promise<{ apiId: string; message: string; session: Seen }>;
    deleteMaskingSession(id: string): Promise<{ apiId: string; message: string }>;
    listMaskingSession(params?: object): Promise<{ apiId: string; response: { meta: Seen; objects: Seen[] } }>;
  };
  readonly calls: {
    get(id: string): Promise<Seen>;
    list(params?: object): Promise<readonly Seen[]>;
  };
  readonly recordings: { get(id: string): Promise<Seen> };
  readonly numbers: {
    list(params?: object): Promise<Seen[] & { meta: Seen }>;
    get(number: string): Promise<Seen>;
    update(number: string, params: object): Promise<{ apiId: string; message: string }>;
    addOwnNumber(numbers: string, carrier: string, region: string, params?: object): Promise<Seen>;
    unrent(number: string): Promise<true>;
  };
}

export interface Created {
  readonly apiId: string;
  readonly sessionUuid: string;
  readonly virtualNumber: string;
  readonly message: string;
  readonly session: Seen;
}

/**
 * Plivo's own SDK, with its requests brought to `url`: it has no option for that where masking sessions are
 * concerned, so the adapter under its HTTP client is replaced. `sent` collects what it put on the wire.
 */
export function plivoSdk(url: string) {
  const sent: Sent[] = [];
  const real = axios.getAdapter(axios.defaults.adapter);
  axios.defaults.adapter = (request: Parameters<Adapter>[0]) => {
    const address = new URL(request.url.replace('https://api.plivo.com', url));
    sent.push({
      method: request.method.toUpperCase(),
      path: address.pathname,
      query: Object.fromEntries(address.searchParams),
      body: request.data === undefined ? undefined : JSON.parse(request.data),
    });
    return real({ ...request, url: address.href });
  };
  return {
    sent,
    last: () => sent.at(-1),
    client: (as = MAIN, options?: { url: string }): PlivoClient => new Client(as.id, as.token, options),
  };
}

/** What a promise of the SDK rejected with; fails the test where it did not. */
export async function rejection(promise: Promise<unknown>): Promise<SdkError> {
  try {
    await promise;
  } catch (error) {
    return error as SdkError;
  }
  throw new Error('not rejected');
}

type Adapter = (request: { url: string; method: string; data?: string }) => Promise<unknown>;

interface Axios {
  readonly defaults: { adapter: unknown };
  getAdapter(adapter: unknown): Adapter;
}
