import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import {
  createSubaccount,
  getSubaccount,
  listSubaccounts,
  removeSubaccount,
  type Subaccount,
  updateSubaccount,
} from '../service/subaccounts.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { page } from './callback-query.ts';
import { flag } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { pageMetaOf } from './paging.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

type OneSubaccount = { Params: { subaccount_id: string } };

const ALL = '/v1/Account/:auth_id/Subaccount/';
const ONE = `${ALL}:subaccount_id/`;
const common = { tags: ['Accounts'], security: [{ basic: [] }] };
const account = { params: z.object({ auth_id: z.string() }) };
const oneSubaccount = { params: z.object({ auth_id: z.string(), subaccount_id: z.string() }) };

const NAME_RULE = 'should be 1 to 100 characters';
const name = z.string({ error: NAME_RULE }).min(1, { error: NAME_RULE }).max(100, { error: NAME_RULE });
const createBody = z.object({ name, enabled: flag().optional() }).meta({ id: 'SubaccountCreate' });
const changeBody = z.object({ name: name.optional(), enabled: flag().optional() }).meta({ id: 'SubaccountChange' });
const query = z.object(page);

const subaccount = z.object({
  account: z.string().meta({ description: 'The path of the main account.' }),
  auth_id: z.string(),
  auth_token: z.null().meta({ description: 'Told when it is made; only its digest is kept.' }),
  created: z.string(),
  enabled: z.boolean(),
  modified: z.string(),
  name: z.string(),
  resource_uri: z.string(),
});
const createdSchema = z
  .object({ api_id: apiId, auth_id: z.string(), auth_token: z.string(), message: z.literal('created') })
  .meta({ id: 'SubaccountCreated' });
const gotSchema = subaccount.extend({ api_id: apiId }).meta({ id: 'Subaccount' });
const listedSchema = z
  .object({ api_id: apiId, meta: pageMeta, objects: z.array(subaccount) })
  .meta({ id: 'SubaccountList' });
const changedSchema = z.object({ api_id: apiId, message: z.literal('changed') }).meta({ id: 'SubaccountChanged' });

/** Subaccounts, as Plivo's: each signs in by itself and sees only what is its own. */
export function subaccountRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.post<{ Body: z.output<typeof createBody> }>(ALL, {
    schema: {
      ...common,
      ...account,
      summary: 'Make a subaccount',
      description: 'For the main account. The token is told once.',
      body: createBody,
      response: { 201: json(createdSchema, 'Its id and token.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const { name, enabled = true } = request.body;
      const made = await createSubaccount(deps, scopeOfRequest(request), { name, enabled });
      if (isRefused(made)) return sendProblem(reply, made.problem);
      const { id, token } = made;
      return reply.code(201).send({ api_id: request.id, auth_id: id, auth_token: token, message: 'created' });
    },
  });

  app.get<{ Querystring: z.output<typeof query> }>(ALL, {
    schema: {
      ...common,
      ...account,
      summary: 'List subaccounts, newest first',
      querystring: query,
      response: { 200: json(listedSchema, 'A page of subaccounts.'), ...errors(400, 401, 403, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset } = request.query;
      const found = await listSubaccounts(deps, scopeOfRequest(request), { limit, offset });
      if (isRefused(found)) return sendProblem(reply, found.problem);
      const meta = pageMetaOf(request.originalUrl, { limit, offset }, found.total);
      return reply.send({ api_id: request.id, meta, objects: found.subaccounts.map(toWire) });
    },
  });

  app.get<OneSubaccount>(ONE, {
    schema: {
      ...common,
      ...oneSubaccount,
      summary: 'Get a subaccount',
      response: { 200: json(gotSchema, 'The subaccount.'), ...errors(400, 401, 403, 404, 503) },
    },
    handler: async (request, reply) => {
      const found = await getSubaccount(deps, scopeOfRequest(request), request.params.subaccount_id);
      if (isRefused(found)) return sendProblem(reply, found.problem);
      return reply.send({ api_id: request.id, ...toWire(found) });
    },
  });

  app.post<OneSubaccount & { Body: z.output<typeof changeBody> }>(ONE, {
    schema: {
      ...common,
      ...oneSubaccount,
      summary: 'Rename a subaccount, or switch it off and on',
      description: 'One that is switched off cannot sign in, and calls to its numbers are refused.',
      body: changeBody,
      response: { 202: json(changedSchema, 'It is changed.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const { subaccount_id: id } = request.params;
      const problem = await updateSubaccount(deps, scopeOfRequest(request), id, request.body);
      if (problem) return sendProblem(reply, problem.problem);
      return reply.code(202).send({ api_id: request.id, message: 'changed' });
    },
  });

  app.delete<OneSubaccount>(ONE, {
    schema: {
      ...common,
      ...oneSubaccount,
      summary: 'Remove a subaccount that has no numbers and no live sessions',
      response: {
        204: { description: 'It is gone; what it did stays.' },
        ...errors(400, 401, 403, 404, 409, 413, 415, 503),
      },
    },
    handler: async (request, reply) => {
      const problem = await removeSubaccount(deps, scopeOfRequest(request), request.params.subaccount_id);
      if (problem) return sendProblem(reply, problem.problem);
      return reply.code(204).send();
    },
  });
  refuseOthers(app, ALL, ['GET', 'HEAD', 'POST']);
  refuseOthers(app, ONE, ['GET', 'HEAD', 'POST', 'DELETE']);
}

function toWire(one: Subaccount) {
  return {
    account: `/v1/Account/${one.parentId}/`,
    auth_id: one.id,
    auth_token: null,
    created: one.createdAt.toISOString(),
    enabled: one.enabled,
    modified: one.modifiedAt.toISOString(),
    name: one.name,
    resource_uri: `/v1/Account/${one.parentId}/Subaccount/${one.id}/`,
  };
}
