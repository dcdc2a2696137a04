import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../core/problem.ts';
import { isOutage } from '../service/health.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** What the request was refused with, where we have a word for it. */
    problem?: Problem['kind'];
  }
}

/** Thrown by validation: the first fault of a request. */
export class InvalidRequest extends Error {
  readonly statusCode = 400;
  readonly problem: Problem;

  constructor(field: string, rule: string) {
    super('invalid request');
    this.problem = { kind: 'invalid', field, rule };
  }
}

/** Thrown for one request too many: it may come again after so many seconds. */
export class TooMany extends Error {
  readonly statusCode = 429;
  readonly seconds: number;

  constructor(seconds: number) {
    super('too many requests');
    this.seconds = seconds;
  }
}

/** Answers with a problem: Plivo's body `{"api_id","error"}` and, where Plivo has one, its text. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, text } = onTheWire(problem);
  reply.problem = problem.kind;
  if (problem.kind === 'unavailable') reply.header('retry-after', '1');
  return sendError(reply, status, text);
}

/** Problems, unknown addresses, refused bodies and failures: everything of the API that is no success. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof InvalidRequest) return sendProblem(reply, error.problem);
    if (error instanceof TooMany) reply.header('retry-after', String(error.seconds));
    const status = error.statusCode ?? 500;
    if (status < 500) return sendError(reply, status, REFUSALS[status] ?? 'The request could not be read.');
    if (status === 503 || isOutage(error)) {
      request.log.warn({ err: error }, 'request.unavailable');
      return sendProblem(reply, { kind: 'unavailable' });
    }
    request.log.error({ err: error }, 'request.failed');
    return sendError(reply, 500, 'Internal server error.');
  });
  app.setNotFoundHandler((_request: FastifyRequest, reply) =>
    sendError(reply, 404, 'The requested URL was not found.'),
  );
}

export function sendError(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ api_id: reply.request.id, error }));
}

/** Answers an address that has no form; fastify's own text would repeat it, with the phones and keys in it. */
export function refuseAddress(error: { statusCode?: number }, _request: unknown, reply: FastifyReply): void {
  if (error.statusCode === 414) sendError(reply, 414, 'The URL is too long.');
  else sendError(reply, 400, 'The URL cannot be read.');
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Answers 405 to the methods that an address does not have. */
export function refuseOthers(app: FastifyInstance, url: string, allowed: readonly (typeof METHODS)[number][]): void {
  app.route({
    method: METHODS.filter((method) => !allowed.includes(method)),
    url,
    schema: { hide: true },
    handler: (_request, reply) =>
      sendError(reply.header('allow', allowed.join(', ')), 405, 'The method is not allowed for this URL.'),
  });
}

/** What an address has where things are only looked at. */
export const READ_ONLY = ['GET', 'HEAD'] as const;

// Texts of refusals that come from the HTTP layer itself, whose own messages may repeat what was sent.
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request body is not valid JSON.',
  401: 'Authentication failed: sign in with your auth id and auth token.',
  413: 'The request body is too large.',
  414: 'The URL is too long.',
  415: 'The content type is not supported: send application/json.',
  429: 'Too many requests. Come back when Retry-After says.',
};

/** What a problem is to a client: its status, and Plivo's text where Plivo has one. */
export function onTheWire(problem: Problem): { status: number; text: string } {
  switch (problem.kind) {
    case 'missing':
      return { status: 400, text: `Mandatory parameter missing. ${problem.field} must be present.` };
    case 'invalid':
      return { status: 400, text: `Invalid parameter. ${problem.field} ${problem.rule}.` };
    case 'not_found':
      return { status: 404, text: `The ${problem.what} was not found.` };
    case 'session_expired':
      return { status: 400, text: 'Session already expired' };
    case 'pool_exhausted':
      return { status: 400, text: 'Number pool exhausted or not available.' };
    case 'number_leased':
      return { status: 409, text: 'The number is held by a session or its cool-off.' };
    case 'number_taken':
      return { status: 409, text: 'A number belongs to another account.' };
    case 'endpoint_paused':
      return { status: 409, text: 'The endpoint is paused. Resume it first.' };
    case 'main_account_only':
      return { status: 403, text: 'Only the main account may do this.' };
    case 'demo_account_only':
      return { status: 403, text: 'Only the demo account may book a pretended call.' };
    case 'subaccount_used':
      return { status: 409, text: 'The subaccount has numbers or live sessions.' };
    case 'key_in_use':
      return { status: 409, text: 'A request with this Idempotency-Key is still running. Try again.' };
    case 'key_reused':
      return { status: 422, text: 'This Idempotency-Key came with another body before.' };
    case 'calls_disabled':
      return { status: 403, text: 'Calls are switched off for this account.' };
    case 'unavailable':
      return { status: 503, text: 'The service is unavailable for a moment. Try again.' };
    default:
      return problem satisfies never;
  }
}
