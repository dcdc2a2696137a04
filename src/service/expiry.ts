import type { Deps } from '../deps.ts';
import { endDueSessions } from '../store/session-changes.ts';

const BATCH = 500;

/** Announces all sessions whose time has run out, in batches. @returns how many. */
export async function expireSessions(deps: Deps): Promise<number> {
  let total = 0;
  for (;;) {
    const ended = await endDueSessions(deps.db, BATCH);
    total += ended;
    if (ended > 0) deps.log.info({ sessions: ended }, 'session.expired');
    if (ended < BATCH) return total;
  }
}
