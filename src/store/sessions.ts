import { and, type Column, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { Scope } from '../core/account.ts';
import { countedUpTo, type ListPage } from '../core/page.ts';
import type { MaskingSession, Side } from '../core/session.ts';
import type { Range, SessionFilter } from '../core/session-filter.ts';
import type { Db } from './connect.ts';
import { findInteractions } from './interactions.ts';
import { durationOf, sessions, virtualNumbers } from './schema.ts';
import { isInProgress, isLive, toSession } from './session-rows.ts';
import type { Vault } from './vault.ts';

/** One session of the account, live or not; null where it has none of that id. */
export async function findSession(db: Db, vault: Vault, scope: Scope, id: string): Promise<MaskingSession | null> {
  const [row] = await db.orm
    .select({ session: sessions, number: virtualNumbers.number, isLive, isInProgress })
    .from(sessions)
    .innerJoin(virtualNumbers, eq(virtualNumbers.id, sessions.virtualNumberId))
    .where(and(inScope(scope), eq(sessions.id, id)));
  if (!row) return null;
  const interactions = await findInteractions(db, [id]);
  return toSession(vault, row, interactions.get(id) ?? []);
}

/** The main account of a session, whoever asks; null where there is no session of that id. */
export async function ownerOfSession({ sql }: Db, id: string): Promise<string | null> {
  const [row] = await sql<{ owner: string }[]>`select account_id as owner from sessions where id = ${id}`;
  return row?.owner ?? null;
}

/** What a side of a session hears before it is connected; '' for nothing, null for an unknown session. */
export async function playUrl(db: Db, accountId: string, id: string, side: Side): Promise<string | null> {
  const [row] = await db.orm
    .select({ settings: sessions.settings })
    .from(sessions)
    .where(and(eq(sessions.accountId, accountId), eq(sessions.id, id)));
  if (!row) return null;
  return side === 'first' ? row.settings.firstPartyPlayUrl : row.settings.secondPartyPlayUrl;
}

/** A page of the account's sessions, newest first, and how many there are in all, counted as far as `countedUpTo`. */
export async function listSessions(
  db: Db,
  vault: Vault,
  scope: Scope,
  filter: SessionFilter,
  page: ListPage,
): Promise<{ total: number; sessions: readonly MaskingSession[] }> {
  const { total, ids } = await findPage(db, searchFor(vault, scope, filter), page);
  const [rows, interactions] = await Promise.all([
    db.orm
      .select({ session: sessions, number: virtualNumbers.number, isLive, isInProgress })
      .from(sessions)
      .innerJoin(virtualNumbers, eq(virtualNumbers.id, sessions.virtualNumberId))
      .where(inArray(sessions.id, ids))
      .orderBy(...NEWEST),
    findInteractions(db, ids),
  ]);
  return { total, sessions: rows.map((row) => toSession(vault, row, interactions.get(row.session.id) ?? [])) };
}

const NEWEST = [desc(sessions.createdAt), desc(sessions.id)];

interface Search {
  readonly where: SQL | undefined;
  /** What one index leads to, the newest first: the sessions of somebody, or all of an account. */
  readonly among: SQL | undefined;
  /** The ends of an account's sessions that are wanted; null where the newest of `among` are few, or all are wanted. */
  readonly key: SQL | typeof sessions.expiresAt | null;
}

/**
 * Finds the sessions of a page, and how many there are, among sessions alone, so that an index may be enough. Those with
 * a key are found by its index, in its order, as far as they are counted. Where that is all of them they are put into
 * the list's order; else there are so many that the newest are soon met. No plan goes by how many are expected, which
 * after a bulk load nobody knows: each order has an index, and the offset keeps `where` from leading elsewhere.
 */
async function findPage({ orm }: Db, { where, among, key }: Search, page: ListPage) {
  const upTo = countedUpTo(page);
  const newest = sql`order by created_at desc, id desc`;
  const ofPage = sql`${newest} limit ${page.limit} offset ${page.offset}`;
  const walked = sql`(select * from sessions where ${among} ${newest} offset 0) sessions`;
  const found = key
    ? sql`select id, created_at from sessions where ${where} order by ${key} limit ${upTo}`
    : sql`select id, created_at from ${walked} where ${where} ${newest} limit ${upTo}`;
  const isCut = sql`(select total from counted) = ${upTo}`;
  const ids = key
    ? sql`(select id from found where not ${isCut} ${ofPage})
        union all (select id from ${walked} where ${isCut} and ${where} ${ofPage})`
    : sql`select id from found ${ofPage}`;
  const [row] = await orm.execute<{ total: number; ids: string[] }>(sql`
    with found as (${found}), counted as (select count(*)::int as total from found)
    select (select total from counted) as total, array(${ids}) as ids`);
  if (row === undefined) throw new Error('nothing was found, not even nothing');
  return row;
}

function searchFor(vault: Vault, scope: Scope, filter: SessionFilter): Search {
  const { firstParty, secondParty, virtualNumber, status, durationSeconds, expiresAt } = filter;
  const subaccountId = filter.subaccountId ?? scope.subaccountId;
  const parties = [
    firstParty && eq(sessions.firstPartyDigest, vault.phoneDigest(firstParty)),
    secondParty && eq(sessions.secondPartyDigest, vault.phoneDigest(secondParty)),
  ];
  const places = [
    virtualNumber &&
      sql`${sessions.virtualNumberId} = (select v.id from virtual_numbers v where v.number = ${virtualNumber})`,
    subaccountId ? eq(sessions.subaccountId, subaccountId) : undefined,
  ];
  const created = within(sessions.createdAt, filter.createdAt);
  // Those that are likely to be the fewest first.
  const somebodys = [...parties, status === 'in-progress' ? RUNNING : undefined, ...places].find((one) => one);
  const byExpiry = status !== undefined || isLimited(expiresAt) ? sessions.expiresAt : null;
  return {
    where: and(
      inScope(scope),
      ...[...parties, ...places, ...created, ...(status ? statusConditions(status) : [])],
      ...within(sessions.expiresAt, expiresAt),
      ...within(DURATION, durationSeconds),
    ),
    among: and(somebodys ?? eq(sessions.accountId, scope.accountId), ...created),
    key: somebodys ? null : isLimited(durationSeconds) ? DURATION : byExpiry,
  };
}

const isLimited = (range: Range<unknown>) => Object.keys(range).length > 0;

function inScope(scope: Scope): SQL | undefined {
  const account = eq(sessions.accountId, scope.accountId);
  return scope.subaccountId === null ? account : and(account, eq(sessions.subaccountId, scope.subaccountId));
}

const DURATION = durationOf(sessions);

// Of whichever account.
const RUNNING = sql`${sessions.id} = any(array(
  select c.session_id from calls c where not c.is_over and c.outcome in ('connected', 'placed')))`;

// By the expiry alone, which indexes have: one that was ended early expired then. Whether a call is running is asked in
// a way that is never made a join, so that PostgreSQL may hash the calls that are.
function statusConditions(status: NonNullable<SessionFilter['status']>): SQL[] {
  switch (status) {
    case 'active':
      return [gt(sessions.expiresAt, sql`now()`), sql`(${isInProgress}) is not true`];
    case 'expired':
      return [lte(sessions.expiresAt, sql`now()`)];
    case 'in-progress':
      return [gt(sessions.expiresAt, sql`now()`), sql`(${isInProgress}) is true`];
    default:
      return status satisfies never;
  }
}

function within<T>(what: Column | SQL<T>, range: Range<T>): SQL[] {
  const { gt: above, gte: from, lt: below, lte: upTo } = range;
  return [
    ...(above === undefined ? [] : [gt(what as Column, above)]),
    ...(from === undefined ? [] : [gte(what as Column, from)]),
    ...(below === undefined ? [] : [lt(what as Column, below)]),
    ...(upTo === undefined ? [] : [lte(what as Column, upTo)]),
  ];
}
