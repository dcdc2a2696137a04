import cluster from 'node:cluster';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { type Config, ConfigError } from './config.ts';
import type { Deps } from './deps.ts';
import { collectFigures, serveMetrics, servePage } from './http/metrics.ts';
import { newKey, newUuid } from './ids.ts';
import { startTimetable } from './jobs/timetable.ts';
import { createMetrics, watchPool } from './metrics.ts';
import { openKeys } from './open-database.ts';
import { callbackRequest } from './outbound/callback-request.ts';
import { guardedAgent } from './outbound/guard.ts';
import { placeCall, placingAgent } from './outbound/place-call.ts';
import { sendCallback } from './outbound/send-callback.ts';
import { ANSWER_CONNECTIONS, API_CONNECTIONS, atMost, type Process, WATCH_CONNECTIONS } from './process.ts';
import { startAuditLog } from './service/audit.ts';
import { applyBootstrap, type Bootstrap, BootstrapError, parseBootstrap } from './service/bootstrap.ts';
import { type Dispatcher, startDispatcher } from './service/callbacks.ts';
import { demoBootstrap, demoText } from './service/demo.ts';
import { startExchangeLog } from './service/exchanges.ts';
import { startPlacer } from './service/placements.ts';
import { startFailureLog } from './service/signature-failures.ts';
import { warmUp, warmUpRest } from './service/warm-up.ts';
import { hasNoAccounts } from './store/accounts.ts';
import { connect, disconnect, isOutage, type PoolOptions, sqlState } from './store/connect.ts';
import { migrate } from './store/migrate.ts';
import { openVault } from './store/vault.ts';
import { isFirst, startWorkers, tellFigures } from './workers.ts';

const REQUESTS_GRACE_MS = 3_000;
const JOBS_GRACE_MS = 1_000;
const LOG_GRACE_MS = 500;
const SENDERS_GRACE_MS = 2_500;
// Of those that answer: enough for both cores of a small machine. It listens with them, and opens the rest meanwhile.
const FIRST_CONNECTIONS = 2;
// Where there are workers: theirs.
const WORKERS_GRACE_MS = 8_000;

// A protocol violation: what PgBouncer calls everything that it does not do.
const POOLER_REFUSES = '08P01';
const POOLER_ADVICE = 'If it is a PgBouncer, DATABASE_DIRECT_URL has to name the PostgreSQL behind it; see the README.';

/** What the bootstrap file declares. @throws BootstrapError with all its faults. */
export function readDeclared({ bootstrapFile }: Config): Bootstrap | null {
  return bootstrapFile === null || !isFirst() ? null : parseBootstrap(readBootstrap(bootstrapFile));
}

