import type { MaskingSession, SessionDraft, Side } from '../core/session.ts';
import { type Db, keyed, sqlState } from './connect.ts';
import { takePlaces, wantedLeases } from './places.ts';
import { notePeak } from './pool-peaks.ts';
import { sealParty, sessionSeal } from './session-rows.ts';
import { tallyCreated } from './tallies.ts';
import type { Vault } from './vault.ts';

/** A session to be, with its id, its virtual number and its PINs. */
export interface Claim {
  readonly id: string;
  readonly accountId: string;
  readonly virtualNumber: { readonly id: number; readonly number: MaskingSession['virtualNumber'] };
  readonly draft: SessionDraft;
  readonly pins: { readonly first: string; readonly second: string } | null;
}

/** Why a claim was refused: a party's place or a PIN is taken on that number, or the number left the pool. */
export type ClaimRefusal = 'lease' | 'pin' | 'number';

/**
 * Claims a virtual number for a session: the session, its leases and its PINs, all or nothing.
 *
 * Keyed by the session's id: repeated after a lost connection it takes its own places again, is refused by the
 * primary key and finds the row that the first try left.
 */
export async function claimSession(db: Db, vault: Vault, claim: Claim): Promise<ClaimRefusal | Claimed> {
  try {
    return claimedAt(await keyed(() => runClaim(db, vault, claim)));
  } catch (error) {
    if (sqlState(error) === 'BA001' && error instanceof Error) return error.message as ClaimRefusal;
    if (sqlState(error) !== '23505') throw error;
    return claimedAt(await db.sql`select ${instants(db)} from sessions where id = ${claim.id}`);
  }
}

/** The instants by the database's clock. */
export interface Claimed {
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

function instants({ sql }: Db) {
  return sql`extract(epoch from created_at)::float8 * 1000 as created, extract(epoch from expires_at)::float8 * 1000 as expires`;
}

function claimedAt([row]: readonly { readonly created?: number; readonly expires?: number }[]): Claimed {
  if (row?.created === undefined || row.expires === undefined) throw new Error('a claim without a session');
  return { createdAt: new Date(row.created), expiresAt: new Date(row.expires) };
}

function runClaim(db: Db, vault: Vault, { id, accountId, virtualNumber, draft, pins }: Claim) {
  const { sql } = db;
  const first = sealParty(vault, id, 'first', draft.firstParty);
  const second = sealParty(vault, id, 'second', draft.secondParty);
  const leases = wantedLeases(vault, { first: draft.firstParty, second: draft.secondParty }, draft.pinRequired);
  const takesAnyone = draft.singleParty && !draft.pinRequired;
  const wantPin = (side: Side, pin: string) => {
    return { digest: vault.pinDigest(virtualNumber.number, pin).toString('hex'), side, length: pin.length };
  };
  const wantedPins = pins ? [wantPin('first', pins.first), wantPin('second', pins.second)] : [];
  const pinCipher = (side: Side) => (pins ? vault.seal(pins[side], sessionSeal(`${side}_pin`, id)) : null);
  return sql`
    with place as (
      select ${id}::uuid as session_id, v.id as virtual_number_id,
        now() + make_interval(secs => ${draft.expirySeconds}) as expires_at,
        now() + make_interval(secs => ${draft.expirySeconds + draft.cooloffSeconds}) as held_until
      from virtual_numbers v
      where v.id = ${virtualNumber.id} and v.retired_at is null
    ),
    ${takePlaces(sql, leases, wantedPins)},
    made as (
      insert into sessions (id, account_id, subaccount_id, virtual_number_id, first_party_digest, first_party_cipher,
        second_party_digest, second_party_cipher, pin_required, first_pin_cipher, second_pin_cipher, single_party,
        cooloff_seconds, callback_url, callback_method, has_unknown_caller_play, settings, created_at, modified_at,
        expires_at)
      select place.session_id, ${accountId}, ${draft.subaccountId}, place.virtual_number_id, ${first.digest}, ${first.cipher},
        ${second.digest}, ${second.cipher}, ${draft.pinRequired}, ${pinCipher('first')}, ${pinCipher('second')},
        ${draft.singleParty}, ${draft.cooloffSeconds}, ${draft.callbackUrl}, ${draft.callbackMethod},
        ${draft.settings.unknownCallerPlayUrl !== ''}, ${JSON.stringify(draft.settings)}, now(), now(), place.expires_at
      from place
      returning id, account_id, subaccount_id, virtual_number_id, created_at, expires_at
    ),
    placed as (
      insert into placements (session_id, account_id, virtual_number_id)
      select id, account_id, virtual_number_id from made where ${draft.settings.initiateCallToFirstParty}
    ),
    tallied as (${tallyCreated(sql)}),
    peaked as (${notePeak(sql, vault.anyoneDigest)})
    select ${instants(db)}, case
      when made.created_at is null then refuse('number')
      when (select count(*) from leased) < ${leases.length} then refuse('lease')
      when (select count(*) from pinned) < ${wantedPins.length} then refuse('pin')
      when ${takesAnyone || draft.pinRequired}
        then keep_apart(${virtualNumber.id}, ${takesAnyone}, ${vault.anyoneDigest})
    end
    from (values (1)) as one left join made on true`;
}
