import type { Deps } from '../deps.ts';
import { endDueSessions } from '../store/session-changes.ts';

const BATCH = 500;

/**
 * Announces all sessions whose time has run out, in batches. Where they are more than one batch, telling of them steps
 * back until all are announced, for who calls in the meantime. @returns how many.
 */
export async function expireSessions(deps: Deps): Promise<number> {
  let total = 0;
  let from: string | null = null;
  let letGo: (() => void) | null = null;
  try {
    for (;;) {
      const { ended, last } = await endDueSessions(deps.db, BATCH, from);
      total += ended;
      if (ended > 0) deps.log.info({ sessions: ended }, 'session.expired');
      if (ended < BATCH) return total;
      from = last;
      letGo ??= deps.holdCallbacks();
    }
  } finally {
    letGo?.();
  }
}
