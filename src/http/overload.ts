import { finished } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from './problems.ts';

const TICK_MS = 50;
// Late on average, over some twenty turns of the loop: a long turn now and then is no overload.
const TOO_LATE_MS = 200;
const WEIGHT = 0.1;
// However long one turn is, it counts for no more than this.
const MOST_MS = 1_000;

/**
 * Refuses requests of the API with 503 while the process has more to do than it can, before anything is done for
 * them: an app asks again, and the caller whose answer they would have delayed cannot.
 */
export function shedLoad(api: FastifyInstance): void {
  let last = performance.now();
  let lateMs = 0;
  const tick = setInterval(() => {
    const now = performance.now();
    lateMs += WEIGHT * (Math.min(now - last - TICK_MS, MOST_MS) - lateMs);
    last = now;
  }, TICK_MS);
  tick.unref();
  api.addHook('onClose', async () => clearInterval(tick));
  api.addHook('onRequest', async (_request, reply) => {
    if (lateMs > TOO_LATE_MS) return sendProblem(reply, { kind: 'unavailable' });
  });
}

// In fair weather a handful. Far more come at once when a database is back for which they had to wait.
const REPORTS_AT_ONCE = 128;

/**
 * A hook for what providers report of calls, which they do again where it was refused: above so many under way it is
 * refused with 503, so that the callers of that moment do not wait behind all calls that have ended before.
 */
export function boundReports() {
  let underWay = 0;
  return async (_request: FastifyRequest, reply: FastifyReply) => {
    underWay += 1;
    // Also where its sender has gone away, of which Fastify's own hook does not hear.
    finished(reply.raw, () => {
      underWay -= 1;
    });
    if (underWay > REPORTS_AT_ONCE) return sendProblem(reply, { kind: 'unavailable' });
  };
}
