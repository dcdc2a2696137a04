import { and, type Column, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { Scope } from '../core/account.ts';
import { countedUpTo, type ListPage } from '../core/page.ts';
import type { MaskingSession, Side } from '../core/session.ts';
import type { Range, SessionFilter } from '../core/session-filter.ts';
import type { Db } from './connect.ts';
import { findInteractions } from './interactions.ts';
import { durationOf, sessions, virtualNumbers } from './schema.ts';
import { isInProgress, isLive, runningCalls, toSession } from './session-rows.ts';
import { toSettings } from './stored-settings.ts';
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
  const settings = toSettings(row.settings);
  return side === 'first' ? settings.firstPartyPlayUrl : settings.secondPartyPlayUrl;
}

/** A page of the account's sessions, newest first, and how many there are in all, counted as far as `countedUpTo`. */
export async function listSessions(
  db: Db,
  vault: Vault,
  scope: Scope,
  filter: SessionFilter,
  page: ListPage,
): Promise<{ total: number; sessions: readonly MaskingSession[] }> {
  const { total, ids } = await findPage(db, searchFor(vault, scope, filter), page, countedUpTo(page, filter));
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
  /** Selects those that are wanted in the order of another index; null where `among` are few, or all are wanted. */
  readonly first: SQL | null;
}

/**
 * Finds the sessions of a page, and how many there are, by indexes that may be enough. Those that are found `first` are
 * found as far as they are counted. Where that is all of them they are put into the list's order; else there are so many
 * that the newest are soon met. No plan goes by how many are expected, which after a bulk load nobody knows: each order
 * has an index, and the offset keeps `where` from leading elsewhere.
 */
async function findPage({ orm }: Db, { where, among, first }: Search, page: ListPage, upTo: number) {
  const newest = sql`order by created_at desc, id desc`;
  const ofPage = sql`${newest} limit ${page.limit} offset ${page.offset}`;
  const walked = sql`(select * from sessions where ${among} ${newest} offset 0) sessions`;
  const found = first
    ? sql`${first} limit ${upTo}`
    : sql`select id, created_at from ${walked} where ${where} ${newest} limit ${upTo}`;
  const isCut = sql`(select total from counted) = ${upTo}`;
  const ids = first
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
  const [party, place] = [parties, places].map((conditions) => conditions.find((one) => one));
  const wanted = and(
    inScope(scope),
    ...[...parties, ...places, ...created, ...(status ? statusConditions(status) : [])],
    ...within(sessions.expiresAt, expiresAt),
    ...within(DURATION, durationSeconds),
  );
  const where = status === 'in-progress' ? and(wanted, isInProgress) : wanted;
  const byIndexOf = (key: SQL | typeof sessions.expiresAt) =>
    sql`select id, created_at from sessions where ${where} order by ${key}`;
  const first = () => {
    if (party) return null;
    if (status === 'in-progress') return sql`select id, created_at from ${RUNNING} where ${wanted}`;
    if (place) return null;
    if (isLimited(durationSeconds)) return byIndexOf(DURATION);
    return status !== undefined || isLimited(expiresAt) ? byIndexOf(sessions.expiresAt) : null;
  };
  return { where, among: and(party ?? place ?? eq(sessions.accountId, scope.accountId), ...created), first: first() };
}

const isLimited = (range: Range<unknown>) => Object.keys(range).length > 0;

function inScope(scope: Scope): SQL | undefined {
  const account = eq(sessions.accountId, scope.accountId);
  return scope.subaccountId === null ? account : and(account, eq(sessions.subaccountId, scope.subaccountId));
}

const DURATION = durationOf(sessions);

// Of whichever account, each once, in the order of the calls' index: from one session to the next, however many calls
// each has.
const RUNNING = sql`(
    with recursive each as (
      (select c.session_id from ${runningCalls} order by c.session_id limit 1)
      union all
      select (select c.session_id from ${runningCalls} and c.session_id > e.session_id order by c.session_id limit 1)
      from each e where e.session_id is not null
    )
    select session_id from each where session_id is not null) running
  cross join lateral (select * from sessions where sessions.id = running.session_id offset 0) sessions`;

// By the expiry alone, which indexes have: one that was ended early expired then. That a call is running is asked apart,
// where it is not what they are found by.
function statusConditions(status: NonNullable<SessionFilter['status']>): SQL[] {
  switch (status) {
    case 'active':
      return [gt(sessions.expiresAt, sql`now()`), sql`not ${isInProgress}`];
    case 'expired':
      return [lte(sessions.expiresAt, sql`now()`)];
    case 'in-progress':
      return [gt(sessions.expiresAt, sql`now()`)];
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
