import type postgres from 'postgres';
import type { Scope } from '../core/account.ts';
import type { CallDirection, HangupSource } from '../core/call-report.ts';
import type { Leg } from '../core/interaction.ts';
import type { Phone } from '../core/phone.ts';
import type { Side } from '../core/session.ts';
import { calleeSeal, callerSeal } from './calls.ts';
import type { Db } from './connect.ts';
import { type LegJson, legOf, toLeg } from './interactions.ts';
import type { Vault } from './vault.ts';

/** One leg of a call, as an operator may see it. */
export interface CallRecord {
  /** The id of our row, and which leg of it. */
  readonly callId: string;
  readonly leg: 'a' | 'b';
  readonly facts: Leg & { readonly rate: string | null; readonly hangupSource: HangupSource | null };
  /** The provider's id of leg A. */
  readonly providerCallId: string;
  readonly direction: CallDirection;
  /** Null: withheld, or not known. */
  readonly from: Phone | null;
  readonly to: Phone | null;
  readonly sessionId: string | null;
  readonly outcome: string;
  /** A code of `core/reasons.ts`, or of another version's. */
  readonly reason: string;
  /** Who is on leg A, whichever leg this is; the side is null where no session was found. */
  readonly caller: Phone | null;
  readonly callerSide: Side | null;
  readonly currency: string;
  readonly startedAt: Date;
  readonly isOver: boolean;
  /** Both legs were connected. */
  readonly isBridged: boolean;
  /** Set where nobody reported the end. */
  readonly sweptAt: Date | null;
}

/** Which calls to list; absent fields do not limit. */
export interface CallFilter {
  readonly legId?: string;
  readonly sessionId?: string;
  readonly direction?: CallDirection;
  readonly outcome?: string;
  /** Somebody on either leg. */
  readonly phone?: Phone;
  /** From or to whom the leg itself goes. */
  readonly from?: Phone;
  readonly to?: Phone;
  readonly startedAt?: { readonly gte?: Date; readonly lt?: Date };
}

/** A page of legs, the newest call first and leg A before leg B; and how many there are in all. */
export async function listCallRecords(
  { sql }: Db,
  vault: Vault,
  scope: Scope,
  filter: CallFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; records: readonly CallRecord[] }> {
  const where = conditions(sql, vault, scope, filter);
  const [rows, [counted]] = await Promise.all([
    sql<RecordRow[]>`
      select c.id, l.leg, case l.leg when 'a' then ${legOf(sql, 'a')} else ${legOf(sql, 'b')} end as facts,
        c.provider_call_id as "providerCallId", c.direction, v.number, c.caller_cipher as "callerCipher",
        c.callee_cipher as "calleeCipher", c.session_id as "sessionId", c.outcome, c.reason,
        c.caller_side as "callerSide", c.currency,
        extract(epoch from c.started_at)::float8 * 1000 as "startedMs", c.is_over as "isOver",
        c.b_answered_at is not null as "isBridged", extract(epoch from c.swept_at)::float8 * 1000 as "sweptMs"
      from (
        select * from calls c where ${where} order by started_at desc, id desc limit ${page.limit + page.offset}
      ) c
      cross join lateral (values ('a'), ('b')) l(leg)
      left join virtual_numbers v on v.id = c.virtual_number_id
      where ${ofWantedLeg(sql, vault, scope, filter)}
      order by c.started_at desc, c.id desc, l.leg limit ${page.limit} offset ${page.offset}`,
    sql<{ total: number }[]>`
      select count(*)::int as total from calls c cross join lateral (values ('a'), ('b')) l(leg)
      where ${where} and ${ofWantedLeg(sql, vault, scope, filter)}`,
  ]);
  return { total: counted?.total ?? 0, records: rows.map((row) => toRecord(vault, row)) };
}

/** The leg of that id of the provider's; null where the account has none. */
export async function findCallRecord(db: Db, vault: Vault, scope: Scope, legId: string): Promise<CallRecord | null> {
  const { records } = await listCallRecords(db, vault, scope, { legId }, { limit: 1, offset: 0 });
  return records[0] ?? null;
}

