import formbody from '@fastify/formbody';
import type { FastifyInstance } from 'fastify';

/** Refused before anybody looks at its fields. */
class UnreadableBody extends Error {
  readonly statusCode = 400;
}

const DEEPEST = 16;

/**
 * How bodies are read: JSON and forms. A JSON body must be one that everything behind can hold: no deeper
 * than 16 levels, and no text with NUL or half a surrogate pair, which PostgreSQL has no place for.
 * Bodies of GET and DELETE are ignored, whatever they hold: Plivo's SDKs send some.
 */
export async function readBodies(app: FastifyInstance): Promise<void> {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (request.method === 'DELETE' || body === '') return done(null, undefined);
    parseJson(request, body as string, (error, value) => {
      if (error) return done(new UnreadableBody('not JSON'));
      if (!isSane(value, 0)) return done(new UnreadableBody('not storable'));
      done(null, value);
    });
  });
  await app.register(formbody);
}

/** True for a parsed value that is not too deep and whose texts are all well formed. */
export function isSane(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= DEEPEST) return false;
  return Object.entries(value).every(([key, item]) => isSane(key) && isSane(item, depth + 1));
}
