import type { Deps } from '../deps.ts';
import type { Db } from '../store/connect.ts';
import { endDueSessions } from '../store/session-changes.ts';

// Small ones, since answers are written to the same log and wait behind them.
const BATCH = 100;
// One is worked on while the other is written.
const TOGETHER = 2;

/**
 * Announces all sessions whose time has run out, in batches. Where they are more than one batch, telling of them steps
 * back until all are announced, for who calls in the meantime. @returns how many.
 */
export async function expireSessions(deps: Deps): Promise<number> {
  const { ended, last } = await endDueSessions(deps.db, BATCH, null);
  const total = ended < BATCH ? ended : ended + (await expireOthers(deps, last));
  if (total > 0) deps.log.info({ sessions: total }, 'session.expired');
  return total;
}

async function expireOthers(deps: Deps, from: string | null): Promise<number> {
  const letGo = deps.holdCallbacks();
  try {
    const runs = Array.from({ length: TOGETHER }, () => endAll(deps.db, from));
    // Where one fails the others go on all the same.
    await Promise.allSettled(runs);
    const totals = await Promise.all(runs);
    return totals.reduce((sum, one) => sum + one, 0);
  } finally {
    letGo();
  }
}

async function endAll(db: Db, from: string | null): Promise<number> {
  for (let total = 0, next = from; ; ) {
    const { ended, last } = await endDueSessions(db, BATCH, next);
    total += ended;
    if (ended < BATCH) return total;
    next = last;
  }
}
