import type { Scope } from '../core/account.ts';
import { bookConsequences } from './call-books.ts';
import { type Db, keyed } from './connect.ts';

/** Later figures of one leg; absent ones stay as they are. `rate` and `cost` are exact decimals. */
export interface LegCorrection {
  readonly billedSeconds?: number;
  readonly rate?: string;
  readonly cost?: string;
}

/**
 * Corrects what a leg was billed. The correction wins over whatever the provider reports, before or after it, and
 * the latest correction over earlier ones; the totals move by the difference, in the same statement.
 *
 * @param callId the id of our row.
 * @returns false where the account has no such call.
 */
export async function correctCall(
  db: Db,
  scope: Scope,
  callId: string,
  leg: 'a' | 'b',
  correction: LegCorrection,
): Promise<boolean> {
  const { sql } = db;
  const corrected = (name: 'billed_seconds' | 'rate' | 'cost') => sql(`${leg}_corrected_${name}`);
  const { billedSeconds = null, rate = null, cost = null } = correction;
  const rows = await keyed(
    () => sql`
    with before as materialized (
      select * from calls
      where id = ${callId} and account_id = ${scope.accountId}
        and (${scope.subaccountId}::text is null or subaccount_id = ${scope.subaccountId})
      for update
    ),
    after as (
      update calls c set
        ${corrected('billed_seconds')} = coalesce(${billedSeconds}::int, c.${corrected('billed_seconds')}),
        ${corrected('rate')} = coalesce(${rate}::text::numeric, c.${corrected('rate')}),
        ${corrected('cost')} = coalesce(${cost}::text::numeric, c.${corrected('cost')})
      from before where c.id = before.id
      returning c.*
    ),
    ${bookConsequences(sql)}
    select id from after`,
  );
  return rows.length > 0;
}
