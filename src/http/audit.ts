import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type AuditEntry, listAudit } from '../service/audit.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { page } from './callback-query.ts';
import { pageMeta } from './masking-schemas.ts';
import { moment } from './moments.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const ALL = '/v1/Account/:auth_id/Masking/Audit/';

const query = z.object({
  actor: z.string().max(40).optional().describe('The auth id that signed in, or `system`.'),
  action: z.string().max(100).optional().describe('Such as `session.create`.'),
  from: moment().optional(),
  to: moment().optional(),
  ...page,
});

const entry = z.object({
  time: z.string().meta({ description: 'UTC.', examples: ['2026-01-31T13:35:51.123Z'] }),
  actor: z.string().meta({ description: 'The auth id that signed in; `system` for the service itself.' }),
  action: z.string().meta({ examples: ['session.create'] }),
  object: z.string().meta({ description: 'The id of what it was done to; empty for many.' }),
  fields: z.array(z.string()).meta({ description: 'The names of the fields that were given, read or changed.' }),
  request_id: z.uuid().nullable().meta({ description: 'The `api_id` of the answer.' }),
});

const auditSchema = z.object({ api_id: apiId, meta: pageMeta, objects: z.array(entry) }).meta({ id: 'AuditLog' });

/** Who did what with an account's things, and who read its phones. */
export function auditRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get<{ Querystring: z.output<typeof query> }>(ALL, {
    schema: {
      tags: ['Audit'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'List what was changed, and who read full phones, newest first',
      description:
        'For the main account: with what its subaccounts did. Names and ids only; entries are never changed.',
      querystring: query,
      response: { 200: json(auditSchema, 'A page of entries.'), ...errors(400, 401, 403, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset, actor, action, from, to } = request.query;
      const filter = {
        ...(actor && { actor }),
        ...(action && { action }),
        ...(from && { from: from.from }),
        ...(to && { before: to.before }),
      };
      const found = await listAudit(deps, scopeOfRequest(request), filter, { limit, offset });
      if (isRefused(found)) return sendProblem(reply, found.problem);
      const meta = pageMetaOf(request.originalUrl, { limit, offset }, found.total);
      return reply.send({ api_id: request.id, meta, objects: found.entries.map(toWire) });
    },
  });
  refuseOthers(app, ALL, READ_ONLY);
}

function toWire({ at, actor, action, object, fields, requestId }: AuditEntry) {
  return { time: at.toISOString(), actor, action, object, fields, request_id: requestId };
}
