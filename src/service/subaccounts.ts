import { drawAuthId, type Scope } from '../core/account.ts';
import { type Refused, refused } from '../core/problem.ts';
import type { StoreDeps } from '../deps.ts';
import {
  addSubaccount,
  changeSubaccount,
  listSubaccounts as listStored,
  removeSubaccount as removeStored,
  type Subaccount,
} from '../store/subaccounts.ts';
import { endFormerTokens, rotateToken } from '../store/tokens.ts';

export type { Subaccount } from '../store/subaccounts.ts';

const TOKEN_OVERLAP_SECONDS = 24 * 3600;
// Of renewals of one account at the same moment one is first, and the others are tried again.
const ROUNDS = 50;

const MAIN_ONLY = refused({ kind: 'main_account_only' });
const NOT_FOUND = refused({ kind: 'not_found', what: 'subaccount' });

/** Makes a subaccount. Its token is told here and never again. */
export async function createSubaccount(
  deps: StoreDeps,
  scope: Scope,
  wish: { readonly name: string; readonly enabled: boolean },
): Promise<{ id: string; token: string } | Refused> {
  if (scope.subaccountId !== null) return MAIN_ONLY;
  const made = { id: drawAuthId('SA', deps.random), token: deps.newKey() };
  await addSubaccount(deps.db, deps.vault, { id: made.id, parentId: scope.accountId, ...wish }, made.token);
  return made;
}

export async function listSubaccounts(
  deps: StoreDeps,
  scope: Scope,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; subaccounts: readonly Subaccount[] } | Refused> {
  if (scope.subaccountId !== null) return MAIN_ONLY;
  return listStored(deps.db, scope.accountId, page);
}

export async function getSubaccount(deps: StoreDeps, scope: Scope, id: string): Promise<Subaccount | Refused> {
  if (scope.subaccountId !== null) return MAIN_ONLY;
  const { subaccounts } = await listStored(deps.db, scope.accountId, { id, limit: 1, offset: 0 });
  return subaccounts[0] ?? NOT_FOUND;
}

/** Renames a subaccount, or switches it off and on: one that is off cannot sign in, and its calls are refused. */
export async function updateSubaccount(
  deps: StoreDeps,
  scope: Scope,
  id: string,
  change: { readonly name?: string | undefined; readonly enabled?: boolean | undefined },
): Promise<Refused | null> {
  if (scope.subaccountId !== null) return MAIN_ONLY;
  return (await changeSubaccount(deps.db, scope.accountId, id, change)) ? null : NOT_FOUND;
}

export async function removeSubaccount(deps: StoreDeps, scope: Scope, id: string): Promise<Refused | null> {
  if (scope.subaccountId !== null) return MAIN_ONLY;
  switch (await removeStored(deps.db, scope.accountId, id)) {
    case 'removed':
      return null;
    case 'used':
      return refused({ kind: 'subaccount_used' });
    case 'none':
      return NOT_FOUND;
  }
}

/** A new token for the account, told here and never again; the one before it goes on for a day. */
export async function renewToken(
  deps: StoreDeps,
  { accountId, subaccountId }: Scope,
): Promise<{ token: string; formerUntil: Date }> {
  const token = deps.newKey();
  const fresh = { text: token, formerId: deps.newUuid(), overlapSeconds: TOKEN_OVERLAP_SECONDS };
  for (let round = 0; round < ROUNDS; round++) {
    const formerUntil = await rotateToken(deps.db, deps.vault, subaccountId ?? accountId, fresh);
    if (formerUntil) return { token, formerUntil };
  }
  throw new Error('tokens of one account are renewed without end');
}

/** Ends all tokens but the newest one, at once. */
export function revokeFormerTokens({ db }: StoreDeps, { accountId, subaccountId }: Scope): Promise<number> {
  return endFormerTokens(db, subaccountId ?? accountId);
}
