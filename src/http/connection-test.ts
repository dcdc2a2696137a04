import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { testConnection } from '../service/connection-test.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';
import { frontDoor } from './simulate.ts';

const URL = '/v1/Account/:auth_id/Masking/Connection/:connection_id/Test/';

const testedSchema = z
  .object({
    api_id: apiId,
    dialect: z.string(),
    works: z.boolean().meta({ description: 'A document came back that the provider would take.' }),
    fault: z.string().nullable().meta({ description: 'What is wrong otherwise.' }),
    status: z.int(),
    milliseconds: z.int(),
    document: z.string().meta({ description: 'Without the connection’s key.' }),
  })
  .meta({ id: 'ConnectionTested' });

/** Whether a connection answers, asked where its provider asks. */
export function connectionTestRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.post<{ Params: { connection_id: string } }>(URL, {
    schema: {
      tags: ['Operators'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string(), connection_id: z.string() }),
      summary: 'Ask a connection’s answer webhook as its provider does',
      description:
        'Signed, about a call from a withheld number to one that the account does not have: it is sent off. No call is booked, counted or told to an app; the exchange is in the log. For the main account only.',
      response: { 200: json(testedSchema, 'What came back.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const door = frontDoor(app, deps.config.publicUrl);
      const tested = await testConnection(deps, scopeOfRequest(request), request.params.connection_id, door);
      if (isRefused(tested)) return sendProblem(reply, tested.problem);
      return reply.send({ api_id: request.id, ...tested, works: tested.fault === null });
    },
  });
  refuseOthers(app, URL, ['POST']);
}
