import type { CallPolicy } from '../core/call-policy.ts';
import type { Phone } from '../core/phone.ts';
import type { Candidate } from '../core/pool.ts';
import type { SessionDraft } from '../core/session.ts';
import type { Db } from './connect.ts';
import { wantedLeases } from './places.ts';
import { type StoredPolicy, toPolicy } from './policies.ts';
import { bytes, jsonRows, shared } from './shared.ts';
import type { Vault } from './vault.ts';

/** A number that could serve, with how many PINs of each length live there, if the session has some. */
export interface FoundNumber extends Omit<Candidate, 'isCrowded'> {
  readonly number: Phone;
  readonly livingPins: Readonly<Record<number, number>>;
}

/** Which session shall be made. */
export interface CreateQuery {
  readonly accountId: string;
  readonly draft: SessionDraft;
  /** The one number that may serve it; null for any. */
  readonly number: Phone | null;
  /** Numbers that were found before and are of no use. */
  readonly tried: readonly number[];
  /** How many numbers are wanted. */
  readonly most: number;
}

/** What must be known before a session is made. */
export interface CreateFacts {
  readonly policy: CallPolicy;
  /** Those of its parties that are virtual numbers, of whichever account. */
  readonly virtual: readonly Phone[];
  /**
   * Numbers that could serve: of the account's pool (a subaccount's sessions use only numbers attached to it, a main
   * account's only those attached to none), of the wanted country, and without a live lease of one of its parties.
   * None means that the pool is exhausted.
   */
  readonly candidates: readonly FoundNumber[];
}

interface FactsRow {
  readonly at: number;
  readonly policy: StoredPolicy | null;
  readonly virtual: readonly Phone[];
  readonly candidates: readonly FoundNumber[];
}

// Of a pool that has a third of the ids between its first number and its last, 24 of 25 hit one. Part of the text: of a
// parameter a thousand rows are expected, and each statement would be planned by itself.
const DRAWS = 8;

/** Everything that decides upon a new session, in one read. */
export const loadCreateFacts = shared<CreateQuery, CreateFacts>({ run: loadAll, keyOf: () => null });

async function loadAll(db: Db, vault: Vault, queries: readonly CreateQuery[]): Promise<CreateFacts[]> {
  const rows = await readFacts(db, vault, queries);
  return queries.map((_query, at) => {
    const row = rows.find((one) => one.at === at);
    if (row === undefined) throw new Error('a question without an answer');
    return { ...row, policy: toPolicy(row.policy ?? {}) };
  });
}

function readFacts({ sql }: Db, vault: Vault, queries: readonly CreateQuery[]): Promise<readonly FactsRow[]> {
  const wishes = queries.map(({ accountId, draft, number, tried, most }, at) => {
    const parties = { first: draft.firstParty, second: draft.secondParty };
    return {
      at,
      account_id: accountId,
      subaccount_id: draft.subaccountId ?? '',
      country: draft.country,
      number,
      phones: Object.values(parties).filter((phone) => phone !== null),
      digests: wantedLeases(vault, parties, draft.pinRequired).map(({ digest }) => `\\x${digest}`),
      has_pins: draft.pinRequired,
      takes_anyone: draft.singleParty && !draft.pinRequired,
      tried,
      most,
    };
  });
  const anyoneLives = sql`exists (
    select from leases l
    where l.virtual_number_id = v.id and l.party_digest = ${bytes(vault.anyoneDigest)}::text::bytea and l.held_until > now()
    offset 0)`;
  const ofPool = sql`v.account_id = q.account_id and coalesce(v.subaccount_id, '') = q.subaccount_id and v.retired_at is null`;
  const ofCountry = sql`(q.country is null or v.country = q.country)`;
  // From a random one of the pool onwards, so that a large one is not read for a handful of its numbers; and first those
  // where nobody takes any caller. What is not needed any more is not read: a limit ends the appended parts as well. The
  // offset keeps PostgreSQL from reading whole tables instead of looking places up one by one.
  const free = (takesAnyone: boolean, isBehind: boolean) => sql`(
    select v.id, v.number, ${takesAnyone} as "takesAnyone" from virtual_numbers v
    where ${ofPool} and ${isBehind ? sql`v.id >= p.start` : sql`v.id < p.start`} and ${ofCountry}
      and (q.number is null or v.number = q.number) and v.id <> all(q.tried)
      -- In this order: where most numbers are taken for a party, the other look-up is for the few that are not.
      and case when exists (
        select from leases l
        where l.virtual_number_id = v.id and l.party_digest = any(q.digests) and l.held_until > now()
        offset 0) then false
      else ${takesAnyone ? sql`${anyoneLives} and not q.has_pins` : sql`not ${anyoneLives}`} end
      and not (q.takes_anyone and exists (
        select from pins p where p.virtual_number_id = v.id and p.held_until > now() offset 0))
    order by v.id limit q.most)`;
  return sql<FactsRow[]>`
    with asked as (
      select * from json_to_recordset(${jsonRows(wishes)}::text::json) as w(at int, account_id text,
        subaccount_id text, country text, number text, phones text[], digests bytea[], has_pins boolean, takes_anyone boolean,
        tried int[], most int)
    )
    select q.at, (select policy from accounts where id = q.account_id) as policy,
      (select to_jsonb(array(
        select v.number from unnest(q.phones) phone cross join lateral (
          select number, retired_at from virtual_numbers where number = phone offset 0) v
        where v.retired_at is null))) as virtual,
      (select coalesce(jsonb_agg(f), '[]') from (
        select id, number, "takesAnyone", (
          select coalesce(jsonb_object_agg(length, many), '{}') from (
            select length, count(*) as many from pins
            where q.has_pins and virtual_number_id = found.id and held_until > now() group by length
          ) l) as "livingPins"
        from (
          ${free(false, true)} union all ${free(false, false)} union all ${free(true, true)} union all ${free(true, false)}
          limit q.most
        ) found) f) as candidates
    from asked q
    -- Any of them as likely as any other: of a large pool drawn until it hits one, else of all. Drawn once for all parts
    -- that go by it, which the offset sees to: what lies between two draws would not be found.
    cross join lateral (
      select coalesce((
        select drawn.id from (select low + floor(random() * span)::int as id from generate_series(1, ${sql.unsafe(`${DRAWS}`)})) drawn
        where exists (select from virtual_numbers v where ${ofPool} and v.id = drawn.id and ${ofCountry} offset 0)
        limit 1
      ), (select v.id from virtual_numbers v where ${ofPool} and ${ofCountry} order by random() limit 1)) as start
      from (
        select low, 1 + (select v.id from virtual_numbers v where ${ofPool} order by v.id desc limit 1) - low as span
        from (select (select v.id from virtual_numbers v where ${ofPool} order by v.id limit 1) as low) first) ids
      offset 0) p`;
}
