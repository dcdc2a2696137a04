import { randomInt, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { nanoid } from 'nanoid';
import { buildApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import type { Deps } from './deps.ts';
import { startTimetable } from './jobs/timetable.ts';
import { createLog, describeError } from './log.ts';
import { callbackRequest } from './outbound/callback-request.ts';
import { guardedAgent } from './outbound/guard.ts';
import { sendCallback } from './outbound/send-callback.ts';
import { applyBootstrap, type Bootstrap, BootstrapError, parseBootstrap } from './service/bootstrap.ts';
import { startDispatcher } from './service/callbacks.ts';
import { demoBootstrap, demoText } from './service/demo.ts';
import { hasNoAccounts } from './store/accounts.ts';
import { connect, disconnect } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { migrate, whileAlone } from './store/migrate.ts';
import { openVault } from './store/vault.ts';
import { isRightKey } from './store/vault-check.ts';

// All of an orderly end, below the 10 s that supervisors commonly give.
const GRACE_MS = 9_500;
const CALLBACKS_GRACE_MS = 4_000;

/** The process: read the settings, open everything in order, close it in reverse. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
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

  const databaseUrl = config.databaseUrl ?? (await startOwnDatabase(config, closers));
  const db = connect(databaseUrl, { connections: 10, statementTimeoutMs: 5_000 });
  const answerDb = connect(databaseUrl, { connections: 10, statementTimeoutMs: 1_500 });
  closers.push(async () => {
    await Promise.all([disconnect(db, 1), disconnect(answerDb, 1)]);
  });
  const vault = openVault(config.masterKey);
  const agent = guardedAgent({ allowPrivate: config.callbackAllowPrivate });
  closers.push(() => agent.destroy());
  const deps: Deps = {
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
  };
  const demo = await whileAlone(databaseUrl, async () => {
    await migrate(databaseUrl);
    if (await isRightKey(db, vault)) return bootstrap(deps);
    throw new ConfigError('MASTER_KEY is not the key that this database was written with');
  });

  const dispatcher = startDispatcher(deps);
  closers.push(() =>
    Promise.race([dispatcher.close(), new Promise<void>((resolve) => setTimeout(resolve, CALLBACKS_GRACE_MS))]),
  );
  const timetable = startTimetable(deps, dispatcher);
  closers.push(() => timetable.stop());
  const app = await buildApp(deps);
  closers.push(() => app.close());
  await app.listen({ host: config.host, port: config.port });
  process.stdout.write(`Bauta listens on ${config.publicUrl}\n${demo ? demoText(demo, config.publicUrl) : ''}`);
}

async function startOwnDatabase(config: Config, closers: (() => Promise<void>)[]): Promise<string> {
  const server = await startEmbedded({ directory: join(config.dataDir, 'pg') });
  closers.push(() => server.stop());
  return server.url;
}

/** Applies the bootstrap file, or makes a demo in an empty store. @returns the demo when it was made now. */
async function bootstrap(deps: Deps): Promise<Bootstrap | null> {
  const { bootstrapFile } = deps.config;
  if (bootstrapFile !== null) {
    await applyBootstrap(deps, parseBootstrap(readFileSync(bootstrapFile, 'utf8')));
    return null;
  }
  if (!(await hasNoAccounts(deps.db))) return null;
  const demo = demoBootstrap(deps);
  await applyBootstrap(deps, demo);
  return demo;
}

main().catch((error: unknown) => {
  const isExpected = error instanceof ConfigError || error instanceof BootstrapError;
  process.stderr.write(`${isExpected ? error.message : JSON.stringify(describeError(error))}\n`);
  process.exit(1);
});
