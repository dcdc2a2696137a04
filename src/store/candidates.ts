import type { Phone } from '../core/phone.ts';
import type { Candidate } from '../core/pool.ts';
import type { SessionDraft } from '../core/session.ts';
import type { Db } from './connect.ts';
import { wantedLeases } from './places.ts';
import type { Vault } from './vault.ts';

/**
 * Numbers that could serve a session: of the account's pool (a subaccount's sessions use only numbers
 * attached to it, a main account's only those attached to none), of the wanted country, and without a live
 * lease of one of its parties. `limit` of them at random, without those tried already; none means that the
 * pool is exhausted.
 */
export async function findCandidates(
  db: Db,
  vault: Vault,
  accountId: string,
  draft: SessionDraft,
  tried: readonly number[],
  limit: number,
): Promise<readonly (Candidate & { readonly number: Phone })[]> {
  const { sql } = db;
  const takesAnyone = draft.singleParty && !draft.pinRequired;
  const wanted = wantedLeases(vault, { first: draft.firstParty, second: draft.secondParty }, draft.pinRequired);
  const rows = await sql<{ id: number; number: Phone; takesAnyone: boolean }[]>`
    with pool as (
      select v.id, v.number, exists (
        select from leases l
        where l.virtual_number_id = v.id and l.party_digest = ${vault.anyoneDigest} and l.held_until > now()) as takes_anyone
      from virtual_numbers v
      where v.account_id = ${accountId} and v.retired_at is null
        and v.subaccount_id is not distinct from ${draft.subaccountId}
        and (${draft.country}::text is null or v.country = ${draft.country})
        and v.id <> all(${[...tried]}::int[])
        and v.id not in (
          select l.virtual_number_id from leases l
          where l.party_digest in (select decode(d, 'hex') from unnest(${wanted.map((w) => w.digest)}::text[]) as d)
            and l.held_until > now())
    )
    select id, number, takes_anyone as "takesAnyone" from pool
    where not (${draft.pinRequired} and takes_anyone)
      and not (${takesAnyone} and exists (
        select from pins p where p.virtual_number_id = pool.id and p.held_until > now()))
    order by takes_anyone, random() limit ${limit}`;
  return rows;
}
