import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import Fastify, { type FastifyInstance } from 'fastify';
import { handleErrors } from './problems.ts';

// The same place seen from src/http and from the bundle.
const FILE = fileURLToPath(new URL('../../openapi/openapi.json', import.meta.url));

/** The OpenAPI document at `/openapi.json`, for readers at `/docs`. */
export function docsRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(await readFile(FILE)),
  );
  // Most processes are never asked for them, so the first reader waits for what only readers need.
  let pages: Promise<FastifyInstance> | null = null;
  for (const url of ['/docs', '/docs/*']) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => {
      pages ??= buildPages();
      const { routing } = await pages;
      reply.hijack();
      routing(request.raw, reply.raw);
    });
  }
}

async function buildPages(): Promise<FastifyInstance> {
  const app = Fastify({ genReqId: () => randomUUID() });
  handleErrors(app);
  await app.register(import('@fastify/swagger'), { mode: 'static', specification: { path: FILE, baseDir: '' } });
  await app.register(import('@fastify/swagger-ui'), { routePrefix: '/docs' });
  await app.ready();
  return app;
}
