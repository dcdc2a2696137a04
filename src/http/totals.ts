import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { sumUp } from '../service/totals.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { errors, json } from './schemas.ts';
import { groupToWire, hourToWire, sumsToWire, totalsQuery, totalsSchema } from './totals-wire.ts';

const TOTALS = '/v1/Account/:auth_id/Masking/Totals/';

/** For operators: what happened in a range of hours, in numbers. */
export function totalsRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get<{ Querystring: z.output<typeof totalsQuery> }>(TOTALS, {
    schema: {
      tags: ['Operators'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'Sum up sessions, calls and money',
      querystring: totalsQuery,
      response: { 200: json(totalsSchema, 'The total, and a page of groups.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { from, to, group_by: grouping, limit, offset } = request.query;
      const page = { limit, offset };
      const wish = { ...(from && { from }), ...(to && { to }), grouping, page };
      const totals = await sumUp(deps, scopeOfRequest(request), wish);
      if (isRefused(totals)) return sendProblem(reply, totals.problem);
      return reply.send({
        api_id: request.id,
        from: hourToWire(totals.from),
        to: hourToWire(totals.to),
        group_by: grouping,
        total: sumsToWire(totals.total),
        groups: totals.groups.map((group) => groupToWire(grouping, group)),
        meta: pageMetaOf(request.originalUrl, page, totals.groupCount),
      });
    },
  });
  refuseOthers(app, TOTALS, READ_ONLY);
}
