import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { renewToken, revokeFormerTokens } from '../service/subaccounts.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { wireTime } from './interaction-wire.ts';
import { refuseOthers } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const URL = '/v1/Account/:auth_id/Token/';
const common = { tags: ['Accounts'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };

const renewedSchema = z
  .object({
    api_id: apiId,
    auth_token: z.string().meta({ description: 'Told once: only its digest is kept.' }),
    former_valid_until: z.string().meta({ description: 'UTC.', examples: ['2026-01-31 13:35:51 +0000 UTC'] }),
  })
  .meta({ id: 'TokenRenewed' });
const revokedSchema = z
  .object({ api_id: apiId, revoked_count: z.int().meta({ description: 'Tokens that were still valid.' }) })
  .meta({ id: 'TokensRevoked' });

/** The auth tokens of an account, or of a subaccount that its main account names. */
export function tokenRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.post(URL, {
    schema: {
      ...common,
      summary: 'A new auth token',
      description:
        'The one before it stays valid for 24 hours; callbacks that are signed with the token carry both signatures until then. Renewing again within that time ends the oldest.',
      response: { 201: json(renewedSchema, 'The new token.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const { token, formerUntil } = await renewToken(deps, scopeOfRequest(request));
      return reply.code(201).send({ api_id: request.id, auth_token: token, former_valid_until: wireTime(formerUntil) });
    },
  });

  app.delete(URL, {
    schema: {
      ...common,
      summary: 'End all auth tokens but the newest, now',
      response: { 200: json(revokedSchema, 'They are over.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const revoked = await revokeFormerTokens(deps, scopeOfRequest(request));
      return reply.send({ api_id: request.id, revoked_count: revoked });
    },
  });
  refuseOthers(app, URL, ['POST', 'DELETE']);
}
