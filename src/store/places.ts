import type postgres from 'postgres';
import type { Phone } from '../core/phone.ts';
import type { Side } from '../core/session.ts';
import { bookTimeouts } from './callbacks.ts';
import { keyed, sqlState } from './connect.ts';
import { jsonRows } from './shared.ts';
import { tallyEnded } from './tallies.ts';
import type { Vault } from './vault.ts';

/** One lease that a session wants on its virtual number: a party's, or that of any caller. */
export interface WantedLease {
  readonly digest: string;
  readonly side: Side;
}

/** One PIN that a session wants there. */
export interface WantedPin extends WantedLease {
  readonly length: number;
}

/**
 * The leases of a session's parties. A single-party session without PIN also holds the place of whoever
 * calls: there can be only one such session on a number.
 */
export function wantedLeases(
  vault: Vault,
  parties: { readonly first: Phone | null; readonly second: Phone | null },
  pinRequired: boolean,
): readonly WantedLease[] {
  const wanted: WantedLease[] = [];
  for (const side of ['first', 'second'] as const) {
    const phone = parties[side];
    if (phone !== null) wanted.push({ digest: vault.phoneDigest(phone).toString('hex'), side });
    else if (!pinRequired) wanted.push({ digest: vault.anyoneDigest.toString('hex'), side });
  }
  return wanted;
}

/** What a session wants to take. */
export interface WantedPlaces {
  readonly sessionId: string;
  readonly leases: readonly WantedLease[];
  readonly pins: readonly WantedPin[];
}

/**
 * Part of a statement with a CTE `place (session_id, virtual_number_id, held_until)`: takes what its sessions want
 * there, as CTEs `leased` and `pinned` with a row for each one got; PINs only where every lease was.
 *
 * A place whose hold has run out counts as free, whether or not any job has announced it: the session that
 * had it is ended first, with its callback. That also settles the race with a late extension of that
 * session, which needs the same row. Sessions are locked before leases and leases before PINs, each in a
 * fixed order, as in every statement on them; so two statements wait for each other but never in a circle.
 */
export function takePlaces(sql: postgres.Sql, wanted: readonly WantedPlaces[]) {
  const leases = wanted.flatMap(({ sessionId, leases }) => leases.map((one) => ({ ...one, session_id: sessionId })));
  const pins = wanted.flatMap(({ sessionId, pins }) => pins.map((one) => ({ ...one, session_id: sessionId })));
  return sql`
    wanted_lease as (
      select session_id, decode(digest, 'hex') as digest, side
      from json_to_recordset(${jsonRows(leases)}::text::json) as w(session_id uuid, digest text, side text)
    ),
    wanted_pin as (
      select session_id, decode(digest, 'hex') as digest, side, length
      from json_to_recordset(${jsonRows(pins)}::text::json) as w(session_id uuid, digest text, side text, length int)
    ),
    -- Row by row, so by the index whatever the planner believes of the number of rows.
    stale as materialized (
      select s.id from (
        select l.session_id as id from place join wanted_lease w using (session_id) cross join lateral (
          select session_id from leases
          where virtual_number_id = place.virtual_number_id and party_digest = w.digest and held_until <= now() limit 1) l
        union
        select p.session_id from place join wanted_pin w using (session_id) cross join lateral (
          select session_id from pins
          where virtual_number_id = place.virtual_number_id and pin_digest = w.digest and held_until <= now() limit 1) p
        order by id) due
      cross join lateral (
        select id from sessions where id = due.id and ended_at is null and expires_at <= now() for update) s
    ),
    ended as (
      update sessions s set ended_at = s.expires_at, callback_sequence = s.callback_sequence + 1
      -- By id alone, as where sessions that are due are ended.
      where s.id = any(array(select id from stale))
      returning s.*
    ),
    told as (${bookTimeouts(sql)} returning id),
    ended_tally as (${tallyEnded(sql)}),
    leased as (
      insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
      select place.virtual_number_id, w.digest, place.session_id, w.side, place.held_until
      from wanted_lease w join place using (session_id)
      -- Read first, so that what ran out is ended before its place is taken.
      where (select count(*) from ended) >= 0
      order by place.virtual_number_id, w.digest
      on conflict (virtual_number_id, party_digest) do update
        set session_id = excluded.session_id, side = excluded.side, held_until = excluded.held_until
        where leases.held_until <= now() or leases.session_id = excluded.session_id
      returning session_id
    ),
    pinned as (
      insert into pins (virtual_number_id, pin_digest, session_id, side, length, held_until)
      select place.virtual_number_id, w.digest, place.session_id, w.side, w.length, place.held_until
      from wanted_pin w join place using (session_id)
      where (select count(*) from leased) = (select count(*) from wanted_lease join place using (session_id))
      order by place.virtual_number_id, w.digest
      on conflict (virtual_number_id, pin_digest) do update
        set session_id = excluded.session_id, side = excluded.side, length = excluded.length,
          held_until = excluded.held_until
        where pins.held_until <= now() or pins.session_id = excluded.session_id
      returning session_id
    )`;
}

/**
 * Part of a statement with a CTE `kept (session_id, held_until)`: locks the places of its session, leases as the
 * CTE `held`, in the order of `takePlaces`, and holds them until then.
 *
 * @param movesLeases false where the statement itself takes and drops leases: a row changes once in a statement.
 */
export function holdPlaces(sql: postgres.Sql, movesLeases: boolean) {
  return sql`
    held as materialized (
      select l.virtual_number_id, l.party_digest from leases l join kept k using (session_id)
      order by l.party_digest for update of l
    ),
    held_longer as (
      update leases l set held_until = k.held_until from kept k, held h
      where ${movesLeases} and l.virtual_number_id = h.virtual_number_id and l.party_digest = h.party_digest
    ),
    held_pins as materialized (
      select p.virtual_number_id, p.pin_digest from pins p join kept k using (session_id)
      order by p.pin_digest for update of p
    ),
    pins_held_longer as (
      update pins p set held_until = k.held_until from kept k, held_pins h
      where p.virtual_number_id = h.virtual_number_id and p.pin_digest = h.pin_digest
    )`;
}

/** The columns of a session that change whenever its places do, and its id. */
export const WHAT_MOVES = 'id, modified_at, first_party_digest, second_party_digest';

/**
 * Part of a statement with CTEs `seen` and `locked` (columns `WHAT_MOVES`): sessions as the statement found them, and as
 * they are with their rows in hand. Whether an update came while it waited for a row: the leases that a new party got by
 * it are not seen, since a statement sees other tables as they were before its wait. It is refused as 'moved' then.
 */
export function hasMoved(sql: postgres.Sql) {
  const columns = sql.unsafe(WHAT_MOVES);
  return sql`select count(*) > 0 from (select ${columns} from locked except select ${columns} from seen) one`;
}

/** Runs a statement that is refused as 'moved' where it could not see all places of its sessions, until it could. */
export async function withItsPlaces<T>(statement: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await keyed(statement);
    } catch (error) {
      if (!(sqlState(error) === 'BA001' && error instanceof Error && error.message === 'moved')) throw error;
    }
  }
}
