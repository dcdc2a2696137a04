import { createHmac } from 'node:crypto';

/** What a V3 signature covers, and the token it is made with. */
export interface PlivoV3Content {
  readonly method: 'GET' | 'POST';
  /** Absolute, to the letter as the other side knows it; its query is signed, its fragment is not. */
  readonly url: string;
  /** Form parameters of a POST, decoded; of a GET, those that are not in the query of `url` already. */
  readonly params: Readonly<Record<string, string | readonly string[]>>;
  readonly nonce: string;
  readonly token: string;
}

/**
 * The value of Plivo's header `X-Plivo-Signature-V3`: Base64 of HMAC-SHA256, keyed by the UTF-8
 * bytes of the token.
 *
 * It lives in core, since both sides of the wire need it: dialects verify what Plivo sends, outbound
 * signs what we send. Source: Plivo docs, "Signature validation", and what all of Plivo's SDKs compute.
 *
 * @throws TypeError where `url` is not absolute.
 */
export function signPlivoV3({ method, url, params, nonce, token }: PlivoV3Content): string {
  const text = `${signedText(method, url, Object.entries(params))}.${nonce}`;
  return createHmac('sha256', token).update(text, 'utf8').digest('base64');
}

type Params = readonly (readonly [string, string | readonly string[]])[];

function signedText(method: 'GET' | 'POST', url: string, params: Params): string {
  // By hand rather than by URL, which would fold case, drop :443, give an empty path a slash and
  // encode anew: Plivo signs the address as it was configured.
  const match = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]+[^?#]*)(?:\?([^#]*))?/i.exec(url);
  if (match?.[1] === undefined) throw new TypeError('not an absolute address');
  const inQuery = [...new URLSearchParams(match[2] ?? '')];
  const query = sortedPairs(method === 'GET' ? [...inQuery, ...params] : inQuery)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const form = (method === 'POST' ? sortedPairs(params) : []).map(([name, value]) => name + value).join('');
  // The bare "?" before a form without a query is not in Plivo's prose, but in every SDK of theirs
  // and in what they send.
  return `${match[1]}${query || form ? '?' : ''}${query}${query && form ? '.' : ''}${form}`;
}

/** As they are signed: by name, then by value, each value of a repeated name in a pair of its own. */
export function sortedPairs(params: Params): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const [name, given] of params) {
    if (typeof given === 'string') pairs.push([name, given]);
    else for (const value of given) pairs.push([name, value]);
  }
  return pairs.sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue));
}

// By UTF-16 code units, as JavaScript's own sort: a locale's order would change with the machine.
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
