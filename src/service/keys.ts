import type { Deps } from '../deps.ts';
import { keysToReplace, refreshKeys as refreshStored, removeKeys } from '../store/key-ring.ts';
import { resealPage } from '../store/reseal.ts';
import { SEALED_COLUMNS } from '../store/sealed-columns.ts';

/** Every instance has read a new key well before it seals, see `jobs/timetable.ts`. */
export const NEW_KEY_SECONDS_AHEAD = 60;
// And after as long again nobody seals with the one before any more.
const SETTLED_SECONDS = 60;
const PAGE = 500;

type Keyed = Pick<Deps, 'db' | 'vault' | 'config' | 'log'>;

/** Learns of keys that were added, and seals with the newest that may be used. */
export async function refreshKeys({ db, vault, config }: Keyed): Promise<void> {
  await refreshStored(db, { current: config.masterKey, previous: config.masterKeyPrevious }, vault);
}

/**
 * Seals anew what is still under a former key, page by page, and removes the key once a whole pass has found nothing
 * under it. Does nothing as long as there is one key.
 *
 * @returns how many ciphertexts were sealed anew.
 */
export async function resealAll(deps: Keyed): Promise<number> {
  const plan = await keysToReplace(deps.db, SETTLED_SECONDS);
  if (plan === null || deps.vault.keyId !== plan.newest) return 0;
  let found = 0;
  let done = 0;
  for (const column of SEALED_COLUMNS) {
    let after: string | null = null;
    do {
      const page = await resealPage(deps.db, deps.vault, column, plan.newest, after, PAGE);
      found += page.found;
      done += page.done;
      after = page.next;
    } while (after !== null);
  }
  if (found === 0) {
    await removeKeys(deps.db, plan.former);
    deps.log.info({ key: plan.newest, removed: plan.former }, 'keys.replaced');
  }
  return done;
}
