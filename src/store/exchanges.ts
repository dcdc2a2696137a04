import type { Scope } from '../core/account.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

/** An exchange as it is read: with its place in the log and the session of its call. */
export interface LoggedExchange extends Exchange {
  readonly id: number;
  readonly sessionId: string | null;
  readonly dialect: string;
}

export interface ExchangeFilter {
  readonly callId?: string;
  readonly sessionId?: string;
  readonly virtualNumber?: string;
  readonly from?: Date;
  readonly before?: Date;
  /** Only what came after this one, oldest first; else the newest first. */
  readonly afterId?: number;
}

// Any number that nothing else locks.
const WRITERS_LOCK = 7_202_613;

// A day, with the while until it is asked for.
const SHORT_MS = 25 * 3_600_000;

/** The context that an exchange's content is bound to, see `Vault.seal`. */
export const contentSeal = (key: string) => `exchanges.content:${key}`;

/**
 * Writes exchanges, all by one statement. Writers take turns before the ids are given, so ids become visible in
 * their order: a reader that goes on after the last id that it saw misses none. A connection's latest is noted at the
 * connection itself: the log would have to be searched for one that is silent, and forgets.
 *
 * @param keys a fresh uuid for each, to bind its ciphertext to.
 */
export async function writeExchanges(
  { sql }: Db,
  vault: Vault,
  exchanges: readonly Exchange[],
  keys: readonly string[],
): Promise<void> {
  const list = <T>(of: (exchange: Exchange) => T) => exchanges.map(of);
  const contents = exchanges.map(({ fields, document }, i) =>
    vault.seal(JSON.stringify({ fields, document }), contentSeal(keys[i] ?? '')).toString('hex'),
  );
  await sql`
    with turn as materialized (select pg_advisory_xact_lock(${WRITERS_LOCK})),
    written as (
      insert into exchanges (at, account_id, provider_id, webhook, provider_call_id, virtual_number, status, decision,
        milliseconds, content_key, content_cipher)
      select e.at, e.account_id, e.provider_id, e.webhook, e.call_id, coalesce(named.number, of_call.number), e.status,
        e.decision, e.ms, e.key, decode(e.content, 'hex')
      from turn cross join unnest(${list((e) => e.at.toISOString())}::text[]::timestamptz[],
        ${list((e) => e.accountId)}::text[], ${list((e) => e.providerId)}::int[], ${list((e) => e.webhook)}::text[],
        ${list((e) => e.callId)}::text[], ${list((e) => e.virtualNumber)}::text[], ${list((e) => e.status)}::int[],
        ${list((e) => e.decision)}::text[], ${list((e) => String(e.milliseconds))}::text[]::numeric[], ${[...keys]}::text[]::uuid[],
        ${contents}::text[]) with ordinality
        as e(at, account_id, provider_id, webhook, call_id, number, status, decision, ms, key, content, place)
      -- In clear only what is ours: a request may name any number. Where it names none, its call has one.
      left join virtual_numbers named on named.number = e.number and named.account_id = e.account_id
      left join calls c on c.provider_id = e.provider_id and c.provider_call_id = e.call_id
      left join virtual_numbers of_call on of_call.id = c.virtual_number_id
      -- What is told of a call after it was erased would bring its phones back.
      where c.erased_at is null
      order by e.place
      returning provider_id, at
    ),
    latest as (select provider_id, max(at) as at from written group by provider_id)
    update providers p set last_webhook_at = greatest(p.last_webhook_at, l.at) from latest l where p.id = l.provider_id`;
}

/**
 * Exchanges of the account; a subaccount has those on its own numbers. Those of a call, a session or a short time are
 * looked up before they are put in order: else PostgreSQL, counting on the limit, walks the whole log for the few that
 * there are.
 */
export async function readExchanges(
  { sql }: Db,
  vault: Vault,
  scope: Scope,
  filter: ExchangeFilter,
  limit: number,
  now: Date,
): Promise<readonly LoggedExchange[]> {
  const { callId, sessionId, virtualNumber, from, before, afterId } = filter;
  const isAfter = afterId !== undefined;
  const inTime = sql`${from === undefined ? sql`true` : sql`at >= ${from.toISOString()}::timestamptz`}
    and ${before === undefined ? sql`true` : sql`at < ${before.toISOString()}::timestamptz`}`;
  const ofCalls =
    sessionId !== undefined
      ? sql`select provider_id, provider_call_id from calls where session_id = ${sessionId}`
      : sql`select id as provider_id, ${callId ?? null}::text as provider_call_id from providers
          where account_id = ${scope.accountId}`;
  const isShort = from !== undefined && (before?.getTime() ?? now.getTime()) - from.getTime() <= SHORT_MS;
  const source =
    sessionId !== undefined || callId !== undefined
      ? sql`(select e.* from (${ofCalls}) c, exchanges e
          where e.provider_id = c.provider_id and e.provider_call_id = c.provider_call_id offset 0)`
      : isAfter && isShort
        ? sql`(select * from exchanges where ${inTime} and id > ${afterId} offset 0)`
        : sql`exchanges`;
  const order = isAfter ? sql`e.id` : from || before ? sql`e.at desc, e.id desc` : sql`e.id desc`;
  const rows = await sql<ExchangeRow[]>`
    select e.id::float8 as id, extract(epoch from e.at)::float8 * 1000 as "atMs", e.account_id as "accountId",
      e.provider_id as "providerId", e.webhook, e.provider_call_id as "callId", e.virtual_number as "virtualNumber",
      e.status, e.decision, e.milliseconds::float8 as milliseconds, e.content_key as "contentKey",
      e.content_cipher as "contentCipher", p.dialect, (
        select c.session_id from calls c
        where c.provider_id = e.provider_id and c.provider_call_id = e.provider_call_id) as "sessionId"
    from ${source} e join providers p on p.id = e.provider_id
    where e.account_id = ${scope.accountId}
      and ${
        scope.subaccountId === null
          ? sql`true`
          : sql`e.virtual_number in (select number from virtual_numbers where subaccount_id = ${scope.subaccountId})`
      }
      and ${callId === undefined ? sql`true` : sql`e.provider_call_id = ${callId}`}
      and ${virtualNumber === undefined ? sql`true` : sql`e.virtual_number = ${virtualNumber}`}
      and ${inTime}
      and ${afterId === undefined ? sql`true` : sql`e.id > ${afterId}`}
    order by ${order} limit ${limit}`;
  return rows.map(({ atMs, contentKey, contentCipher, ...same }) => {
    const { fields, document } = JSON.parse(vault.open(contentCipher, contentSeal(contentKey)));
    return { ...same, at: new Date(atMs), fields, document };
  });
}

interface ExchangeRow extends Omit<LoggedExchange, 'at' | 'fields' | 'document'> {
  readonly atMs: number;
  readonly contentKey: string;
  readonly contentCipher: Buffer;
}

/** Deletes what is older than so many days, `limit` at most. @returns how many. */
export async function purgeExchanges({ sql }: Db, days: number, limit: number): Promise<number> {
  const rows = await sql`
    with old as materialized (
      select id from exchanges where at < now() - make_interval(days => ${days}) order by at limit ${limit}
      for update skip locked
    ),
    gone as (delete from exchanges e using old where e.id = old.id returning 1)
    select count(*)::int as gone from gone`;
  return rows[0]?.gone ?? 0;
}
