import { createHmac } from 'node:crypto';
import type { SigningSecrets } from '../core/callback.ts';
import { signPlivoV3 } from '../core/plivo-v3.ts';

/** One attempt of one callback. */
export interface CallbackInput {
  /** The event's id, the same in every attempt; without dots, which separate the signed parts. */
  readonly id: string;
  /** Absolute http or https address as the customer configured it. */
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly params: readonly (readonly [string, string])[];
  readonly attemptedAt: Date;
  /** Fresh for every attempt. */
  readonly nonce: string;
  /** What it is signed with: secrets of the account that the callback is for, and of its main account (may be the same). */
  readonly secrets: SigningSecrets;
  readonly mainSecrets: SigningSecrets;
}

/** A request as it goes on the wire; header names are in lower case. */
export interface CallbackRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/**
 * The HTTP request of a callback, signed in two ways.
 *
 * POST carries the parameters as a form, GET carries them in the query, behind what was there. A
 * fragment is dropped.
 *
 * - Plivo V3: `x-plivo-signature-v3` by the account's secret, `x-plivo-signature-ma-v3` by the main
 *   account's. Source: Plivo docs, "Signature validation". As Plivo does, the address is signed as
 *   it was configured, `:443` and an empty path included.
 * - Standard Webhooks 1.0.0: the key is the UTF-8 bytes of the account's secret, so a receiver
 *   verifies with `whsec_` + base64(secret). What is signed as the body of a GET, which has none, is
 *   its query string as sent, without the `?`.
 *
 * With two secrets each header has two signatures, in the list form of its scheme: any of them is good.
 *
 * @throws TypeError where `url` is not absolute; it is checked before it is ever stored.
 */
export function callbackRequest(input: CallbackInput): CallbackRequest {
  const { id, method, params, attemptedAt, nonce, secrets, mainSecrets } = input;
  const form = new URLSearchParams(params.map(([name, value]): [string, string] => [name, value])).toString();
  const configured = withoutFragment(input.url);
  const url = method === 'GET' ? withQuery(configured, form) : configured;
  const signed = { method, url, params: method === 'GET' ? {} : grouped(params), nonce };
  const plivo = (keys: SigningSecrets) => keys.map((token) => signPlivoV3({ ...signed, token })).join(',');
  const own = plivo(secrets);
  const timestamp = String(Math.floor(attemptedAt.getTime() / 1000));
  const content = `${id}.${timestamp}.${method === 'GET' ? new URL(url).search.slice(1) : form}`;
  const standard = (secret: string) => `v1,${createHmac('sha256', secret).update(content).digest('base64')}`;
  return {
    method,
    url,
    headers: {
      'user-agent': 'bauta',
      ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      'x-plivo-signature-v3': own,
      'x-plivo-signature-ma-v3': mainSecrets === secrets ? own : plivo(mainSecrets),
      'x-plivo-signature-v3-nonce': nonce,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': secrets.map(standard).join(' '),
    },
    body: method === 'POST' ? form : null,
  };
}

/** The configured address, or the normal form of it where its path or query would not arrive as written. */
function withoutFragment(text: string): string {
  const [kept = ''] = text.split('#', 1);
  const { href, pathname, search } = new URL(kept);
  const afterHost = /^https?:\/\/[^/?\\\s\u0080-\uffff]+(.*)$/i.exec(kept)?.[1];
  const arrives = afterHost !== undefined && [afterHost, `/${afterHost}`].includes(pathname + search);
  return arrives ? kept : href;
}

function withQuery(url: string, query: string): string {
  if (query === '') return url;
  if (!url.includes('?')) return `${url}?${query}`;
  return /[?&]$/.test(url) ? url + query : `${url}&${query}`;
}

function grouped(params: CallbackInput['params']): Record<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of params) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries(values);
}
