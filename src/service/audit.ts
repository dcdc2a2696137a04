import type { Scope } from '../core/account.ts';
import { type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type AuditEntry, type AuditFilter, listAudit as listStored, writeAudit } from '../store/audit.ts';
import { type Batches, startBatches } from './batches.ts';

export type { AuditEntry, AuditFilter };

/** The audit log, where it is written beside what it tells of. */
export type AuditLog = Batches<AuditEntry>;

export function startAuditLog({ db, log }: Pick<Deps, 'db' | 'log'>): AuditLog {
  return startBatches(log, 'audit', (batch) => writeAudit(db, batch));
}

/** Books what was just done, now; where the database does not take it, as soon as it does. */
export async function bookNow({ db, audit }: Deps, entry: AuditEntry): Promise<void> {
  await writeAudit(db, [entry]).catch(() => audit.record(entry));
}

/** What was done with an account's things, for its main account. */
export async function listAudit(
  deps: Deps,
  scope: Scope,
  filter: AuditFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; entries: readonly AuditEntry[] } | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  return listStored(deps.db, scope, filter, page);
}
