import type { Scope } from '../core/account.ts';
import { type Db, keyed } from './connect.ts';
import { type ErasedPhone, inScope } from './erase-sessions.ts';
import { contentSeal } from './exchanges.ts';
import type { Vault } from './vault.ts';

/** Whose calls: those of sessions, those with a phone on either leg, or those of nobody's session of some days ago. */
export type CallsToErase =
  | { readonly sessionIds: readonly string[] }
  | { readonly phone: ErasedPhone }
  | { readonly strangersOf: { readonly days: number; readonly fromDays: number | null } };

/**
 * Removes phones and what was keyed from calls, and their exchanges with the provider; `limit` calls at most. What
 * they count stays, the number of tries too. Repeatable.
 *
 * @returns how many calls there were that had not been erased yet, and how many exchanges.
 */
export async function eraseCalls(
  { sql }: Db,
  scope: Scope | null,
  which: CallsToErase,
  limit: number,
): Promise<{ calls: number; exchanges: number }> {
  const wanted = (sql_: Db['sql']) => {
    if ('sessionIds' in which) return sql_`s.session_id = any(${[...which.sessionIds]}::text[]::uuid[])`;
    if ('strangersOf' in which) {
      const { days, fromDays } = which.strangersOf;
      const ago = (count: number) => sql_`now() - make_interval(days => ${count})`;
      return sql_`s.session_id is null and s.started_at < ${ago(days)}
        and ${fromDays === null ? sql_`true` : sql_`s.started_at >= ${ago(fromDays)}`}`;
    }
    const { digest, before } = which.phone;
    return sql_`(s.caller_digest = ${digest} or s.callee_digest = ${digest})
      and ${before === null ? sql_`true` : sql_`s.started_at <= ${before.toISOString()}::timestamptz`}`;
  };
  const [row] = await keyed(
    () => sql<{ calls: number; exchanges: number }[]>`
    with locked as materialized (
      select id, provider_id, provider_call_id, virtual_number_id, caller_digest from calls s
      where ${wanted(sql)} and ${inScope(sql, scope)} and erased_at is null
      order by id limit ${limit} for update
    ),
    erased as (
      update calls c set caller_digest = null, caller_cipher = null, callee_digest = null, callee_cipher = null,
        anonymous_key = null, pin_tries = array_fill(''::text, array[cardinality(c.pin_tries)]), erased_at = now()
      from locked l where c.id = l.id
      returning 1
    ),
    forgotten as (
      delete from pin_budgets b using locked l
      where b.virtual_number_id = l.virtual_number_id and b.caller_digest = l.caller_digest
    ),
    gone as (
      delete from exchanges e using locked l
      where e.provider_id = l.provider_id and e.provider_call_id = l.provider_call_id
      returning 1
    )
    select (select count(*)::int from erased) as calls, (select count(*)::int from gone) as exchanges`,
  );
  return row ?? { calls: 0, exchanges: 0 };
}

/** A page of exchanges. */
export interface ExchangePage {
  /** The last of the page, to go on after it; null at the end. */
  readonly next: number | null;
  readonly exchanges: readonly { readonly id: number; readonly text: string; readonly country: string | null }[];
}

/** Exchanges that belong to no call that is known, opened, with the country of their connection. */
export async function strayExchanges(
  { sql }: Db,
  vault: Vault,
  scope: Scope,
  before: Date | null,
  afterId: number,
  limit: number,
): Promise<ExchangePage> {
  const rows = await sql<{ id: number; key: string; cipher: Buffer; country: string | null }[]>`
    select e.id::float8 as id, e.content_key as key, e.content_cipher as cipher, p.default_country as country
    from exchanges e join providers p on p.id = e.provider_id
    where e.id > ${afterId} and e.account_id = ${scope.accountId}
      and ${
        scope.subaccountId === null
          ? sql`true`
          : sql`e.virtual_number in (select number from virtual_numbers where subaccount_id = ${scope.subaccountId})`
      }
      and ${before === null ? sql`true` : sql`e.at <= ${before.toISOString()}::timestamptz`}
      and not exists (
        select from calls c where c.provider_id = e.provider_id and c.provider_call_id = e.provider_call_id)
    order by e.id limit ${limit}`;
  return {
    next: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
    exchanges: rows.map(({ id, key, cipher, country }) => ({
      id,
      country,
      text: vault.open(cipher, contentSeal(key)),
    })),
  };
}

export async function deleteExchanges({ sql }: Db, ids: readonly number[]): Promise<void> {
  await sql`delete from exchanges where id = any(${ids.map(String)}::text[]::bigint[])`;
}
