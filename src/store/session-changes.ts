import type postgres from 'postgres';
import type { Scope } from '../core/account.ts';
import type { Phone } from '../core/phone.ts';
import type { HttpMethod, SessionSettings } from '../core/session.ts';
import { bookAudit } from './audit.ts';
import { bookTimeouts } from './callbacks.ts';
import { type Db, sqlState } from './connect.ts';
import { hasMoved, holdPlaces, takePlaces, WHAT_MOVES, wantedLeases, withItsPlaces } from './places.ts';
import { sealParty } from './session-rows.ts';
import { tallyEnded } from './tallies.ts';
import type { Vault } from './vault.ts';

/** What an update changes; absent fields stay as they are. */
export interface SessionChange {
  /** From the time of the update. */
  readonly expirySeconds?: number;
  readonly callbackUrl?: string;
  readonly callbackMethod?: HttpMethod;
  readonly settings: Partial<SessionSettings>;
  /** Only for a session made with one party: both as they shall be. */
  readonly parties?: { readonly first: Phone | null; readonly second: Phone | null; readonly pinRequired: boolean };
}

/**
 * Changes a live session. Racing with its expiry, one of the two wins as a whole: the row is extended and
 * keeps its places, or it has ended and nothing changes.
 *
 * @returns 'ended' when it is not live any more, 'lease' when a new party's place on the number is taken.
 */
export async function changeSession(
  db: Db,
  vault: Vault,
  scope: Scope,
  id: string,
  change: SessionChange,
): Promise<'changed' | 'ended' | 'lease'> {
  try {
    const rows = await withItsPlaces(() => runChange(db, vault, scope, id, change));
    return rows.length === 0 ? 'ended' : 'changed';
  } catch (error) {
    if (sqlState(error) === 'BA001') return 'lease';
    throw error;
  }
}

function runChange(db: Db, vault: Vault, scope: Scope, id: string, change: SessionChange) {
  const { sql } = db;
  const { parties } = change;
  const wanted = parties ? wantedLeases(vault, parties, parties.pinRequired) : [];
  const first = sealParty(vault, id, 'first', parties?.first ?? null);
  const second = sealParty(vault, id, 'second', parties?.second ?? null);
  return sql`
    with ${lockLive(sql, scope, id)},
    changed as (
      update sessions s set
        modified_at = now(),
        expires_at = coalesce(now() + make_interval(secs => ${change.expirySeconds ?? null}), s.expires_at),
        callback_url = coalesce(${change.callbackUrl ?? null}, s.callback_url),
        callback_method = coalesce(${change.callbackMethod ?? null}, s.callback_method),
        settings = s.settings || ${JSON.stringify(change.settings)},
        first_party_digest = case when ${parties !== undefined} then ${first.digest} else s.first_party_digest end,
        first_party_cipher = case when ${parties !== undefined} then ${first.cipher} else s.first_party_cipher end,
        second_party_digest = case when ${parties !== undefined} then ${second.digest} else s.second_party_digest end,
        second_party_cipher = case when ${parties !== undefined} then ${second.cipher} else s.second_party_cipher end
      from locked where s.id = locked.id
      returning s.id, s.virtual_number_id, s.expires_at + make_interval(secs => s.cooloff_seconds) as held_until
    ),
    place as (
      select id as session_id, virtual_number_id, held_until from changed where ${parties !== undefined}
    ),
    ${takePlaces(sql, [{ sessionId: id, leases: wanted, pins: [] }])},
    kept as (select id as session_id, held_until from changed),
    ${holdPlaces(sql, parties === undefined)},
    booked as (${bookAudit(sql, scope.accountId, scope.by, 'session.update', sql`select id as object from changed`)}),
    dropped as (
      delete from leases l using held h
      where ${parties !== undefined} and l.virtual_number_id = h.virtual_number_id and l.party_digest = h.party_digest
        and l.party_digest not in (select digest from wanted_lease)
      returning 1
    )
    select case when (${hasMoved(sql)}) then refuse('moved')
      when (select count(*) from leased) < ${wanted.length} then refuse('lease') end from changed`;
}

/** CTEs `seen` and `locked`, see `hasMoved`, of a live session. */
function lockLive(sql: postgres.Sql, scope: Scope, id: string) {
  const columns = sql.unsafe(WHAT_MOVES);
  return sql`
    seen as materialized (select ${columns} from sessions where id = ${id}),
    locked as materialized (
      select ${columns} from sessions
      where id = ${id} and account_id = ${scope.accountId} and ended_at is null and expires_at > now()
      for update
    )`;
}

/**
 * Ends a live session now, with its callback; its places stay held for the cool-off.
 *
 * @returns false when it was not live any more.
 */
export async function endSession(db: Db, scope: Scope, id: string): Promise<boolean> {
  const { sql } = db;
  const rows = await withItsPlaces(
    () => sql`
      with ${lockLive(sql, scope, id)},
      -- Taken with the row in hand: a call that was connected while this waited came before the end.
      moment as materialized (select id, clock_timestamp() as at from locked),
      ended as (
        update sessions s set expires_at = least(m.at, s.expires_at), modified_at = m.at, ended_at = least(m.at, s.expires_at),
          callback_sequence = s.callback_sequence + 1
        from moment m where s.id = m.id
        returning s.*
      ),
      told as (${bookTimeouts(sql)} returning id),
      booked as (${bookAudit(sql, scope.accountId, scope.by, 'session.delete', sql`select id as object from ended`)}),
      tallied as (${tallyEnded(sql)}),
      kept as (select id as session_id, expires_at + make_interval(secs => cooloff_seconds) as held_until from ended),
      ${holdPlaces(sql, true)}
      select case when (${hasMoved(sql)}) then refuse('moved') end from ended`,
  );
  return rows.length > 0;
}

/**
 * Announces sessions whose time has run out, those first that were over first: marks them ended and books their
 * callbacks, `limit` at most. Instances that do this at the same time share the work; places are free by time alone.
 *
 * @param from leaves out those that were over before, as who has just ended them has no need to walk past them again.
 * @returns how many were ended, and when the last of them was over; null where there was none.
 */
export async function endDueSessions(db: Db, limit: number, from: string | null) {
  const { sql } = db;
  const [row] = await sql<{ ended: number; last: string | null }[]>`
    with due as materialized (
      select id from sessions
      where ended_at is null and expires_at <= now() and expires_at >= coalesce(${from}::timestamptz, '-infinity')
      order by expires_at limit ${limit} for update skip locked
    ),
    ended as (
      update sessions s set ended_at = s.expires_at, callback_sequence = s.callback_sequence + 1
      -- By id alone, and not joined: asked once more whether they are due, they are looked for among all that are,
      -- by statistics that know of few. Locked as they are, nothing of it can change.
      where s.id = any(array(select id from due))
      returning s.*
    ),
    told as (${bookTimeouts(sql)} returning id),
    tallied as (${tallyEnded(sql)})
    select count(*)::int as ended, max(ended_at)::text as last from ended`;
  return row ?? { ended: 0, last: null };
}
