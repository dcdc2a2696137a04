import cluster from 'node:cluster';
import closeWithGrace from 'close-with-grace';
import { type Config, readConfig } from './config.ts';
import { createLog, describeError } from './log.ts';
import { type Process, startOwnDatabase } from './process.ts';
import { obeyFirst, WorkerFailed } from './workers.ts';

// All of an orderly end, below the 10 s that supervisors commonly give; where there are workers, what is left to this
// process for the database.
const GRACE_MS = 8_500;
const GRACE_WITH_WORKERS_MS = 9_500;

/** The process: read the settings, open everything in order, close it in reverse. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const leads = config.workers > 1 && cluster.isPrimary;
  const log = createLog(config.logLevel);
  const closers: Process['closers'] = [];
  const close = async () => {
    for (const closer of closers.reverse()) {
      await closer().catch((err: unknown) => log.warn({ err }, 'process.close_failed'));
    }
  };
  const delay = leads ? GRACE_WITH_WORKERS_MS : GRACE_MS;
  const skip = cluster.isWorker ? (['SIGTERM', 'SIGINT'] as const) : [];
  const grace = closeWithGrace({ delay, logger: false, skip: [...skip] }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'process.failed');
    else log.info({ signal }, 'process.closing');
    await close();
  });
  if (cluster.isWorker) obeyFirst(grace.close);

  const own = { config, log, closers };
  const [databaseUrl, { serve, lead, declared }] = await Promise.all([
    config.databaseUrl ?? startOwnDatabase(own),
    readService(config),
  ]);
  await (leads ? lead(own, databaseUrl) : serve(own, databaseUrl, declared));
}

/** All the rest of the program: half of a start, in which PostgreSQL comes up beside it. */
async function readService(config: Config) {
  const { readDeclared, ...rest } = await import('./serve.ts');
  return { ...rest, declared: readDeclared(config) };
}

main().catch(async (error: unknown) => {
  // A worker has said itself what is wrong.
  if (!(error instanceof WorkerFailed)) {
    const { startFault } = await import('./serve.ts');
    process.stderr.write(`${startFault(error) ?? JSON.stringify(describeError(error))}\n`);
  }
  process.exit(1);
});