function conditions(sql: postgres.Sql, vault: Vault, scope: Scope, filter: CallFilter) {
  const { sessionId, direction, outcome, phone, startedAt } = filter;
  const digest = phone === undefined ? null : vault.phoneDigest(phone);
  return sql`c.account_id = ${scope.accountId}
    and ${scope.subaccountId === null ? sql`true` : sql`c.subaccount_id = ${scope.subaccountId}`}
    and ${legsAreLimited(filter) ? sql`(${isWanted(sql, vault, scope, filter, 'a')} or ${isWanted(sql, vault, scope, filter, 'b')})` : sql`true`}
    and ${sessionId === undefined ? sql`true` : sql`c.session_id = ${sessionId}`}
    and ${direction === undefined ? sql`true` : sql`c.direction = ${direction}`}
    and ${outcome === undefined ? sql`true` : sql`c.outcome = ${outcome}`}
    and ${digest === null ? sql`true` : sql`(c.caller_digest = ${digest} or c.callee_digest = ${digest})`}
    and ${startedAt?.gte ? sql`c.started_at >= ${startedAt.gte.toISOString()}::timestamptz` : sql`true`}
    and ${startedAt?.lt ? sql`c.started_at < ${startedAt.lt.toISOString()}::timestamptz` : sql`true`}`;
}

function ofWantedLeg(sql: postgres.Sql, vault: Vault, scope: Scope, filter: CallFilter) {
  return sql`case l.leg when 'a' then ${isWanted(sql, vault, scope, filter, 'a')} else ${isWanted(sql, vault, scope, filter, 'b')} end`;
}

function legsAreLimited({ legId, from, to }: CallFilter): boolean {
  return legId !== undefined || from !== undefined || to !== undefined;
}

/** Whether that leg is there, and is one of those that are asked for. */
function isWanted(
  sql: postgres.Sql,
  vault: Vault,
  { accountId }: Scope,
  { legId, from, to }: CallFilter,
  leg: 'a' | 'b',
) {
  // Leg A's goes by the index that makes calls unique, which begins with the connection.
  const ofLegA = sql`c.provider_call_id = ${legId ?? null}
    and c.provider_id = any(array(select p.id from providers p where p.account_id = ${accountId}))`;
  const hasId = leg === 'a' ? ofLegA : sql`c.b_leg_id = ${legId ?? null}`;
  const isThere = leg === 'a' ? sql`true` : sql`c.b_leg_id is not null`;
  const ours = (phone: Phone) => sql`c.virtual_number_id = (select id from virtual_numbers where number = ${phone})`;
  const caller = (phone: Phone) => sql`c.caller_digest = ${vault.phoneDigest(phone)}`;
  // As `toRecord` has them.
  const goesFrom = (phone: Phone) =>
    leg === 'a' ? sql`case c.direction when 'inbound' then ${caller(phone)} else ${ours(phone)} end` : ours(phone);
  const goesTo = (phone: Phone) =>
    leg === 'a'
      ? sql`case c.direction when 'inbound' then ${ours(phone)} else ${caller(phone)} end`
      : sql`c.callee_digest = ${vault.phoneDigest(phone)}`;
  return sql`(${legId === undefined ? isThere : hasId}
    and ${from === undefined ? sql`true` : goesFrom(from)} and ${to === undefined ? sql`true` : goesTo(to)})`;
}

interface RecordRow {
  readonly id: string;
  readonly leg: 'a' | 'b';
  readonly facts: LegJson;
  readonly providerCallId: string;
  readonly direction: CallDirection;
  readonly number: Phone | null;
  readonly callerCipher: Buffer | null;
  readonly calleeCipher: Buffer | null;
  readonly sessionId: string | null;
  readonly outcome: string;
  readonly reason: string;
  readonly callerSide: Side | null;
  readonly currency: string;
  readonly startedMs: number;
  readonly isOver: boolean;
  readonly isBridged: boolean;
  readonly sweptMs: number | null;
}

function toRecord(vault: Vault, row: RecordRow): CallRecord {
  const { id, leg, facts, number, callerCipher, calleeCipher, startedMs, sweptMs, ...same } = row;
  const caller = callerCipher && (vault.open(callerCipher, callerSeal(id)) as Phone);
  const callee = calleeCipher && (vault.open(calleeCipher, calleeSeal(id)) as Phone);
  // Leg A goes from the caller to our number, or from it to a first party that we had called; leg B from it on.
  const isInbound = leg === 'a' && row.direction === 'inbound';
  const { rate, hangupSource } = facts;
  return {
    ...same,
    callId: id,
    leg,
    caller,
    facts: { ...toLeg(facts), rate, hangupSource },
    from: isInbound ? caller : number,
    to: isInbound ? number : leg === 'a' ? caller : callee,
    startedAt: new Date(startedMs),
    sweptAt: sweptMs === null ? null : new Date(sweptMs),
  };
}
