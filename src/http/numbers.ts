import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { addNumbers, getNumber, listNumbers, removeNumber, updateNumber } from '../service/numbers.ts';
import { actorOf, scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import {
  addNumbersBody,
  changeNumberBody,
  NUMBERS_RULE,
  numberChangedSchema,
  numberListSchema,
  numberQuery,
  numberSchema,
  numbersAddedSchema,
  numberToWire,
  readNumber,
} from './number-wire.ts';
import { pageMetaOf } from './paging.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { errors, json } from './schemas.ts';

type OneNumber = { Params: { number: string } };

const ALL = '/v1/Account/:auth_id/Number/';
const ONE = `${ALL}:number/`;
const common = { tags: ['Numbers'], security: [{ basic: [] }] };
const account = z.object({ auth_id: z.string() });
const oneNumber = z.object({ auth_id: z.string(), number: z.string() });

/** The pool of virtual numbers, in the shape of Plivo's number resource. */
export function numberRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get<{ Querystring: z.output<typeof numberQuery> }>(ALL, {
    schema: {
      ...common,
      params: account,
      summary: 'List the numbers of the pool',
      querystring: numberQuery,
      response: { 200: json(numberListSchema, 'A page of numbers.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset, number_startswith: start, subaccount, alias } = request.query;
      const filter = {
        ...(start && { startsWith: start.replace(/^\D/, '') }),
        ...(subaccount && { subaccountId: subaccount }),
        ...(alias && { alias }),
      };
      const accountId = actorOf(request).id;
      const { total, numbers } = await listNumbers(deps, scopeOfRequest(request), filter, { limit, offset });
      return reply.send({
        api_id: request.id,
        meta: pageMetaOf(request.originalUrl, { limit, offset }, total),
        objects: numbers.map((number) => numberToWire(accountId, number)),
      });
    },
  });

  app.post<{ Body: z.output<typeof addNumbersBody> }>(ALL, {
    schema: {
      ...common,
      params: account,
      summary: 'Put numbers into the pool, all or none',
      body: addNumbersBody,
      response: {
        201: json(numbersAddedSchema, 'The numbers are in the pool.'),
        ...errors(400, 401, 404, 409, 413, 415, 503),
      },
    },
    handler: async (request, reply) => {
      const { numbers: texts, provider, subaccount, alias } = request.body;
      const numbers = [...new Set(texts.map(readNumber))];
      const valid = numbers.filter((number) => number !== null);
      if (valid.length < numbers.length) {
        return sendProblem(reply, { kind: 'invalid', field: 'numbers', rule: NUMBERS_RULE });
      }
      const wish = {
        ...(provider && { provider }),
        ...(subaccount && { subaccountId: subaccount }),
        ...(alias && { alias }),
      };
      const refusal = await addNumbers(deps, scopeOfRequest(request), valid, wish);
      if (refusal) return sendProblem(reply, refusal.problem);
      const added = valid.map((number) => ({ number: number.slice(1), status: 'Success' }));
      return reply.code(201).send({ api_id: request.id, message: 'created', numbers: added });
    },
  });

  app.get<OneNumber>(ONE, {
    schema: {
      ...common,
      params: oneNumber,
      summary: 'Get a number',
      response: { 200: json(numberSchema, 'The number.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const number = readNumber(request.params.number);
      if (number === null) return sendProblem(reply, NOT_FOUND);
      const found = await getNumber(deps, scopeOfRequest(request), number);
      if (isRefused(found)) return sendProblem(reply, found.problem);
      return reply.send({ api_id: request.id, ...numberToWire(actorOf(request).id, found) });
    },
  });

  app.post<OneNumber & { Body: z.output<typeof changeNumberBody> }>(ONE, {
    schema: {
      ...common,
      params: oneNumber,
      summary: 'Change a number',
      body: changeNumberBody,
      response: { 202: json(numberChangedSchema, 'The number is changed.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const number = readNumber(request.params.number);
      if (number === null) return sendProblem(reply, NOT_FOUND);
      const { alias, subaccount, provider } = request.body;
      const refusal = await updateNumber(deps, scopeOfRequest(request), number, {
        ...(alias !== undefined && { alias }),
        ...(subaccount !== undefined && { subaccountId: subaccount || null }),
        ...(provider !== undefined && { provider }),
      });
      if (refusal) return sendProblem(reply, refusal.problem);
      return reply.code(202).send({ api_id: request.id, message: 'changed' });
    },
  });

  app.delete<OneNumber>(ONE, {
    schema: {
      ...common,
      params: oneNumber,
      summary: 'Take a number out of the pool',
      response: { 204: { description: 'The number has left the pool.' }, ...errors(400, 401, 404, 409, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const number = readNumber(request.params.number);
      if (number === null) return sendProblem(reply, NOT_FOUND);
      const refusal = await removeNumber(deps, scopeOfRequest(request), number);
      return refusal ? sendProblem(reply, refusal.problem) : reply.code(204).send();
    },
  });

  refuseOthers(app, ALL, ['GET', 'HEAD', 'POST']);
  refuseOthers(app, ONE, ['GET', 'HEAD', 'POST', 'DELETE']);
}

const NOT_FOUND = { kind: 'not_found', what: 'number' } as const;
