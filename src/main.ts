import { randomInt, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import type { Deps } from './deps.ts';
import { startTimetable } from './jobs/timetable.ts';
import { createLog, describeError } from './log.ts';
import { callbackRequest } from './outbound/callback-request.ts';
import { guardedAgent } from './outbound/guard.ts';
import { placeCall, placingAgent } from './outbound/place-call.ts';
import { sendCallback } from './outbound/send-callback.ts';
import { applyBootstrap, type Bootstrap, BootstrapError, parseBootstrap } from './service/bootstrap.ts';
import { startDispatcher } from './service/callbacks.ts';
import { demoBootstrap, demoText } from './service/demo.ts';
import { startExchangeLog } from './service/exchanges.ts';
import { startPlacer } from './service/placements.ts';
import { hasNoAccounts } from './store/accounts.ts';
import { connect, disconnect, isOutage, sqlState } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { migrate, whileAlone } from './store/migrate.ts';
import { openVault } from './store/vault.ts';
import { isRightKey } from './store/vault-check.ts';

// All of an orderly end, below the 10 s that supervisors commonly give, and its parts.
const GRACE_MS = 8_500;
const REQUESTS_GRACE_MS = 3_000;
const JOBS_GRACE_MS = 1_000;
const LOG_GRACE_MS = 500;
const SENDERS_GRACE_MS = 2_500;
const DATABASE_GRACE_MS = 1_500;

/** The process: read the settings, open everything in order, close it in reverse. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const declared = config.bootstrapFile === null ? null : parseBootstrap(readBootstrap(config.bootstrapFile));
  const log = createLog(config.logLevel);
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.reverse()) {
      await closer().catch((err: unknown) => log.warn({ err }, 'process.close_failed'));
    }
  };
  closeWithGrace({ delay: GRACE_MS, logger: false }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'process.failed');
    else log.info({ signal }, 'process.closing');
    await close();
  });

  const databaseUrl = config.databaseUrl ?? (await startOwnDatabase(config, log, closers));
  const db = connect(databaseUrl, { connections: 10, statementTimeoutMs: 5_000 });
  const answerDb = connect(databaseUrl, { connections: 10, statementTimeoutMs: 1_500 });
  closers.push(async () => {
    await Promise.all([disconnect(db, 1), disconnect(answerDb, 1)]);
  });
  const vault = openVault(config.masterKey);
  const agent = guardedAgent({ allowPrivate: config.callbackAllowPrivate });
  closers.push(() => agent.destroy());
  const providerAgent = placingAgent();
  closers.push(() => providerAgent.destroy());
  const exchanges = startExchangeLog({ db, vault, log, newUuid: randomUUID });
  closers.push(() => atMost(LOG_GRACE_MS, exchanges.close()));
  const reach: Omit<Deps, 'placer'> = {
    exchanges,
    config,
    db,
    answerDb,
    vault,
    log,
    now: () => new Date(),
    random: (below) => randomInt(below),
    newUuid: randomUUID,
    newKey: () => nanoid(32),
    send: (callback) => sendCallback(agent, callbackRequest(callback)),
    placeCall: (call) => placeCall(providerAgent, call),
  };
  const deps: Deps = { ...reach, placer: startPlacer(reach) };
  const demo = await whileAlone(databaseUrl, async () => {
    await migrate(databaseUrl);
    if (await isRightKey(db, vault)) return bootstrap(deps, declared);
    throw new ConfigError('MASTER_KEY is not the key that this database was written with');
  });

  const dispatcher = startDispatcher(deps);
  closers.push(async () => {
    await Promise.all([dispatcher, deps.placer].map((sender) => atMost(SENDERS_GRACE_MS, sender.close())));
  });
  const timetable = startTimetable(deps, dispatcher);
  closers.push(() => atMost(JOBS_GRACE_MS, timetable.stop()));
  const app = await buildApp(deps);
  closers.push(() => closeApp(app));
  await app.listen({ host: config.host, port: config.port });
  process.stdout.write(`Bauta listens on ${config.publicUrl}\n${demo ? demoText(demo, config.publicUrl) : ''}`);
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

/** What is not done by then is cut off by what is closed next. */
function atMost(ms: number, work: Promise<void>): Promise<void> {
  return Promise.race([work, new Promise<void>((resolve) => setTimeout(resolve, ms))]);
}

async function startOwnDatabase(config: Config, log: Logger, closers: (() => Promise<void>)[]): Promise<string> {
  const onExit = (code: number) => {
    // Without it every request fails, and only a new start brings it back.
    log.fatal({ code }, 'database.ended');
    process.exit(1);
  };
  const server = await startEmbedded({ directory: join(config.dataDir, 'pg'), onExit }).catch((cause: unknown) => {
    throw new ConfigError(cause instanceof Error ? cause.message : 'PostgreSQL did not start', { cause });
  });
  // Its watchdog goes on with it when we are gone.
  closers.push(() => atMost(DATABASE_GRACE_MS, server.stop()));
  return server.url;
}

/** Applies the bootstrap file, or makes a demo in an empty store. @returns the demo when it was made now. */
async function bootstrap(deps: Deps, declared: Bootstrap | null): Promise<Bootstrap | null> {
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

/** What an operator can mend, in words; null for a fault of ours. */
function startFault(error: unknown): string | null {
  if (error instanceof ConfigError || error instanceof BootstrapError) return error.message;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (syscall === 'listen') return `HOST and PORT cannot be listened on (${code}).`;
  return isOutage(error) ? `DATABASE_URL: the database cannot be reached (${sqlState(error)}).` : null;
}

main().catch((error: unknown) => {
  process.stderr.write(`${startFault(error) ?? JSON.stringify(describeError(error))}\n`);
  process.exit(1);
});
