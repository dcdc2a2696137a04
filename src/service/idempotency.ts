import type { Deps } from '../deps.ts';
import { claimKey, type KeyClaim, type KeyedRequest, keepAnswer, releaseKey } from '../store/idempotency.ts';

/** Claims an Idempotency-Key for a request, or finds what became of the one that had it. */
export function claim(deps: Deps, request: Omit<KeyedRequest, 'resourceId'>): Promise<KeyClaim> {
  return claimKey(deps.db, deps.vault, { ...request, resourceId: deps.newUuid() });
}

/**
 * Keeps a success for those who send the same again, and lets the key go where the request was refused. A failure
 * leaves it as it is, since something may have been done: whoever asks a minute later finds what was made. So it is
 * where this itself fails; the answer goes out all the same.
 */
export async function settle(deps: Deps, resourceId: string, answer: { status: number; body: string }): Promise<void> {
  if (answer.status >= 500) return;
  const isDone = answer.status < 300;
  const work = isDone ? keepAnswer(deps.db, deps.vault, resourceId, answer) : releaseKey(deps.db, resourceId);
  await work.catch((err: unknown) => deps.log.warn({ err }, 'idempotency.not_kept'));
}
