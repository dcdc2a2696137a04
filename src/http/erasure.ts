import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { eraseNumber } from '../service/erasure.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { phone } from './fields.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const ALL = '/v1/Account/:auth_id/Masking/Erasure/';

const body = z
  .object({ number: phone().describe('The phone of whoever is to be forgotten.') })
  .meta({ id: 'ErasureWish', examples: [{ number: '+12025550000' }] });

const erasedSchema = z
  .object({
    api_id: apiId,
    message: z.enum(['number erased', 'number erased in part']),
    is_complete: z.boolean().meta({ description: 'False where the time did not suffice: ask again, and it goes on.' }),
    sessions: z.int().meta({ description: 'Sessions that were erased; live ones ended first.' }),
    calls: z.int(),
    exchanges: z.int().meta({ description: 'Entries of the exchange log that were removed.' }),
  })
  .meta({ id: 'Erasure' });

/** Forgetting somebody. */
export function erasureRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.post<{ Body: z.output<typeof body> }>(ALL, {
    schema: {
      tags: ['Erasure'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'Remove a phone from everything that is kept',
      description:
        'The sessions and calls in which it takes part lose all phones, PINs and keyed digits; live ones end first, with their callback. What was counted stays. A subaccount erases from its own sessions alone.',
      body,
      response: { 200: json(erasedSchema, 'What was erased.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const erased = await eraseNumber(deps, scopeOfRequest(request), request.body.number);
      if (isRefused(erased)) return sendProblem(reply, erased.problem);
      const { isComplete: is_complete, ...counts } = erased;
      const message = is_complete ? 'number erased' : 'number erased in part';
      return reply.send({ api_id: request.id, message, is_complete, ...counts });
    },
  });
  refuseOthers(app, ALL, ['POST']);
}
