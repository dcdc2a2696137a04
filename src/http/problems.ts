import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Problem } from '../core/problem.ts';
import { isOutage } from '../service/health.ts';

/** Thrown by validation: the first fault of a request, in the words of its schema. */
export class InvalidRequest extends Error {
  readonly statusCode = 400;
  readonly problem: Problem;

  constructor(issue: z.core.$ZodIssue) {
    super('invalid request');
    const field = issue.path.map(String).join('.') || 'body';
    this.problem = { kind: 'invalid', field, rule: issue.message };
  }
}

/** Answers with a problem: Plivo's body `{"api_id","error"}` and, where Plivo has one, its text. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, text } = onTheWire(problem);
  if (problem.kind === 'unavailable') reply.header('retry-after', '1');
  return sendError(reply, status, text);
}

/** Problems, unknown addresses, refused bodies and failures: everything of the API that is no success. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof InvalidRequest) return sendProblem(reply, error.problem);
    const status = error.statusCode ?? 500;
    if (status < 500) return sendError(reply, status, REFUSALS[status] ?? 'The request could not be read.');
    if (isOutage(error)) {
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

// Texts of refusals that come from the HTTP layer itself, whose own messages may repeat what was sent.
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request body is not valid JSON.',
  401: 'Authentication failed: sign in with your auth id and auth token.',
  405: 'The method is not allowed for this URL.',
  413: 'The request body is too large.',
  414: 'The URL is too long.',
  415: 'The content type is not supported: send application/json.',
};

function onTheWire(problem: Problem): { status: number; text: string } {
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
    case 'unavailable':
      return { status: 503, text: 'The service is unavailable for a moment. Try again.' };
    default:
      return problem satisfies never;
  }
}
