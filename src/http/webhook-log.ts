import type { FastifyReply } from 'fastify';
import { callOfFields, inWords, loggedFields } from '../core/exchange.ts';
import type { Deps } from '../deps.ts';
import type { Asked, WebhookKind } from './webhook.ts';

/** What the exchange log is to know beside the request and its answer. */
export interface Noted {
  /** A reason of `core/exchange.ts`. */
  readonly reason: string;
  readonly callId?: string | null;
  readonly virtualNumber?: string | null;
}

/** Leaves an exchange in the log; the answer does not wait for it. */
export function recordExchange(
  deps: Deps,
  { name }: WebhookKind,
  reply: FastifyReply,
  { connection, webhook }: Asked,
  status: number,
  { reason, callId = null, virtualNumber = null }: Noted,
  text: string,
): void {
  const fields = fieldsOf(webhook);
  deps.exchanges.record({
    at: deps.now(),
    accountId: connection.accountId,
    providerId: connection.id,
    webhook: name,
    // Also where it was not understood, or not decided in time.
    callId: callId ?? callOfFields(fields),
    virtualNumber,
    status,
    decision: inWords(reason),
    milliseconds: Math.round(reply.elapsedTime * 100) / 100,
    fields: loggedFields(name, fields),
    // Whoever has the connection's key can ask in its name.
    document: text.replaceAll(`/answer/${connection.secrets.key}`, '/answer/…'),
  });
}

/** Of the query and the body. Spread into one object they would take as long as all else that is done here. */
function fieldsOf({ query, body }: Asked['webhook']): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const part of [query, body]) {
    if (typeof part !== 'object' || part === null) continue;
    for (const name in part) fields[name] = (part as Record<string, unknown>)[name];
  }
  return fields;
}
