import type { Scope } from '../core/account.ts';
import { type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type EndpointState, listEndpoints, pauseEndpoint, resumeEndpoint, tidyPauses } from '../store/endpoints.ts';

export type { EndpointState } from '../store/endpoints.ts';

/** The receivers that fail or are paused. They are the main account's, since its subaccounts may share them. */
export async function listFailing(
  deps: Deps,
  scope: Scope,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; endpoints: readonly EndpointState[] } | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  return listEndpoints(deps.db, scope.accountId, page);
}

export async function pause(deps: Deps, scope: Scope, endpoint: string): Promise<number | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  const held = await pauseEndpoint(deps.db, scope.accountId, endpoint);
  deps.log.info({ account: scope.accountId, endpoint: originOf(endpoint), reason: 'operator' }, 'endpoint.paused');
  return held;
}

export async function resume(deps: Deps, scope: Scope, endpoint: string): Promise<number | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  const due = await resumeEndpoint(deps.db, scope.accountId, endpoint);
  if (due === null) return refused({ kind: 'not_found', what: 'paused endpoint' });
  deps.log.info({ account: scope.accountId, endpoint: originOf(endpoint), due }, 'endpoint.resumed');
  return due;
}

/** A job: holds back what was booked for paused endpoints, and lets go what was forgotten by a resume. */
export function tidyEndpoints(deps: Deps): Promise<void> {
  return tidyPauses(deps.db);
}

function originOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]+/i.exec(url)?.[0].toLowerCase() ?? '';
}
