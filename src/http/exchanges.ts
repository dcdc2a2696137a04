import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { type ExchangeFilter, followExchanges, type LoggedExchange } from '../service/exchanges.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { sessionUuid, whole } from './fields.ts';
import { moment } from './moments.ts';
import { READ_ONLY, refuseOthers } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const ALL = '/v1/Account/:auth_id/Masking/Exchange/';
const LONGEST_WAIT_SECONDS = 25;
// Longer than the longest wait, unlike that of other routes.
const HANDLER_TIMEOUT_MS = 35_000;

// Also as this log shows it, with the Z of UTC.
const shownMoment = z.preprocess((text) => (typeof text === 'string' ? text.replace(/Z$/, '') : text), moment());

const query = z.object({
  call_uuid: z.string().max(200).optional().describe('The provider’s id of the call.'),
  session_uuid: sessionUuid().optional(),
  virtual_number: z
    .string()
    .regex(/^[ +]?[1-9]\d{6,14}$/, { error: 'is not a valid phone number' })
    .optional(),
  from: shownMoment.optional(),
  to: shownMoment.optional(),
  after: whole(0, Number.MAX_SAFE_INTEGER).optional().describe('Only what came after this `id`, oldest first.'),
  wait: whole(0, LONGEST_WAIT_SECONDS).default(0).describe('Seconds to wait while there is none.'),
  limit: whole(1, 100).default(20),
});

const exchange = z
  .object({
    id: z.int(),
    time: z.string().meta({ examples: ['2026-05-22T17:49:40.123Z'] }),
    provider: z.string(),
    webhook: z.string(),
    call_uuid: z.string().nullable(),
    session_uuid: z.string().nullable(),
    virtual_number: z.string().nullable(),
    request: z.record(z.string(), z.unknown()).meta({ description: 'Keyed digits appear as their count.' }),
    document: z.string().meta({ description: 'What was answered.' }),
    status: z.int(),
    decision: z.string().meta({ examples: ['pin_wrong: wrong PIN, asked again'] }),
    duration_ms: z.number(),
  })
  .meta({ id: 'Exchange' });

const listSchema = z
  .object({
    api_id: apiId,
    meta: z.object({ limit: z.int(), next_after: z.int().meta({ description: 'For `after` of the next request.' }) }),
    objects: z.array(exchange),
  })
  .meta({ id: 'ExchangeList' });

/** What telephony providers asked and reported, and what they were answered: for operators to follow a call by. */
export function exchangeRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  // Whoever waits gets an answer before the process ends.
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.get<{ Querystring: z.output<typeof query> }>(ALL, {
    handlerTimeout: HANDLER_TIMEOUT_MS,
    schema: {
      tags: ['Operators'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'Exchanges with telephony providers, the newest first',
      description:
        'With `after` what came since, the oldest first; with `wait` the answer comes as soon as there is one.',
      querystring: query,
      response: { 200: json(listSchema, 'Exchanges.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, wait, after } = request.query;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      // Nothing moves on the connection meanwhile, which would be taken for dead. Node puts it back for the next one.
      reply.raw.setTimeout(HANDLER_TIMEOUT_MS);
      const signal = AbortSignal.any([closing.signal, gone.signal]);
      const scope = scopeOfRequest(request);
      const found = await followExchanges(deps, scope, toFilter(request.query), limit, wait * 1000, signal);
      const next = Math.max(after ?? 0, ...found.map(({ id }) => id));
      return reply.send({ api_id: request.id, meta: { limit, next_after: next }, objects: found.map(toWire) });
    },
  });

  refuseOthers(app, ALL, READ_ONLY);
}

function toFilter(wish: z.output<typeof query>): ExchangeFilter {
  const { call_uuid, session_uuid, virtual_number, from, to, after } = wish;
  return {
    ...(call_uuid && { callId: call_uuid }),
    ...(session_uuid && { sessionId: session_uuid }),
    ...(virtual_number && { virtualNumber: `+${virtual_number.replace(/^[ +]/, '')}` }),
    ...(from && { from: from.from }),
    ...(to && { before: to.before }),
    ...(after !== undefined && { afterId: after }),
  };
}

function toWire(found: LoggedExchange): z.input<typeof exchange> {
  return {
    id: found.id,
    time: found.at.toISOString(),
    provider: found.dialect,
    webhook: found.webhook,
    call_uuid: found.callId,
    session_uuid: found.sessionId,
    virtual_number: found.virtualNumber,
    request: found.fields as Record<string, unknown>,
    document: found.document,
    status: found.status,
    decision: found.decision,
    duration_ms: found.milliseconds,
  };
}
