import type { Bar } from '../core/call-facts.ts';
import type { CallPolicy } from '../core/call-policy.ts';
import type { Phone } from '../core/phone.ts';
import type { Reason } from '../core/reasons.ts';
import type { SessionSettings } from '../core/session.ts';
import { bookConsequences } from './call-books.ts';
import { selectGuards, toGuards } from './call-guards.ts';
import { calleeSeal, callerSeal } from './calls.ts';
import { type Db, keyed } from './connect.ts';
import type { GuardsRow } from './policies.ts';
import type { ConnectionSecrets } from './providers.ts';
import { connectionSeal } from './providers.ts';
import { sessionSeal } from './session-rows.ts';
import { type StoredSettings, toSettings } from './stored-settings.ts';
import type { Vault } from './vault.ts';

/** A first party to be called, taken: whoever has taken it is the only one that will ever ask for the call. */
export interface Placement {
  readonly sessionId: string;
  readonly accountId: string;
  readonly subaccountId: string | null;
  readonly providerId: number;
  readonly dialect: string;
  readonly secrets: ConnectionSecrets;
  readonly virtualNumberId: number;
  readonly virtualNumber: Phone;
  /** Null where the session was made without one. */
  readonly firstParty: Phone | null;
  readonly secondParty: Phone | null;
  readonly settings: SessionSettings;
  readonly isLive: boolean;
  readonly policy: CallPolicy;
  /** Why the account calls nobody now. */
  readonly barred: Bar | null;
}

/**
 * Takes calls that are to be placed, each once: one that was taken is never due again, whatever becomes of whoever
 * took it.
 */
export function takePlacements(db: Db, vault: Vault, limit: number): Promise<readonly Placement[]> {
  const { sql } = db;
  return take(
    db,
    vault,
    sql`select session_id from placements where state = 'due' order by created_at limit ${limit} for update skip locked`,
  );
}

/** Takes those over that somebody took and never settled, after so many seconds. */
export function takeAbandonedPlacements(db: Db, vault: Vault, seconds: number, limit: number) {
  const { sql } = db;
  return take(
    db,
    vault,
    sql`select session_id from placements where state = 'taken' and taken_at < now() - make_interval(secs => ${seconds})
      order by created_at limit ${limit} for update skip locked`,
  );
}

async function take(db: Db, vault: Vault, due: ReturnType<Db['sql']>): Promise<readonly Placement[]> {
  const rows = await db.sql<PlacementRow[]>`
    with due as materialized (${due}),
    taken as (
      update placements p set state = 'taken', taken_at = now() from due where p.session_id = due.session_id returning p.*
    )
    select t.session_id as "sessionId", s.account_id as "accountId", s.subaccount_id as "subaccountId",
      p.id as "providerId", p.dialect, p.key_digest as "keyDigest", p.secrets_cipher as "secretsCipher",
      v.id as "virtualNumberId", v.number as "virtualNumber", s.first_party_cipher as "firstCipher",
      s.second_party_cipher as "secondCipher", s.settings, s.ended_at is null and s.expires_at > now() as "isLive",
      ${selectGuards(db.sql, db.sql`s.account_id`, db.sql`s.subaccount_id`)} as guards
    from taken t
    join sessions s on s.id = t.session_id
    join virtual_numbers v on v.id = t.virtual_number_id
    join providers p on p.id = v.provider_id`;
  return rows.map(({ keyDigest, secretsCipher, firstCipher, secondCipher, settings, guards, ...same }) => ({
    ...same,
    settings: toSettings(settings),
    ...toGuards(guards),
    secrets: JSON.parse(vault.open(secretsCipher, connectionSeal(keyDigest))),
    firstParty: firstCipher && (vault.open(firstCipher, sessionSeal('first_party', same.sessionId)) as Phone),
    secondParty: secondCipher && (vault.open(secondCipher, sessionSeal('second_party', same.sessionId)) as Phone),
  }));
}

interface PlacementRow
  extends Omit<Placement, 'secrets' | 'firstParty' | 'secondParty' | 'settings' | 'policy' | 'barred'> {
  readonly settings: StoredSettings;
  readonly guards: GuardsRow | null;
  readonly keyDigest: Buffer;
  readonly secretsCipher: Buffer;
  readonly firstCipher: Buffer | null;
  readonly secondCipher: Buffer | null;
}

/** The provider's id of a call that it made for this placement, where it has reported one; else null. */
export async function reportedCallOf({ sql }: Db, vault: Vault, placement: Placement): Promise<string | null> {
  const { firstParty, sessionId } = placement;
  if (firstParty === null) return null;
  const rows = await sql<{ id: string }[]>`
    select c.provider_call_id as id from calls c join placements p on p.session_id = ${sessionId}
    where c.account_id = ${placement.accountId} and c.direction = 'outbound' and c.outcome <> 'unplaced'
      and c.started_at >= p.created_at and c.virtual_number_id = ${placement.virtualNumberId}
      and c.caller_digest = ${vault.phoneDigest(firstParty)}
      and (c.session_id is null or c.session_id = ${sessionId})
    order by c.started_at limit 1`;
  return rows[0]?.id ?? null;
}

