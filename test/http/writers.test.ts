import type { RouteOptions } from 'fastify';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { buildApp } from '../../src/app.ts';
import { writerOf } from '../../src/http/schemas.ts';
import { startService } from '../support/service.ts';

/** Every zod schema somewhere below. */
function schemasIn(node: unknown): z.ZodType[] {
  if (node instanceof z.ZodType) return [node];
  return typeof node === 'object' && node !== null ? Object.values(node).flatMap(schemasIn) : [];
}

// They are made at the first answer of their kind, where a fault would be an app's to find.
it('what writes an answer can be made for each answer of each route', async () => {
  const { deps, close } = await startService();
  const routes: RouteOptions[] = [];
  const app = await buildApp(deps, async (app) => {
    app.addHook('onRoute', (route) => {
      routes.push(route);
    });
  });
  await app.ready();
  const schemas = routes.flatMap(({ schema }) => schemasIn(schema?.response));
  expect(schemas.length).toBeGreaterThan(100);
  for (const schema of schemas) expect(typeof writerOf(schema)).toBe('function');
  await app.close();
  await close();
});
