import { join } from 'node:path';
import { readConfig } from './config.ts';
import { describeError } from './log.ts';
import { NEW_KEY_SECONDS_AHEAD } from './service/keys.ts';
import { connect, disconnect } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { runningUrl } from './store/embedded-url.ts';
import { addCipherKey, prepareKeys } from './store/key-ring.ts';

/**
 * Adds a key for phones, PINs and secrets. Instances that run seal with it from a minute later on and then seal
 * anew all that there is; when nothing is left under the former key, they remove it.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const directory = join(config.dataDir, 'pg');
  const running = config.databaseDirectUrl ?? config.databaseUrl ?? runningUrl(directory);
  const server = running === null ? await startEmbedded({ directory }) : null;
  const db = connect(running ?? server?.url ?? '', { connections: 1, statementTimeoutMs: 5_000 });
  const masters = { current: config.masterKey, previous: config.masterKeyPrevious };
  try {
    if ((await prepareKeys(db, masters)) === null) {
      process.stderr.write('MASTER_KEY is not the key that this database was written with\n');
      process.exitCode = 1;
    } else {
      const id = await addCipherKey(db, masters, NEW_KEY_SECONDS_AHEAD);
      process.stdout.write(
        `Key ${id} seals in ${NEW_KEY_SECONDS_AHEAD} seconds; the service then seals anew what is there.\n`,
      );
    }
  } finally {
    await disconnect(db, 1);
    await server?.stop();
  }
}

// The driver's own errors may repeat what was sent.
await main().catch((error: unknown) => {
  process.stderr.write(`${JSON.stringify(describeError(error))}\n`);
  process.exitCode = 1;
});
