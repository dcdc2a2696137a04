import { type Agent, request as httpRequest } from 'undici';
import { readRetryAfter } from '../core/retry.ts';
import type { CallbackInput, CallbackRequest } from './callback-request.ts';
import { callableUrl } from './guard.ts';

/**
 * What became of one attempt. `error` is `status 302` and the like, or one of `timeout`, `blocked`,
 * `refused`, `reset`, `dns`, `tls`, `network`: never a message text, which could carry the URL or a
 * phone. `status` is null where no answer came. `retryAfterSeconds` is there where the receiver asked for it.
 */
export type CallbackOutcome =
  | { readonly ok: true; readonly status: number }
  | {
      readonly ok: false;
      readonly status: number | null;
      readonly error: string;
      readonly retryAfterSeconds?: number;
    };

/** Builds, signs and sends one attempt: what the wiring makes of `callbackRequest` and `sendCallback`. */
export type CallbackSender = (input: CallbackInput) => Promise<CallbackOutcome>;

/**
 * Sends one callback and says what became of it. Never throws.
 *
 * Only 2xx is success; a redirect is not followed, and is a failure. Of the answer at most 64 kB are
 * read and thrown away (so that the connection can be used again), then the connection is closed. An
 * answer of 2xx that breaks off or is still trickling in at the deadline is a failure, since the
 * receiver may not have done its work; to be called twice does less harm.
 *
 * @param agent from `guardedAgent`, which decides where we may connect to.
 * @param timeoutMs for all of it: waiting for a free connection, name lookup, connect, headers, body.
 */
export async function sendCallback(
  agent: Agent,
  request: CallbackRequest,
  timeoutMs = 15_000,
): Promise<CallbackOutcome> {
  const deadline = new AbortController();
  let status: number | null = null;
  const late = new Promise<CallbackOutcome>((resolve) => {
    deadline.signal.onabort = () => resolve({ ok: false, status, error: 'timeout' });
  });
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const attempt = async (): Promise<CallbackOutcome> => {
    try {
      const answer = await httpRequest(callableUrl(request.url), {
        dispatcher: agent,
        method: request.method,
        headers: request.headers,
        body: request.body,
        signal: deadline.signal,
      });
      status = answer.statusCode;
      const isSuccess = status >= 200 && status < 300;
      const failure = await readAway(answer.body);
      if (!isSuccess) return { ok: false, status, error: `status ${status}`, ...retryAfter(answer.headers) };
      return failure === null ? { ok: true, status } : { ok: false, status, error: failure };
    } catch (error) {
      return { ok: false, status, error: errorWord(error) };
    }
  };
  // undici does not heed the signal before it has a connection, so the deadline is raced as well; a
  // request that was still in line is then never sent.
  try {
    return await Promise.race([attempt(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function retryAfter(headers: Awaited<ReturnType<typeof httpRequest>>['headers']): { retryAfterSeconds?: number } {
  const header = [headers['retry-after']].flat()[0];
  const seconds = header === undefined ? null : readRetryAfter(header, new Date());
  return seconds === null ? {} : { retryAfterSeconds: seconds };
}

const MAX_ANSWER_BYTES = 64 * 1024;

type Answer = Awaited<ReturnType<typeof httpRequest>>['body'];

/** Null when the answer has ended or is longer than we care for, else the word for what went wrong. */
async function readAway(answer: Answer): Promise<string | null> {
  let bytes = 0;
  try {
    for await (const chunk of answer) {
      bytes += chunk.length;
      // Leaving the loop destroys the stream, and with it the connection.
      if (bytes >= MAX_ANSWER_BYTES) return null;
    }
    return null;
  } catch (error) {
    return errorWord(error);
  }
}

// Codes of Node, OpenSSL and undici. What TLS says of certificates has no common prefix.
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^EBLOCKED$/, 'blocked'],
  [/^(ETIMEDOUT|UND_ERR_\w+_TIMEOUT|UND_ERR_ABORTED|ABORT_ERR)$/, 'timeout'],
  [/^ECONNREFUSED$/, 'refused'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)$/, 'reset'],
  [/^(ENOTFOUND|ENODATA|ESERVFAIL|EAI_\w+)$/, 'dns'],
  [/^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_)/, 'tls'],
];

function errorWord(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return WORDS.find(([pattern]) => pattern.test(code))?.[1] ?? 'network';
}
