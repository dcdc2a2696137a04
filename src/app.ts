import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Deps } from './deps.ts';
import { answerRoutes } from './http/answer.ts';
import { auditRoutes } from './http/audit.ts';
import { bookRequests } from './http/audited.ts';
import { requireAccount } from './http/auth.ts';
import { readBodies } from './http/body.ts';
import { callbackRoutes } from './http/callbacks.ts';
import { callRoutes } from './http/calls.ts';
import { connectionTestRoutes } from './http/connection-test.ts';
import { consoleRoutes } from './http/console.ts';
import { maskForConsole } from './http/console-mask.ts';
import { docsRoutes } from './http/docs.ts';
import { endpointRoutes } from './http/endpoints.ts';
import { erasureRoutes } from './http/erasure.ts';
import { exchangeRoutes } from './http/exchanges.ts';
import { healthRoutes } from './http/health.ts';
import { maskingRoutes } from './http/masking.ts';
import { numberRoutes } from './http/numbers.ts';
import { shedLoad } from './http/overload.ts';
import { policyRoutes } from './http/policy.ts';
import { poolRoutes } from './http/pool.ts';
import { handleErrors, refuseAddress } from './http/problems.ts';
import { recordingRoutes } from './http/recordings.ts';
import { reportRoutes } from './http/reports.ts';
import { useZod } from './http/schemas.ts';
import { simulateRoutes } from './http/simulate.ts';
import { subaccountRoutes } from './http/subaccounts.ts';
import { tokenRoutes } from './http/tokens.ts';
import { totalsRoutes } from './http/totals.ts';
import { traceRequests } from './http/tracing.ts';
import { rememberConnections } from './service/connections.ts';

// For all of a request to arrive: less than what its handler has, or a client that drips would get a 503.
const ARRIVAL_MS = 8_000;
const HANDLER_MS = 10_000;

/**
 * The service without a socket: every route, ready for `inject` or `listen`.
 *
 * @param describe is told of every route, for the OpenAPI document.
 */
export async function buildApp(
  deps: Deps,
  describe?: (app: FastifyInstance) => Promise<void>,
): Promise<FastifyInstance> {
  let isDraining = false;
  const app = Fastify({
    loggerInstance: deps.log as FastifyBaseLogger,
    // Its lines would carry paths and queries, which hold keys and phones.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => deps.newUuid(),
    // Whose address is counted where sign-ins fail.
    trustProxy: deps.config.trustProxy.length > 0 ? [...deps.config.trustProxy] : false,
    bodyLimit: 64 * 1024,
    frameworkErrors: refuseAddress,
    // What arrives while we end is answered like anything else: a call cannot wait for the next instance.
    return503OnClosing: false,
    requestTimeout: ARRIVAL_MS,
    // Fastify leaves the time for headers at 60 s, upon which Node takes the longer of the two for the body.
    http: { headersTimeout: ARRIVAL_MS, requestTimeout: ARRIVAL_MS, connectionsCheckingInterval: 1_000 },
    connectionTimeout: 15_000,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 200 },
  });
  app.addHook('onRoute', (route) => {
    // Webhooks have a shorter deadline of their own, and no second one to pay for.
    if (!route.url.startsWith('/answer/')) route.handlerTimeout ??= HANDLER_MS;
  });
  app.addHook('preClose', async () => {
    isDraining = true;
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    const route = routeOptions.url ?? 'none';
    if (method !== 'GET' || route.startsWith('/answer/')) deps.callbacksBooked();
    deps.metrics.requests.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (reply.problem) deps.metrics.problems.inc({ kind: reply.problem });
    request.log.debug(
      { method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'request.answered',
    );
  });
  if (deps.tracer !== null) traceRequests(app, deps.tracer);
  handleErrors(app);
  useZod(app);
  await readBodies(app);
  await describe?.(app);
  docsRoutes(app);
  healthRoutes(app, deps, () => isDraining);
  const findConnection = rememberConnections(deps);
  answerRoutes(app, deps, findConnection);
  reportRoutes(app, deps, findConnection);
  await app.register(async (scope) => consoleRoutes(scope, deps));
  await app.register(async (api) => {
    shedLoad(api);
    await requireAccount(api, deps);
    bookRequests(api, deps);
    maskForConsole(api, deps);
    await api.register(async (scope) => maskingRoutes(scope, deps, '/v1/Account/:auth_id'));
    await api.register(async (scope) => maskingRoutes(scope, deps, ''));
    await api.register(async (scope) => numberRoutes(scope, deps));
    await api.register(async (scope) => callRoutes(scope, deps));
    await api.register(async (scope) => callbackRoutes(scope, deps));
    await api.register(async (scope) => endpointRoutes(scope, deps));
    await api.register(async (scope) => recordingRoutes(scope, deps));
    await api.register(async (scope) => exchangeRoutes(scope, deps));
    await api.register(async (scope) => auditRoutes(scope, deps));
    await api.register(async (scope) => erasureRoutes(scope, deps));
    await api.register(async (scope) => totalsRoutes(scope, deps));
    await api.register(async (scope) => poolRoutes(scope, deps));
    await api.register(async (scope) => policyRoutes(scope, deps));
    await api.register(async (scope) => simulateRoutes(scope, deps));
    await api.register(async (scope) => connectionTestRoutes(scope, deps));
    await api.register(async (scope) => subaccountRoutes(scope, deps));
    await api.register(async (scope) => tokenRoutes(scope, deps));
  });
  return app;
}
