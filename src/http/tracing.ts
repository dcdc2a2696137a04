import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestTracer } from '../deps.ts';

/** Follows each request from its arrival to its answer, by the pattern of its route. */
export function traceRequests(app: FastifyInstance, tracer: RequestTracer): void {
  const underWay = new WeakMap<FastifyRequest, ReturnType<RequestTracer['follow']>>();
  app.addHook('onRequest', async (request) => {
    underWay.set(request, tracer.follow([request.headers.traceparent].flat()[0]));
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    underWay.get(request)?.({ method, route: routeOptions.url ?? 'none', status: reply.statusCode });
  });
}
