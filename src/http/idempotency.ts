import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { claim, settle } from '../service/idempotency.ts';
import { actorOf } from './auth.ts';
import { idInPath } from './fields.ts';
import { InvalidRequest, sendProblem } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a request with an Idempotency-Key makes, and whether an earlier try may have made it; else null. */
    keyed: { readonly resourceId: string; readonly isTakenOver: boolean } | null;
  }
}

const HEADER = 'idempotency-key';
const RULE = 'should be one text of 1 to 255 characters';
const PREFIX = '/v1/Account/:auth_id';

/** For the description of routes that take the header. */
export const idempotencyHeaders = z.looseObject({
  [HEADER]: z
    .string()
    .optional()
    .describe(
      'Makes a repetition harmless: for 24 hours the same key with the same body gets the first success again, with another body 422, and 409 while the first request still runs.',
    ),
});

/** Takes an Idempotency-Key on all POSTs of a plugin (IETF draft of that name). */
export function takeIdempotencyKeys(app: FastifyInstance, deps: Deps): void {
  app.decorateRequest('keyed', null);
  app.addHook('preHandler', async (request, reply) => {
    if (request.method !== 'POST') return;
    const key = keyOf(request);
    if (key === null) return;
    const { id: accountId } = actorOf(request);
    const result = await claim(deps, { accountId, route: routeOf(request), key, body: canonical(request.body) });
    switch (result.kind) {
      case 'claimed':
        request.keyed = result;
        return;
      case 'answered':
        return reply
          .code(result.status)
          .header('idempotent-replayed', 'true')
          .type('application/json; charset=utf-8')
          .send(result.body);
      case 'running':
        return sendProblem(reply, { kind: 'key_in_use' });
      case 'other_body':
        return sendProblem(reply, { kind: 'key_reused' });
    }
  });
  app.addHook<string>('onSend', async (request, reply, body) => {
    if (request.keyed === null) return;
    await settle(deps, request.keyed.resourceId, { status: reply.statusCode, body: String(body) });
  });
}

/** The draft has the key in quotes; without them it means the same. */
function keyOf(request: FastifyRequest): string | null {
  const given = request.headers[HEADER];
  if (given === undefined) return null;
  const key = Array.isArray(given) ? '' : (/^"(.*)"$/.exec(given)?.[1] ?? given);
  if (key === '' || key.length > 255) throw new InvalidRequest('Idempotency-Key', RULE);
  return key;
}

/** Method and address; the same for both forms of the address, with the session that is meant. */
function routeOf({ method, routeOptions, params }: FastifyRequest): string {
  const { session_uuid: session } = params as { session_uuid?: string };
  const path = (routeOptions.url ?? '').replace(PREFIX, '');
  return `${method} ${session === undefined ? path : path.replace(':session_uuid', idInPath(session))}`;
}

/** The body as it was understood, whatever the order of its fields. */
function canonical(body: unknown): string {
  const fields = Object.entries((body ?? {}) as Record<string, unknown>);
  return JSON.stringify(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
