import type { Scope } from '../core/account.ts';
import type { Phone } from '../core/phone.ts';
import { invalid, isRefused, type Refused } from '../core/problem.ts';
import type { SessionWish } from '../core/session.ts';
import type { StoreDeps } from '../deps.ts';
import { findNumber } from '../store/numbers.ts';
import { ownerOfSession } from '../store/sessions.ts';
import { createSession } from './create-session.ts';

/** A session that has its id, and the number that people know, from elsewhere. */
export interface ImportWish {
  readonly id: string;
  readonly wish: SessionWish;
  /** Null where it is not told. */
  readonly virtualNumber: Phone | null;
}

/**
 * Makes a session that has its id from elsewhere, on the number that it had there: people know that one. Repeatable:
 * one that was made before stays what became of it here, also where it has ended since.
 *
 * @param takesAny where it cannot have that number it gets one of the pool, rather than being refused.
 */
export async function importSession(
  deps: StoreDeps,
  scope: Scope,
  { id, wish, virtualNumber }: ImportWish,
  takesAny: boolean,
): Promise<'known' | { readonly isNew: true; readonly virtualNumber: Phone } | Refused> {
  const owner = await ownerOfSession(deps.db, id);
  if (owner === scope.accountId) return 'known';
  if (owner !== null) return invalid('session_uuid', 'is that of a session of another account');
  const keyed = { resourceId: id, isTakenOver: false };
  const kept = virtualNumber && (await createSession(deps, scope, wish, keyed, virtualNumber));
  const isKept = kept !== null && !(isRefused(kept) && kept.problem.kind === 'pool_exhausted');
  const made = isKept || !takesAny ? kept : await createSession(deps, scope, wish, keyed);
  if (made !== null && !isRefused(made)) return { isNew: true, virtualNumber: made.virtualNumber };
  if (made !== null && (isKept || takesAny)) return made;
  return invalid('virtual_number', await whyNot(deps, scope, wish, virtualNumber));
}

/** Why a session cannot have the number, as the rule that it breaks. */
async function whyNot(
  { db }: StoreDeps,
  scope: Scope,
  { subaccountId }: SessionWish,
  number: Phone | null,
): Promise<string> {
  if (number === null) return 'should be the number that the session has';
  const found = await findNumber(db, scope, number);
  return found === null || found.subaccountId !== (subaccountId ?? scope.subaccountId)
    ? `${number} should be an active number of the pool here`
    : `${number} is taken here for a party or a PIN of this session`;
}
