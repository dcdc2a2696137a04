import { Agent, request as httpRequest } from 'undici';

/** A call to be placed over a provider's API; numbers as digits, addresses absolute. */
export interface CallToPlace {
  /** Up to and without `/Account`. */
  readonly apiUrl: string;
  readonly authId: string;
  readonly authToken: string;
  /** Shown to whom is called. */
  readonly from: string;
  readonly to: string;
  readonly answerUrl: string;
  readonly ringUrl: string;
  readonly hangupUrl: string;
  readonly ringTimeoutSeconds: number;
  readonly timeLimitSeconds: number;
}

/** `unknown`: the request may have arrived, so the call may or may not have been placed. */
export type PlaceOutcome =
  | { readonly kind: 'placed'; readonly requestId: string }
  | { readonly kind: 'refused'; readonly status: number | null }
  | { readonly kind: 'unknown'; readonly status: number | null };

export type CallPlacer = (call: CallToPlace) => Promise<PlaceOutcome>;

/**
 * Addresses are the operator's own, so they may be private ones; no redirect is followed. Connections have no limit
 * here: a call that waited for one would use its time up and could not be told from one that was sent.
 */
export function placingAgent(): Agent {
  return new Agent({ connect: { timeout: 5_000 } });
}

/**
 * Asks Plivo to call somebody, once; never rejects. Source: Plivo docs, "Make a call".
 *
 * @param timeoutMs for all of it.
 */
export async function placeCall(agent: Agent, call: CallToPlace, timeoutMs = 10_000): Promise<PlaceOutcome> {
  try {
    const answer = await httpRequest(`${call.apiUrl}/Account/${encodeURIComponent(call.authId)}/Call/`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${call.authId}:${call.authToken}`).toString('base64')}`,
      },
      body: JSON.stringify(plivoBody(call)),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { statusCode: status } = answer;
    const text = await readAtMost(answer.body, MAX_ANSWER_BYTES);
    // Its status says it all, whatever becomes of the rest.
    if (status >= 400 && status < 500) return { kind: 'refused', status };
    const requestId = status < 300 ? requestIdIn(text) : null;
    return requestId === null ? { kind: 'unknown', status } : { kind: 'placed', requestId };
  } catch (error) {
    return { kind: wasNeverSent(error) ? 'refused' : 'unknown', status: null };
  }
}

function plivoBody(call: CallToPlace): object {
  return {
    from: call.from,
    to: call.to,
    answer_url: call.answerUrl,
    answer_method: 'POST',
    ring_url: call.ringUrl,
    ring_method: 'POST',
    hangup_url: call.hangupUrl,
    hangup_method: 'POST',
    ring_timeout: call.ringTimeoutSeconds,
    time_limit: call.timeLimitSeconds,
  };
}

const MAX_ANSWER_BYTES = 64 * 1024;

/** Empty for a body that is longer, or breaks off. */
async function readAtMost(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop closes the connection.
      if (bytes > limit) return '';
      chunks.push(chunk);
    }
  } catch {
    return '';
  }
  return Buffer.concat(chunks).toString('utf8');
}

function requestIdIn(text: string): string | null {
  try {
    const id: unknown = JSON.parse(text)?.request_uuid;
    return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? id : null;
  } catch {
    return null;
  }
}

/** Nobody was reached, so nothing was placed. */
function wasNeverSent(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code);
}
