import { openKeys, runCommand, withDatabase } from './open-database.ts';
import { NEW_KEY_SECONDS_AHEAD } from './service/keys.ts';
import { addCipherKey } from './store/key-ring.ts';

const STATEMENT_TIMEOUT_MS = 5_000;

/**
 * Adds a key for phones, PINs and secrets. Instances that run seal with it from a minute later on and then seal
 * anew all that there is; when nothing is left under the former key, they remove it.
 */
await runCommand(() =>
  withDatabase(STATEMENT_TIMEOUT_MS, async (db, config) => {
    await openKeys(db, config);
    const masters = { current: config.masterKey, previous: config.masterKeyPrevious };
    const id = await addCipherKey(db, masters, NEW_KEY_SECONDS_AHEAD);
    process.stdout.write(
      `Key ${id} seals in ${NEW_KEY_SECONDS_AHEAD} seconds; the service then seals anew what is there.\n`,
    );
    return 0;
  }),
);
