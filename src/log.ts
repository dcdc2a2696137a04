import { type DestinationStream, type Logger, pino } from 'pino';

/** Lines of JSON, on standard output unless told otherwise. What identifies a person never gets into one, see `describeError`. */
export function createLog(level: string, destination: DestinationStream = pino.destination(1)): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    // Fastify logs requests and answers by these names: only the id may stand there.
    serializers: { err: describeError, req: (request: { id?: unknown }) => ({ id: request.id }), res: () => undefined },
  };
  return pino(options, destination);
}

/**
 * An error as the log may show it. Drivers put statements and parameters, phones among them, into messages
 * and properties of their errors; so only the class, the code and the constraint are kept, and the message
 * of the innermost cause with all longer digits, and whatever stands in quotes, struck out.
 */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const cause = innermost(error);
  const { code, constraint_name: constraint } = cause as { code?: unknown; constraint_name?: unknown };
  return {
    type: cause.name,
    ...(typeof code === 'string' && { code }),
    ...(typeof constraint === 'string' && { constraint }),
    message: shown(cause.message),
    at: (error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 6)
      .map((line) => line.trim()),
  };
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

/** PostgreSQL quotes the text that it could not read, and the ORM repeats the whole statement. */
function shown(message: string): string {
  return message
    .replace(/^Failed query:.*/s, 'Failed query')
    .replace(/"[^"]*"?/g, '"…"')
    .replace(/\d{4,}/g, '…')
    .slice(0, 200);
}
