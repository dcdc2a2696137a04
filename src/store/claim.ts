import type { Requester } from '../core/account.ts';
import type { MaskingSession, SessionDraft, Side } from '../core/session.ts';
import { bookAll } from './audit.ts';
import { type Db, keyed, sqlState } from './connect.ts';
import { takePlaces, wantedLeases } from './places.ts';
import { notePeak } from './pool-peaks.ts';
import { sealParty, sessionSeal } from './session-rows.ts';
import { bytes, jsonRows, shared } from './shared.ts';
import { toStored } from './stored-settings.ts';
import { tallyCreated } from './tallies.ts';
import type { Vault } from './vault.ts';

/** A session to be, with its id, its virtual number and its PINs. */
export interface Claim {
  readonly id: string;
  readonly accountId: string;
  readonly virtualNumber: { readonly id: number; readonly number: MaskingSession['virtualNumber'] };
  readonly draft: SessionDraft;
  readonly pins: { readonly first: string; readonly second: string } | null;
  /** The most PINs of their length that may live on the number with them; null for as many as there are. */
  readonly mostPins: number | null;
  /** Who asked for it. */
  readonly by?: Requester | undefined;
}

/**
 * Why a claim was refused: a party's place or a PIN is taken on that number, the number left the pool, or it has no
 * room for more PINs of that length.
 */
export type ClaimRefusal = 'lease' | 'pin' | 'number' | 'room';

