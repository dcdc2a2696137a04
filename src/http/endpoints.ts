import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type EndpointState, listFailing, pause, resume } from '../service/endpoints.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { endpoint, page } from './callback-query.ts';
import { doneSchema } from './callback-wire.ts';
import { wireTime } from './interaction-wire.ts';
import { pageMeta } from './masking-schemas.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const ALL = '/v1/Account/:auth_id/Masking/Endpoint/';
const common = { tags: ['Callbacks'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };

const endpointQuery = z.object(page);
const endpointBody = z.object({ endpoint: endpoint() }).meta({ id: 'EndpointChoice' });
const time = z.string().meta({ description: 'UTC.', examples: ['2026-01-31 13:35:51 +0000 UTC'] });

const failing = z.object({
  endpoint: z.string().meta({ examples: ['https://app.example'] }),
  state: z.enum(['failing', 'paused']),
  pause_reason: z.enum(['failing', 'operator']).nullable(),
  paused_time: time.nullable(),
  failures: z.int().meta({ description: 'Since it was last well.' }),
  failing_since: time.nullable(),
  pending_count: z.int().meta({ description: 'Callbacks that wait for it.' }),
  oldest_pending_time: time.nullable(),
});

const endpointListSchema = z
  .object({ api_id: apiId, meta: pageMeta, objects: z.array(failing) })
  .meta({ id: 'EndpointList' });
/** The receivers of callbacks: which of them fail, and hold or let go what waits for one. */
export function endpointRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get<{ Querystring: z.output<typeof endpointQuery> }>(ALL, {
    schema: {
      ...common,
      summary: 'List the receivers that fail or are paused',
      description: 'For the main account: its subaccounts may share receivers with it.',
      querystring: endpointQuery,
      response: { 200: json(endpointListSchema, 'A page of receivers.'), ...errors(400, 401, 403, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset } = request.query;
      const found = await listFailing(deps, scopeOfRequest(request), { limit, offset });
      if (isRefused(found)) return sendProblem(reply, found.problem);
      const meta = pageMetaOf(request.originalUrl, { limit, offset }, found.total);
      return reply.send({ api_id: request.id, meta, objects: found.endpoints.map(endpointToWire) });
    },
  });

  for (const [name, verb, message, summary] of [
    ['Pause', pause, 'paused', 'Hold back the callbacks of a receiver'],
    ['Resume', resume, 'resumed', 'Send what was held back, and go on'],
  ] as const) {
    app.post<{ Body: z.output<typeof endpointBody> }>(`${ALL}${name}/`, {
      schema: {
        ...common,
        summary,
        body: endpointBody,
        response: { 202: json(doneSchema, 'Done.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
      },
      handler: async (request, reply) => {
        const count = await verb(deps, scopeOfRequest(request), request.body.endpoint);
        if (isRefused(count)) return sendProblem(reply, count.problem);
        return reply.code(202).send({ api_id: request.id, message, count });
      },
    });
  }

  refuseOthers(app, ALL, READ_ONLY);
}

function endpointToWire(state: EndpointState) {
  return {
    endpoint: state.endpoint,
    state: state.pausedAt === null ? 'failing' : 'paused',
    pause_reason: state.pauseReason,
    paused_time: state.pausedAt && wireTime(state.pausedAt),
    failures: state.failures,
    failing_since: state.failingSince && wireTime(state.failingSince),
    pending_count: state.waiting,
    oldest_pending_time: state.oldestAt && wireTime(state.oldestAt),
  };
}
