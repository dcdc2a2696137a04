import type postgres from 'postgres';
import type { Scope } from '../core/account.ts';
import { bookAudit } from './audit.ts';
import { bookTimeouts } from './callbacks.ts';
import { type Db, keyed } from './connect.ts';
import { hasMoved, WHAT_MOVES, withItsPlaces } from './places.ts';
import { sessionSeal } from './session-rows.ts';
import { tallyEnded } from './tallies.ts';
import type { Vault } from './vault.ts';

/** Whose phone is to be erased: its digest, and until when what is there is meant (null: all of it). */
export interface ErasedPhone {
  readonly digest: Buffer;
  readonly before: Date | null;
}

/**
 * Removes phones, PINs and the last caller of sessions, with their places and the answers that were kept for
 * repeated requests; one that is live ends first, as by a delete, with its callback. What it counts stays. Its calls
 * are erased after it, see `eraseCalls`: none can be added to a session that has ended.
 *
 * Sessions are locked before leases and leases before PINs, as everywhere. Repeatable.
 *
 * @returns how many there were that had not been erased yet.
 */
export async function eraseSessions({ sql }: Db, scope: Scope, ids: readonly string[]): Promise<number> {
  const columns = sql.unsafe(WHAT_MOVES);
  const [row] = await withItsPlaces(
    () => sql<{ erased: number }[]>`
    with seen as materialized (select ${columns} from sessions where id = any(${[...ids]}::text[]::uuid[])),
    locked as materialized (
      select ${columns}, ended_at is null as ends from sessions s
      where id = any(${[...ids]}::text[]::uuid[]) and ${inScope(sql, scope)} and erased_at is null
      order by id for update
    ),
    -- Taken with the rows in hand: a call that was connected while this waited came before the end.
    moment as materialized (select l.id, l.ends, clock_timestamp() as at from locked l),
    erased as (
      update sessions s set
        expires_at = case when m.ends then least(m.at, s.expires_at) else s.expires_at end,
        modified_at = case when m.ends and m.at < s.expires_at then m.at else s.modified_at end,
        ended_at = coalesce(s.ended_at, least(m.at, s.expires_at)),
        callback_sequence = s.callback_sequence + m.ends::int,
        first_party_digest = null, first_party_cipher = null, second_party_digest = null, second_party_cipher = null,
        first_pin_cipher = null, second_pin_cipher = null, last_caller_cipher = null, erased_at = m.at
      from moment m where s.id = m.id
      returning s.*, m.ends
    ),
    ended as (select * from erased where ends),
    told as (${bookTimeouts(sql)} returning id),
    tallied as (${tallyEnded(sql)}),
    booked as (${bookAudit(sql, scope.accountId, scope.by, 'session.erase', sql`select id as object from erased`)}),
    held as materialized (
      select l.virtual_number_id, l.party_digest from leases l join locked k on k.id = l.session_id
      order by l.party_digest for update of l
    ),
    freed as (
      delete from leases l using held h
      where l.virtual_number_id = h.virtual_number_id and l.party_digest = h.party_digest
    ),
    held_pins as materialized (
      select p.virtual_number_id, p.pin_digest from pins p join locked k on k.id = p.session_id
      order by p.pin_digest for update of p
    ),
    freed_pins as (
      delete from pins p using held_pins h
      where p.virtual_number_id = h.virtual_number_id and p.pin_digest = h.pin_digest
    ),
    unanswered as (
      delete from idempotency_keys i
      where i.resource_id in (select id from locked)
        or substring(lower(i.route) from '/session/([0-9a-f-]{36})') in (select id::text from locked)
    )
    select count(*)::int as erased, case when (${hasMoved(sql)}) then refuse('moved') end from erased`,
  );
  return row?.erased ?? 0;
}

/** Sessions with that phone that are not erased yet. */
export async function sessionsWith(
  { sql }: Db,
  scope: Scope,
  { digest, before }: ErasedPhone,
  limit: number,
): Promise<readonly string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from sessions s
    where ${inScope(sql, scope)} and erased_at is null and (first_party_digest = ${digest} or second_party_digest = ${digest})
      and ${before === null ? sql`true` : sql`created_at <= ${before.toISOString()}::timestamptz`}
    limit ${limit}`;
  return rows.map(({ id }) => id);
}

/**
 * Forgets that phone where it is the last caller of somebody else's session, which goes on. The sessions are found
 * by its calls, so this comes before those are erased.
 */
export async function forgetLastCaller(db: Db, vault: Vault, scope: Scope, { digest }: ErasedPhone): Promise<void> {
  const { sql } = db;
  const rows = await sql<{ id: string; cipher: Buffer }[]>`
    select id, last_caller_cipher as cipher from sessions s
    where ${inScope(sql, scope)} and last_caller_cipher is not null
      and id in (select session_id from calls where caller_digest = ${digest})`;
  for (const { id, cipher } of rows) {
    const phone = vault.open(cipher, sessionSeal('last_caller', id)) as Parameters<Vault['phoneDigest']>[0];
    if (!vault.phoneDigest(phone).equals(digest)) continue;
    await sql`update sessions set last_caller_cipher = null where id = ${id} and last_caller_cipher = ${cipher}`;
  }
}

/** Removes what else is kept by a phone's digest: places of sessions that have it no more, and wrong PINs. */
export async function forgetPlaces({ sql }: Db, scope: Scope, { digest }: ErasedPhone): Promise<void> {
  const numbers = sql`select id from virtual_numbers s where ${inScope(sql, scope)}`;
  await keyed(
    () => sql`
    with freed as (
      delete from leases l
      where l.party_digest = ${digest} and l.virtual_number_id > 0 and l.virtual_number_id in (${numbers}) and not exists (
        select from sessions o where o.id = l.session_id and ${digest} in (o.first_party_digest, o.second_party_digest))
    )
    delete from pin_budgets b where b.caller_digest = ${digest} and b.virtual_number_id in (${numbers})`,
  );
}

/** Part of a statement: whether the row `s` is the scope's; null is everybody's. */
export function inScope(sql: postgres.Sql, scope: Scope | null) {
  if (scope === null) return sql`true`;
  const { accountId, subaccountId } = scope;
  return sql`(s.account_id = ${accountId} and ${subaccountId === null ? sql`true` : sql`s.subaccount_id = ${subaccountId}`})`;
}