/** The instants by the database's clock. */
export interface Claimed {
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/**
 * Claims a virtual number for a session: the session, its leases and its PINs, all or nothing.
 *
 * Keyed by the session's id: repeated after a lost connection it takes its own places again, is refused by the
 * primary key and finds the row that the first try left.
 */
export const claimSession = shared<Claim, ClaimRefusal | Claimed>({
  run: claimAll,
  // On one number they could be in each other's way, and all of a statement's are refused where one of them is.
  keyOf: ({ virtualNumber }) => String(virtualNumber.id),
});

/**
 * Several of them by one statement. For one that is seen to have no room nothing is written; where a party's place or a
 * PIN turns out to be taken, the statement fails as a whole.
 */
async function claimAll(db: Db, vault: Vault, claims: readonly Claim[]): Promise<(ClaimRefusal | Claimed)[]> {
  try {
    const rows = await keyed(() => runClaims(db, vault, claims));
    return claims.map((_claim, at) => outcomeOf(rows.find((row) => row.at === at)));
  } catch (error) {
    const [only] = claims.length === 1 ? claims : [];
    if (only === undefined) throw error;
    if (sqlState(error) === 'BA001' && error instanceof Error) return [error.message as ClaimRefusal];
    if (sqlState(error) !== '23505') throw error;
    const [row] = await db.sql<
      ClaimedRow[]
    >`select null as refusal, ${instants(db)} from sessions where id = ${only.id}`;
    return [outcomeOf(row)];
  }
}

interface ClaimedRow {
  readonly at: number;
  /** Where nothing was written for it, as was to be seen beforehand. */
  readonly refusal: 'number' | 'room' | null;
  readonly created: number;
  readonly expires: number;
}

function instants({ sql }: Db) {
  return sql`extract(epoch from created_at)::float8 * 1000 as created, extract(epoch from expires_at)::float8 * 1000 as expires`;
}

function outcomeOf(row: ClaimedRow | undefined): ClaimRefusal | Claimed {
  if (row === undefined) throw new Error('a claim without a session');
  if (row.refusal !== null) return row.refusal;
  return { createdAt: new Date(row.created), expiresAt: new Date(row.expires) };
}

function runClaims(db: Db, vault: Vault, claims: readonly Claim[]) {
  const { sql } = db;
  const wanted = claims.map((claim) => wantedPlaces(vault, claim));
  const wishes = claims.map((claim, at) => {
    const { leases = [], pins = [] } = wanted[at] ?? {};
    return { ...wishOf(vault, claim, at), leases: leases.length, pins: pins.length };
  });
  return sql<ClaimedRow[]>`
    with wish as materialized (
      select * from json_to_recordset(${jsonRows(wishes)}::text::json) as w(at int, id uuid, account_id text,
        subaccount_id text, number_id int, first_digest bytea, first_cipher bytea, second_digest bytea,
        second_cipher bytea, pin_required boolean, first_pin bytea, second_pin bytea, single_party boolean,
        expiry_seconds int, cooloff_seconds int, callback_url text, callback_method text, has_play boolean,
        settings jsonb, is_placed boolean, takes_anyone boolean, pin_length int, most_pins int, actor text,
        fields text[], request_id uuid, leases int, pins int)
    ),
    place as materialized (
      select w.id as session_id, w.number_id as virtual_number_id,
        now() + make_interval(secs => w.expiry_seconds) as expires_at,
        now() + make_interval(secs => w.expiry_seconds + w.cooloff_seconds) as held_until
      from (
        select w.* from wish w join virtual_numbers v on v.id = w.number_id where v.retired_at is null
        -- In this order the numbers are locked.
        order by w.number_id offset 0) w
      where w.most_pins is null or has_pin_room(w.number_id, w.id, w.pin_length, w.most_pins)
    ),
    ${takePlaces(sql, wanted)},
    made as (
      insert into sessions (id, account_id, subaccount_id, virtual_number_id, first_party_digest, first_party_cipher,
        second_party_digest, second_party_cipher, pin_required, first_pin_cipher, second_pin_cipher, single_party,
        cooloff_seconds, callback_url, callback_method, has_unknown_caller_play, settings, created_at, modified_at,
        expires_at)
      select w.id, w.account_id, w.subaccount_id, w.number_id, w.first_digest, w.first_cipher, w.second_digest,
        w.second_cipher, w.pin_required, w.first_pin, w.second_pin, w.single_party, w.cooloff_seconds, w.callback_url,
        w.callback_method, w.has_play, w.settings, now(), now(), place.expires_at
      from wish w join place on place.session_id = w.id
      returning id, account_id, subaccount_id, virtual_number_id, created_at, expires_at
    ),
    placed as (
      insert into placements (session_id, account_id, virtual_number_id)
      select id, made.account_id, virtual_number_id from made join wish w using (id) where w.is_placed
    ),
    booked as (${bookAll(
      sql,
      sql`
      select w.account_id, w.actor, 'session.create', w.id::text, w.fields, w.request_id from made join wish w using (id)`,
    )}),
    tallied as (${tallyCreated(sql)}),
    peaked as (${notePeak(sql, vault.anyoneDigest)})
    select at, ${instants(db)}, case
      when created_at is not null then null
      when most_pins is not null and exists (select from virtual_numbers where id = number_id and retired_at is null)
        then 'room'
      else 'number'
    end as refusal, case
      when created_at is null then null
      when (select count(*) from leased l where l.session_id = one.id) < leases then refuse('lease', at)
      -- PINs are only taken where every lease was; if not, a row of its own says so.
      when (select count(*) from leased) = (select sum(leases) from wish w join made using (id))
        and (select count(*) from pinned p where p.session_id = one.id) < pins then refuse('pin', at)
      when takes_anyone or pin_required then keep_apart(number_id, takes_anyone, ${vault.anyoneDigest}, at)
    end
    -- In this order the numbers are locked.
    from (
      select w.*, made.created_at, made.expires_at from wish w left join made using (id)
      order by w.number_id, w.id offset 0) one`;
}

function wantedPlaces(vault: Vault, { id, virtualNumber, draft, pins }: Claim) {
  const leases = wantedLeases(vault, { first: draft.firstParty, second: draft.secondParty }, draft.pinRequired);
  const wantPin = (side: Side, pin: string) => {
    return { digest: vault.pinDigest(virtualNumber.number, pin).toString('hex'), side, length: pin.length };
  };
  return { sessionId: id, leases, pins: pins ? [wantPin('first', pins.first), wantPin('second', pins.second)] : [] };
}

/** A claim as its statement reads it. */
function wishOf(vault: Vault, { id, accountId, virtualNumber, draft, pins, mostPins, by }: Claim, at: number) {
  const party = (side: Side) => {
    const { digest, cipher } = sealParty(vault, id, side, side === 'first' ? draft.firstParty : draft.secondParty);
    const [sealedDigest, sealed] = [digest, cipher].map((one) => one && bytes(one));
    const pin = pins && bytes(vault.seal(pins[side], sessionSeal(`${side}_pin`, id)));
    return { [`${side}_digest`]: sealedDigest, [`${side}_cipher`]: sealed, [`${side}_pin`]: pin };
  };
  return {
    at,
    id,
    account_id: accountId,
    subaccount_id: draft.subaccountId,
    number_id: virtualNumber.id,
    ...party('first'),
    ...party('second'),
    pin_required: draft.pinRequired,
    single_party: draft.singleParty,
    expiry_seconds: draft.expirySeconds,
    cooloff_seconds: draft.cooloffSeconds,
    callback_url: draft.callbackUrl,
    callback_method: draft.callbackMethod,
    has_play: draft.settings.unknownCallerPlayUrl !== '',
    settings: toStored(draft.settings),
    is_placed: draft.settings.initiateCallToFirstParty,
    takes_anyone: draft.singleParty && !draft.pinRequired,
    pin_length: pins?.first.length ?? null,
    most_pins: pins && mostPins,
    actor: by?.actor ?? null,
    fields: by?.fields ?? [],
    request_id: by?.requestId ?? null,
  };
}