/** What became of a placement. */
export type Placed =
  | { readonly kind: 'placed'; readonly requestId: string; readonly overdueInSeconds: number }
  | { readonly kind: 'failed'; readonly reason: Reason; readonly hangupCode: number };

/**
 * Settles a placement and books its call, with what follows, in one statement. A call that was reported or asked
 * about before keeps what is known of it. Repeatable: only a taken placement is settled.
 *
 * @returns false when the call's row was made in the same moment: settle again.
 */
export async function settlePlacement(
  db: Db,
  vault: Vault,
  placement: Placement,
  placed: Placed,
  freshId: string,
): Promise<boolean> {
  const { sql } = db;
  const { sessionId, providerId, firstParty, secondParty } = placement;
  const providerCallId = placed.kind === 'placed' ? placed.requestId : `placement:${sessionId}`;
  const [known] = await sql<{ id: string }[]>`
    select id from calls where provider_id = ${providerId} and provider_call_id = ${providerCallId}`;
  const id = known?.id ?? freshId;
  const digest = (phone: Phone | null) => (phone === null ? null : vault.phoneDigest(phone));
  // Its session may have been erased since it was taken.
  const unlessErased = (bytes: Buffer | null) => sql`case when not home.is_erased then ${bytes}::bytea end`;
  const failed = placed.kind === 'failed' ? placed : null;
  const rows = await keyed(
    () => sql`
    with before as materialized (
      select * from calls where provider_id = ${providerId} and provider_call_id = ${providerCallId} for update
    ),
    -- Call before session, and session before a call that is not there yet: see call-books.ts.
    home as materialized (
      select id, erased_at is not null as is_erased from sessions
      where id = ${sessionId} and (select count(*) from before) >= 0 for no key update
    ),
    after as (
      insert into calls (id, provider_id, provider_call_id, account_id, subaccount_id, virtual_number_id, direction,
        caller_digest, caller_cipher, callee_digest, callee_cipher, session_id, caller_side, outcome, reason,
        authenticated, pin_tries, version, currency, record_format, a_started_at, a_ended_at, a_hangup_code,
        a_hangup_source, overdue_at, erased_at)
      select ${id}::uuid, ${providerId}, ${providerCallId}, ${placement.accountId}, ${placement.subaccountId},
        ${placement.virtualNumberId}, 'outbound', ${unlessErased(digest(firstParty))},
        ${unlessErased(firstParty && vault.seal(firstParty, callerSeal(id)))}, ${unlessErased(digest(secondParty))},
        ${unlessErased(secondParty && vault.seal(secondParty, calleeSeal(id)))}, home.id, 'first',
        ${failed ? 'unplaced' : 'placed'}, ${failed?.reason ?? 'placed'}, false, '{}'::text[], 0,
        ${placement.secrets.currency ?? 'USD'}, ${placement.settings.record ? placement.settings.recordFormat : null},
        now(), case when ${failed !== null} then now() end, ${failed?.hangupCode ?? null}::int,
        ${failed ? 'API Request' : null},
        now() + make_interval(secs => ${placed.kind === 'placed' ? placed.overdueInSeconds : 0}),
        case when home.is_erased then now() end
      from home join placements p on p.session_id = home.id and p.state = 'taken'
      on conflict (provider_id, provider_call_id) do update set
        session_id = coalesce(calls.session_id, excluded.session_id),
        caller_side = coalesce(calls.caller_side, excluded.caller_side),
        callee_digest = case when calls.erased_at is null then coalesce(calls.callee_digest, excluded.callee_digest) end,
        callee_cipher = case when calls.erased_at is null then coalesce(calls.callee_cipher, excluded.callee_cipher) end,
        caller_digest = case when calls.erased_at is null then coalesce(calls.caller_digest, excluded.caller_digest) end,
        caller_cipher = case when calls.erased_at is null then coalesce(calls.caller_cipher, excluded.caller_cipher) end,
        virtual_number_id = coalesce(calls.virtual_number_id, excluded.virtual_number_id),
        direction = 'outbound', record_format = coalesce(calls.record_format, excluded.record_format),
        overdue_at = coalesce(calls.overdue_at, excluded.overdue_at),
        reason = case calls.outcome when 'orphan' then excluded.reason else calls.reason end,
        outcome = case calls.outcome when 'orphan' then excluded.outcome else calls.outcome end
        where calls.id = excluded.id and (select count(*) from before) = 1
      returning calls.*
    ),
    settled as (
      update placements p set state = ${failed ? 'failed' : 'placed'} from after
      where p.session_id = ${sessionId} and p.state = 'taken'
    ),
    ${bookConsequences(sql)}
    select exists (select from after) or not exists (
      select from placements where session_id = ${sessionId} and state = 'taken') as done`,
  );
  return rows[0]?.done === true;
}
