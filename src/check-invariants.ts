import { join } from 'node:path';
import { readConfig } from './config.ts';
import { everyFault } from './service/operator.ts';
import { connect, disconnect } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { runningUrl } from './store/embedded-url.ts';

// The whole database is read, which takes its time.
const STATEMENT_TIMEOUT_MS = 30 * 60_000;

/**
 * Proves for the whole database that what must never be is not there: sums that differ from their calls, two live
 * leases of one phone on one number, facts without their callback and so on. Prints what is wrong; ends with 1 then.
 * It reads only, and may run beside the service.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const directory = join(config.dataDir, 'pg');
  const running = config.databaseDirectUrl ?? config.databaseUrl ?? runningUrl(directory);
  const server = running === null ? await startEmbedded({ directory }) : null;
  const db = connect(running ?? server?.url ?? '', { connections: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  try {
    const faults = await everyFault({ db });
    process.stdout.write(faults.length === 0 ? 'All invariants hold.\n' : `${faults.join('\n')}\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await disconnect(db, 1);
    await server?.stop();
  }
}

await main();
