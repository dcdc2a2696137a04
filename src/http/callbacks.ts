import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import {
  getCallback,
  listCallbacks,
  resendCallback,
  resendRange,
  rotateSigningSecret,
} from '../service/callback-log.ts';
import { actorOf, scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { callbackQuery, resendBody, toCallbackFilter } from './callback-query.ts';
import {
  callbackListSchema,
  callbackSchema,
  callbackToWire,
  doneSchema,
  secretSchema,
  secretToWire,
} from './callback-wire.ts';
import { idInPath } from './fields.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { errors, json } from './schemas.ts';

type OneCallback = { Params: { callback_id: string } };

const ALL = '/v1/Account/:auth_id/Masking/Callback/';
const ONE = `${ALL}:callback_id/`;
const common = { tags: ['Callbacks'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };
const oneCallback = { params: z.object({ auth_id: z.string(), callback_id: z.string() }) };

/** What became of the account's callbacks, for its operators: look, send again, rotate the secret. */
export function callbackRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  logRoutes(app, deps);
  resendRoutes(app, deps);

  app.post(`${ALL}Secret/`, {
    schema: {
      ...common,
      summary: 'Rotate the signing secret',
      description:
        'Until the first rotation callbacks are signed with the auth token. The former secret stays valid for 24 hours: callbacks carry both signatures until then.',
      response: {
        201: json(secretSchema, 'The new secret, shown this once.'),
        ...errors(400, 401, 404, 413, 415, 503),
      },
    },
    handler: async (request, reply) => {
      const rotated = await rotateSigningSecret(deps, actorOf(request).id);
      return reply.code(201).send({ api_id: request.id, ...secretToWire(rotated) });
    },
  });
}

function logRoutes(app: FastifyInstance, deps: Deps): void {
  app.get<{ Querystring: z.output<typeof callbackQuery> }>(ALL, {
    schema: {
      ...common,
      summary: 'List callbacks and their attempts, newest first',
      description: 'Of the last 7 days, unless times or a session are given.',
      querystring: callbackQuery,
      response: { 200: json(callbackListSchema, 'A page of callbacks.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset } = request.query;
      const filter = toCallbackFilter(request.query, deps.now());
      if (isRefused(filter)) return sendProblem(reply, filter.problem);
      const { total, callbacks } = await listCallbacks(deps, scopeOfRequest(request), filter, { limit, offset });
      const meta = pageMetaOf(request.originalUrl, { limit, offset }, total);
      return reply.send({ api_id: request.id, meta, objects: callbacks.map(callbackToWire) });
    },
  });

  app.get<OneCallback>(ONE, {
    schema: {
      ...common,
      ...oneCallback,
      summary: 'Get a callback and its attempts',
      response: { 200: json(callbackSchema, 'The callback.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const callback = await getCallback(deps, scopeOfRequest(request), idInPath(request.params.callback_id));
      if (isRefused(callback)) return sendProblem(reply, callback.problem);
      return reply.send({ api_id: request.id, ...callbackToWire(callback) });
    },
  });

  refuseOthers(app, ALL, READ_ONLY);
}

function resendRoutes(app: FastifyInstance, deps: Deps): void {
  app.post<OneCallback>(`${ONE}Resend/`, {
    schema: {
      ...common,
      ...oneCallback,
      summary: 'Send a callback again',
      description: 'At once, and by the whole schedule if need be; also one that was delivered. Its id and body stay.',
      response: { 202: json(doneSchema, 'The callback is due.'), ...errors(400, 401, 404, 409, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const refusal = await resendCallback(deps, scopeOfRequest(request), idInPath(request.params.callback_id));
      if (refusal) return sendProblem(reply, refusal.problem);
      return reply.code(202).send({ api_id: request.id, message: 'resent', count: 1 });
    },
  });

  app.post<{ Body: z.output<typeof resendBody> }>(`${ALL}Resend/`, {
    schema: {
      ...common,
      summary: 'Send the callbacks of a time again',
      description: 'Those of paused endpoints stay as they are.',
      body: resendBody,
      response: { 202: json(doneSchema, 'The callbacks are due.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const filter = toCallbackFilter(request.body, deps.now());
      if (isRefused(filter)) return sendProblem(reply, filter.problem);
      const count = await resendRange(deps, scopeOfRequest(request), filter);
      if (isRefused(count)) return sendProblem(reply, count.problem);
      return reply.code(202).send({ api_id: request.id, message: 'resent', count });
    },
  });
}