/** Opens everything in order upon a database that answers, and listens. */
export async function serve(
  { config, log, closers }: Process,
  databaseUrl: string,
  declared: Bootstrap | null,
): Promise<void> {
  const directUrl = config.databaseDirectUrl ?? databaseUrl;
  const metrics = createMetrics();
  const pool = (name: Parameters<typeof watchPool>[1], own: PoolOptions) => {
    const isPooled = config.databaseDirectUrl !== null;
    return connect(databaseUrl, { ...own, isPooled, watch: watchPool(metrics, name, own.connections) });
  };
  const db = pool('api', { connections: API_CONNECTIONS, statementTimeoutMs: 5_000, isByIndex: true });
  const answering = { statementTimeoutMs: 1_500, isByIndex: true, isPlannedOnce: true };
  const answerDb = pool('answers', { connections: ANSWER_CONNECTIONS, ...answering });
  const watchDb = pool('watch', { connections: WATCH_CONNECTIONS, statementTimeoutMs: 1_000 });
  closers.push(async () => {
    await Promise.all([db, answerDb, watchDb].map((one) => disconnect(one, 1)));
  });
  // Loaded only where somebody collects traces.
  const tracer = config.traceEndpoint && (await import('./tracing.ts')).startTracing(config.traceEndpoint);
  if (tracer) closers.push(() => atMost(LOG_GRACE_MS, tracer.close()));
  const { vault, demo } = await migrate(directUrl, async () => {
    const opened = openVault(await openKeys(db, config));
    return { vault: opened, demo: isFirst() ? await bootstrap({ db, vault: opened, newKey }, declared) : null };
  });
  const agent = guardedAgent({ allowPrivate: config.callbackAllowPrivate });
  closers.push(() => agent.destroy());
  const providerAgent = placingAgent();
  closers.push(() => providerAgent.destroy());
  const exchanges = startExchangeLog({ db, vault, log, newUuid });
  const audit = startAuditLog({ db, log });
  const signatureFailures = startFailureLog({ db });
  const endings = () => [exchanges.close(), audit.close(), signatureFailures.flush()];
  closers.push(() => atMost(LOG_GRACE_MS, Promise.all(endings())));
  let dispatcher: Dispatcher | null = null;
  const reach: Omit<Deps, 'placer'> = {
    exchanges,
    audit,
    signatureFailures,
    config,
    db,
    answerDb,
    watchDb,
    vault,
    log,
    metrics,
    tracer: tracer || null,
    now: () => new Date(),
    random: (below) => randomInt(below),
    newUuid,
    newKey,
    callbacksBooked: () => dispatcher?.booked(),
    holdCallbacks: () => dispatcher?.hold() ?? (() => {}),
    send: (callback) => sendCallback(agent, callbackRequest(callback)),
    placeCall: (call) => placeCall(providerAgent, call),
  };
  const deps: Deps = { ...reach, placer: startPlacer(reach) };

  const sender = startDispatcher(deps);
  dispatcher = sender;
  closers.push(async () => {
    await Promise.all([sender, deps.placer].map((one) => atMost(SENDERS_GRACE_MS, one.close())));
  });
  const timetable = startTimetable(deps, sender);
  closers.push(() => atMost(JOBS_GRACE_MS, timetable.stop()));
  if (cluster.isWorker) tellFigures(collectFigures(deps));
  else if (config.metrics !== null) closers.push((await serveMetrics(deps, config.metrics).catch(metricsFault)).close);
  // Of use, not needed: whether the database answers is for readiness to say.
  const coldStart = (err: unknown) => log.warn({ err }, 'warm_up.failed');
  await warmUp(deps, FIRST_CONNECTIONS).catch(coldStart);
  const app = await buildApp(deps);
  closers.push(() => closeApp(app));
  await app.listen({ host: config.host, port: config.port });
  let isClosing = false;
  void warmUpRest(deps, FIRST_CONNECTIONS, ANSWER_CONNECTIONS, () => !isClosing).catch(coldStart);
  closers.push(async () => {
    isClosing = true;
  });
  if (!isFirst()) return;
  process.stdout.write(`Bauta listens on ${config.publicUrl}\n${demo ? demoText(demo, config.publicUrl) : ''}`);
}

/** The first of several processes: it owns the database and the ports, the others do the work. */
export async function lead({ config, log, closers }: Process, databaseUrl: string): Promise<void> {
  const workers = await startWorkers(
    log,
    config.workers,
    config.databaseUrl === null ? { DATABASE_URL: databaseUrl } : {},
  );
  closers.push(() => workers.close(WORKERS_GRACE_MS));
  if (config.metrics === null) return;
  closers.push((await servePage(workers.metrics, log, config.metrics).catch(metricsFault)).close);
}

/**
 * Lets the requests under way finish. Connections are closed one by one as they become idle, for their clients
 * would keep them open; and in the end those of clients that are stuck in the middle of a request.
 */
async function closeApp(app: FastifyInstance): Promise<void> {
  const began = Date.now();
  const sweep = setInterval(() => {
    if (Date.now() - began < REQUESTS_GRACE_MS) app.server.closeIdleConnections();
    else app.server.closeAllConnections();
  }, 50);
  await app.close().finally(() => clearInterval(sweep));
}

/** Applies the bootstrap file, or makes a demo in an empty store. @returns the demo when it was made now. */
async function bootstrap(
  deps: Pick<Deps, 'db' | 'vault' | 'newKey'>,
  declared: Bootstrap | null,
): Promise<Bootstrap | null> {
  if (declared !== null) {
    await applyBootstrap(deps, declared);
    return null;
  }
  if (!(await hasNoAccounts(deps.db))) return null;
  const demo = demoBootstrap(deps);
  await applyBootstrap(deps, demo);
  return demo;
}

function readBootstrap(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BootstrapError(`The bootstrap file cannot be read: ${cause instanceof Error ? cause.message : file}`);
  }
}

function metricsFault(error: NodeJS.ErrnoException): never {
  throw new ConfigError(`METRICS_HOST and METRICS_PORT cannot be listened on (${error.code}).`);
}

/** What an operator can mend, in words; null for a fault of ours. */
export function startFault(error: unknown): string | null {
  if (error instanceof ConfigError || error instanceof BootstrapError) return error.message;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  // Of a worker it is the first process that binds.
  if (syscall === 'listen' || syscall === 'bind') return `HOST and PORT cannot be listened on (${code}).`;
  if (sqlState(error) === POOLER_REFUSES) return `DATABASE_URL: refused (${POOLER_REFUSES}). ${POOLER_ADVICE}`;
  return isOutage(error) ? `DATABASE_URL: the database cannot be reached (${sqlState(error)}).` : null;
}
