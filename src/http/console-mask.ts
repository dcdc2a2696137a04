import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { bookNow } from '../service/audit.ts';
import { requesterOf, scopeOfRequest } from './auth.ts';

/** Why somebody may look at a session's numbers. A closed list: a free text would carry what the audit log never has. */
export const REVEAL_REASONS = ['caller_asks', 'suspected_fraud', 'failed_call', 'authority_asks', 'test_call'] as const;

const PHONES = ['first_party', 'second_party', 'from_number', 'to_number', 'callee', 'caller'];
const PINS = ['first_party_pin', 'second_party_pin'];
// Of exchanges, where a phone may stand anywhere.
const TEXTS = ['request', 'document', 'decision'];
const SHOWN = ['first_party', 'second_party', 'from_number', 'to_number', 'first_party_pin', 'second_party_pin'];

const SESSION = '/v1/Account/:auth_id/Masking/Session/:session_uuid/';
const CALLS = '/v1/Account/:auth_id/Call/';

/** Hides phones and PINs from whoever looks through the console, unless they say why they need one session's. */
export function maskForConsole(app: FastifyInstance, deps: Deps): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    if (!request.isMasked || reply.statusCode >= 300) return payload;
    const reason = REVEAL_REASONS.find((word) => word === request.headers['x-bauta-reveal']);
    const session = sessionOf(request);
    if (reason === undefined || session === null) return masked(payload);
    const { actor, requestId } = requesterOf(request);
    const { accountId } = scopeOfRequest(request);
    const fields = [...SHOWN, `reason.${reason}`];
    const entry = { at: deps.now(), accountId, actor, action: 'session.reveal', object: session, fields, requestId };
    await bookNow(deps, entry);
    return payload;
  });
}

/** The one session whose numbers a request reads; null where it reads others too. */
function sessionOf(request: FastifyRequest): string | null {
  if (request.method !== 'GET') return null;
  const { url } = request.routeOptions;
  if (url === SESSION) return (request.params as { session_uuid: string }).session_uuid;
  if (url === CALLS) return (request.query as { session_uuid?: string }).session_uuid ?? null;
  return null;
}

/** The same answer with phones as `+12…5634` and PINs as dots. */
export function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (PHONES.includes(name) && typeof inner === 'string') return [name, hideNumbers(inner)];
      if (PINS.includes(name) && typeof inner === 'string') return [name, '•'.repeat(inner.length)];
      return [name, TEXTS.includes(name) ? hideIn(inner) : masked(inner)];
    }),
  );
}

function hideIn(value: unknown): unknown {
  if (typeof value === 'string') return hideNumbers(value);
  if (typeof value === 'number') return value > 999_999 ? hideNumbers(String(value)) : value;
  if (Array.isArray(value)) return value.map(hideIn);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hideIn(inner)]));
}

/**
 * Whatever may be a phone: six digits or more in a row. Of what is as long as a phone four digits are left at the end, so
 * that two people of one country can be told apart.
 */
function hideNumbers(text: string): string {
  return text.replace(/\d{6,}/g, (digits) => `${digits.slice(0, 2)}…${digits.slice(digits.length < 10 ? -2 : -4)}`);
}
