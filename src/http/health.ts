import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { isReady } from '../service/health.ts';
import { json } from './schemas.ts';

const status = z.object({ status: z.string() });

/** For whatever watches the process: is it alive, and should it get traffic? */
export function healthRoutes(app: FastifyInstance, deps: Deps, isDraining: () => boolean): void {
  app.get('/health/live', {
    schema: { tags: ['Health'], summary: 'The process is alive', response: { 200: json(status, 'Alive.') } },
    handler: async () => ({ status: 'live' }),
  });
  app.get('/health/ready', {
    schema: {
      tags: ['Health'],
      summary: 'The database is reachable and migrated',
      response: { 200: json(status, 'Send traffic.'), 503: json(status, 'Send none.') },
    },
    handler: async (_request, reply) => {
      const isUp = !isDraining() && (await isReady(deps));
      return reply.code(isUp ? 200 : 503).send({ status: isUp ? 'ready' : 'not ready' });
    },
  });
}
