import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { createSession } from '../service/create-session.ts';
import { eraseSession } from '../service/erasure.ts';
import { phoneRules } from '../service/parties.ts';
import { deleteSession, getSession, listSessions, updateSession } from '../service/sessions.ts';
import { actorOf, scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { flag, idInPath } from './fields.ts';
import { idempotencyHeaders, takeIdempotencyKeys } from './idempotency.ts';
import { canonicalQuery, listQuery, toFilter } from './masking-list.ts';
import { createdSchema, deletedSchema, gotSchema, listedSchema, updatedSchema } from './masking-schemas.ts';
import { canonicalBody, createBody, toWire, toWish, updateBody, warningOf } from './masking-wire.ts';
import { pageMetaOf } from './paging.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { errors, json } from './schemas.ts';

type Body<T extends z.ZodType> = { Body: z.output<T> };
type OneSession = { Params: { session_uuid: string } };

const common = { tags: ['Masking sessions'], security: [{ basic: [] }] };
const deleteQuery = z.object({
  erase: flag()
    .optional()
    .describe('Removes phones, PINs and keyed digits of the session and its calls as well, also where it has ended.'),
});

/** The masking sessions of the account in the path, or of the one that signed in. */
export function maskingRoutes(app: FastifyInstance, deps: Deps, prefix: string): void {
  const account = prefix.includes(':auth_id') ? { params: z.object({ auth_id: z.string() }) } : {};
  const oneSession = { params: z.object({ ...account.params?.shape, session_uuid: z.string() }) };
  const all = `${prefix}/Masking/Session/`;
  const one = `${all}:session_uuid/`;
  refuseUnstorable(app);
  takeIdempotencyKeys(app, deps);
  app.addHook('preValidation', async (request) => {
    if (request.method === 'POST') request.body = canonicalBody(request.body);
    if (request.method === 'GET') request.query = canonicalQuery(request.query);
  });

  app.post<Body<typeof createBody>>(all, {
    schema: {
      ...common,
      ...account,
      summary: 'Create a session',
      headers: idempotencyHeaders,
      body: createBody,
      response: {
        201: json(createdSchema, 'The session and its virtual number.'),
        ...errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
      },
    },
    handler: async (request, reply) => {
      const session = await createSession(deps, scopeOfRequest(request), toWish(request.body), request.keyed);
      if (isRefused(session)) return sendProblem(reply, session.problem);
      return reply.code(201).send({
        api_id: request.id,
        session_uuid: session.id,
        virtual_number: session.virtualNumber,
        message: 'Session created',
        ...warningOf(session.pinGuessChance),
        session: toWire(session, deps.config.publicUrl),
      });
    },
  });

  app.get<{ Querystring: z.output<typeof listQuery> }>(all, {
    schema: {
      ...common,
      ...account,
      summary: 'List sessions, newest first',
      querystring: listQuery,
      response: { 200: json(listedSchema, 'A page of sessions.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { first_party, second_party, virtual_number } = request.query;
      const rules = await phoneRules(deps, scopeOfRequest(request), [first_party, second_party, virtual_number]);
      const filter = toFilter(request.query, rules, deps.now());
      if (isRefused(filter)) return sendProblem(reply, filter.problem);
      const { limit, offset } = request.query;
      const { total, sessions } = await listSessions(deps, scopeOfRequest(request), filter, { limit, offset });
      const base = `/v1/Account/${actorOf(request).id}/Masking/Session/`;
      const objects = sessions.map((session) => ({
        ...toWire(session, deps.config.publicUrl),
        resource_uri: `${base}${session.id}/`,
      }));
      const meta = pageMetaOf(`${base}?${request.originalUrl.split('?')[1] ?? ''}`, { limit, offset }, total);
      return reply.send({ api_id: request.id, response: { meta, objects } });
    },
  });

  app.get<OneSession>(one, {
    schema: {
      ...common,
      ...oneSession,
      summary: 'Get a session',
      response: { 200: json(gotSchema, 'The session.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const session = await getSession(deps, scopeOfRequest(request), idInPath(request.params.session_uuid));
      if (isRefused(session)) return sendProblem(reply, session.problem);
      return reply.send({ api_id: request.id, response: toWire(session, deps.config.publicUrl) });
    },
  });

  app.post<OneSession & Body<typeof updateBody>>(one, {
    schema: {
      ...common,
      ...oneSession,
      summary: 'Change a live session',
      description:
        'A new `session_expiry` counts from now. Parties change only where the session was created with one.',
      headers: idempotencyHeaders,
      body: updateBody,
      response: {
        200: json(updatedSchema, 'The session as it is now.'),
        ...errors(400, 401, 404, 409, 413, 415, 422, 503),
      },
    },
    handler: async (request, reply) => {
      const session = await updateSession(
        deps,
        scopeOfRequest(request),
        idInPath(request.params.session_uuid),
        toWish(request.body),
      );
      if (isRefused(session)) return sendProblem(reply, session.problem);
      return reply.send({
        api_id: request.id,
        message: 'Session updated',
        session: toWire(session, deps.config.publicUrl),
      });
    },
  });

  app.delete<OneSession & { Querystring: z.output<typeof deleteQuery> }>(one, {
    schema: {
      ...common,
      ...oneSession,
      summary: 'End a session now',
      querystring: deleteQuery,
      response: {
        200: json(deletedSchema, 'The session has ended; it stays readable.'),
        ...errors(400, 401, 404, 413, 415, 503),
      },
    },
    handler: async (request, reply) => {
      const { erase } = request.query;
      const verb = erase ? eraseSession : deleteSession;
      const problem = await verb(deps, scopeOfRequest(request), idInPath(request.params.session_uuid));
      if (problem) return sendProblem(reply, problem.problem);
      return reply.send({ api_id: request.id, message: erase ? 'Session erased' : 'Session expired' });
    },
  });

  refuseOthers(app, all, ['GET', 'HEAD', 'POST']);
  refuseOthers(app, one, ['GET', 'HEAD', 'POST', 'DELETE']);
}
