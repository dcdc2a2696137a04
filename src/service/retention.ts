import type { Deps } from '../deps.ts';
import { purgeCallbacks, purgeCalls, purgeRecordings, purgeShortLived, sessionsToErase } from '../store/purge.ts';
import { bookNow } from './audit.ts';
import { eraseAllCalls, eraseWhole } from './erasure.ts';

const SESSIONS_AT_ONCE = 50;
const ROWS_AT_ONCE = 2_000;
// Calls of nobody's session have no index of their own: what is much older than their time was erased before.
const STRANGERS_LATE_DAYS = 7;
const ERASED_FIELDS = ['first_party', 'second_party', 'first_party_pin', 'second_party_pin'];

/** Looked for once by each process, in case that none has run for longer. */
const checked = new WeakSet<object>();

/**
 * Removes phones, PINs and keyed digits from sessions and calls that are over for long enough, with the places that
 * such sessions still have. @returns how many sessions it was.
 */
export async function eraseOld(deps: Deps): Promise<number> {
  const { db, config } = deps;
  let total = 0;
  for (;;) {
    const due = await sessionsToErase(db, config.partyDays, SESSIONS_AT_ONCE);
    for (const accountId of new Set(due.map((one) => one.accountId))) {
      const ids = due.filter((one) => one.accountId === accountId).map(({ id }) => id);
      const { sessions } = await eraseWhole(deps, { accountId, subaccountId: null }, ids);
      total += sessions;
      await bookNow(deps, {
        ...{ at: deps.now(), accountId, actor: 'system', action: 'retention.erase', object: '' },
        ...{ fields: ERASED_FIELDS, requestId: null },
      });
    }
    if (due.length < SESSIONS_AT_ONCE) break;
  }
  const days = config.partyDays;
  const fromDays = checked.has(deps) ? days + STRANGERS_LATE_DAYS : null;
  await eraseAllCalls(deps, null, { strangersOf: { days, fromDays } });
  checked.add(deps);
  return total;
}

/** Deletes, batch by batch, what is kept no longer: calls before their callbacks and recordings. */
export async function purgeOld({ db, config }: Deps): Promise<void> {
  while (await purgeCalls(db, config.callDays, ROWS_AT_ONCE));
  while (await purgeCallbacks(db, config.callDays, ROWS_AT_ONCE));
  while (await purgeRecordings(db, config.callDays, ROWS_AT_ONCE));
  while (await purgeShortLived(db, ROWS_AT_ONCE));
}
