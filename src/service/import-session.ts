import type { Scope } from '../core/account.ts';
import { invalid, isRefused, type Refused } from '../core/problem.ts';
import type { SessionWish } from '../core/session.ts';
import type { StoreDeps } from '../deps.ts';
import { ownerOfSession } from '../store/sessions.ts';
import { createSession } from './create-session.ts';

/**
 * Makes a session that has its id from elsewhere. Repeatable: one that was made before stays what became of it here,
 * also where it has ended since.
 */
export async function importSession(
  deps: StoreDeps,
  scope: Scope,
  id: string,
  wish: SessionWish,
): Promise<'new' | 'known' | Refused> {
  const owner = await ownerOfSession(deps.db, id);
  if (owner === scope.accountId) return 'known';
  if (owner !== null) return invalid('session_uuid', 'is that of a session of another account');
  const made = await createSession(deps, scope, wish, { resourceId: id, isTakenOver: false });
  return isRefused(made) ? made : 'new';
}
