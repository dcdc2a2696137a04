import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { getPolicy, setPolicy } from '../service/policies.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { policyBody, policySchema, policyToWire, toChange } from './policy-wire.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { errors, json } from './schemas.ts';

const URL = '/v1/Account/:auth_id/Masking/Policy/';
const common = { tags: ['Policy'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };

/** What the calls of an account may do: whom they believe, where they may go, how many there may be. */
export function policyRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get(URL, {
    schema: {
      ...common,
      summary: 'What calls may do',
      response: { 200: json(policySchema, 'The policy of the main account.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const policy = await getPolicy(deps, scopeOfRequest(request));
      return reply.send({ api_id: request.id, ...policyToWire(policy) });
    },
  });

  app.post<{ Body: z.output<typeof policyBody> }>(URL, {
    schema: {
      ...common,
      summary: 'Change what calls may do',
      description: 'For the main account. What is not named stays. It holds for every call from now on.',
      body: policyBody,
      response: { 200: json(policySchema, 'The policy as it is now.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const policy = await setPolicy(deps, scopeOfRequest(request), toChange(request.body));
      if (isRefused(policy)) return sendProblem(reply, policy.problem);
      return reply.send({ api_id: request.id, ...policyToWire(policy) });
    },
  });
  refuseOthers(app, URL, ['GET', 'HEAD', 'POST']);
}
