import formbody from '@fastify/formbody';
import type { FastifyInstance } from 'fastify';
import { InvalidRequest } from './problems.ts';

/** Refused before anybody looks at its fields. */
class UnreadableBody extends Error {
  readonly statusCode = 400;
}

const DEEPEST = 16;
const TEXT_RULE = 'should be text without NUL and without half a surrogate pair';
const DEPTH_RULE = `should be nested less than ${DEEPEST} levels deep`;

/**
 * How bodies are read: JSON and forms. A JSON body must be one that everything behind can hold, see
 * `refuseUnstorable`. Bodies of GET and DELETE are ignored, whatever they hold: Plivo's SDKs send some.
 */
export async function readBodies(app: FastifyInstance): Promise<void> {
  // Node undoes chunks and nothing else: a body that was packed as well would be read as it stands.
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (/^(chunked)?$/i.test(headers['transfer-encoding'] ?? '')) return;
    reply.header('connection', 'close');
    throw new InvalidRequest('transfer-encoding', 'should be chunked');
  });
  const parseJson = app.getDefaultJsonParser('remove', 'remove');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (request.method === 'DELETE' || body === '') return done(null, undefined);
    parseJson(request, body as string, (error, value) => {
      if (error) return done(new UnreadableBody('not JSON'));
      const fault = findUnstorable(value);
      done(fault, fault === null ? value : undefined);
    });
  });
  await app.register(formbody);
}

/**
 * Refuses addresses, queries and bodies of every kind that nothing behind can hold: deeper than 16 levels, or with NUL
 * or half a surrogate pair in a text, which PostgreSQL has no place for.
 */
export function refuseUnstorable(app: FastifyInstance): void {
  app.addHook('preValidation', async ({ method, params, query, body }) => {
    const fault =
      findUnstorable(params) ?? findUnstorable(query) ?? (method === 'DELETE' ? null : findUnstorable(body));
    if (fault !== null) throw fault;
  });
}

/** The first text or depth in a value that nothing behind can hold. */
export function findUnstorable(value: unknown): InvalidRequest | null {
  if (typeof value !== 'object' || value === null) return faultOf('body', value, 0);
  for (const [key, item] of Object.entries(value)) {
    // A name that is none of ours is not repeated: it may be anything.
    const field = /^[A-Za-z_]{1,64}$/.test(key) ? key : 'body';
    const fault = faultOf('body', key, 1) ?? faultOf(field, item, 1);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOf(field: string, value: unknown, depth: number): InvalidRequest | null {
  const rule = brokenRule(value, depth);
  return rule === null ? null : new InvalidRequest(field, rule);
}

function brokenRule(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? TEXT_RULE : null;
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= DEEPEST) return DEPTH_RULE;
  for (const [key, item] of Object.entries(value)) {
    const rule = brokenRule(key, depth) ?? brokenRule(item, depth + 1);
    if (rule !== null) return rule;
  }
  return null;
}
