import type { Scope } from '../core/account.ts';
import type { CallPolicy } from '../core/call-policy.ts';
import { type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { changePolicy, findPolicy, type StoredPolicy } from '../store/policies.ts';

export type PolicyChange = StoredPolicy;

/** What the calls of the account may do; its subaccounts' calls keep to it as well. */
export function getPolicy({ db }: Deps, { accountId }: Scope): Promise<CallPolicy> {
  return findPolicy(db, accountId);
}

/** Changes what is named, for every call from now on. */
export async function setPolicy({ db, log }: Deps, scope: Scope, change: PolicyChange): Promise<CallPolicy | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  const policy = await changePolicy(db, scope.accountId, change);
  log.warn({ account: scope.accountId, fields: Object.keys(change) }, 'policy.changed');
  return policy;
}
