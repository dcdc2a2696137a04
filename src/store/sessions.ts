import { and, type Column, count, desc, eq, gt, gte, inArray, lt, lte, not, type SQL, sql } from 'drizzle-orm';
import type { Scope } from '../core/account.ts';
import type { MaskingSession, Side } from '../core/session.ts';
import type { Range, SessionFilter } from '../core/session-filter.ts';
import type { Db } from './connect.ts';
import { findInteractions } from './interactions.ts';
import { sessions, virtualNumbers } from './schema.ts';
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

/** A page of the account's sessions, newest first, and how many there are in all. */
export async function listSessions(
  db: Db,
  vault: Vault,
  scope: Scope,
  filter: SessionFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; sessions: readonly MaskingSession[] }> {
  const where = and(inScope(scope), ...conditions(vault, filter));
  const newest = [desc(sessions.createdAt), desc(sessions.id)];
  // Found and counted among sessions alone, so that an index may be enough; only those of the page are read.
  const found = db.orm.select({ id: sessions.id }).from(sessions).where(where);
  const ofPage = found
    .orderBy(...newest)
    .limit(page.limit)
    .offset(page.offset);
  const [rows, [all]] = await Promise.all([
    db.orm
      .select({ session: sessions, number: virtualNumbers.number, isLive, isInProgress })
      .from(sessions)
      .innerJoin(virtualNumbers, eq(virtualNumbers.id, sessions.virtualNumberId))
      .where(inArray(sessions.id, ofPage))
      .orderBy(...newest),
    db.orm.select({ total: count() }).from(sessions).where(where),
  ]);
  const interactions = await findInteractions(
    db,
    rows.map(({ session }) => session.id),
  );
  return {
    total: all?.total ?? 0,
    sessions: rows.map((row) => toSession(vault, row, interactions.get(row.session.id) ?? [])),
  };
}

function inScope(scope: Scope): SQL | undefined {
  const account = eq(sessions.accountId, scope.accountId);
  return scope.subaccountId === null ? account : and(account, eq(sessions.subaccountId, scope.subaccountId));
}

// Between the times as they are shown, cut to the second. As floating-point numbers, which have room for microseconds:
// there may be a million to compare, and numeric takes ten times as long.
const DURATION = sql<number>`floor(date_part('epoch', ${sessions.expiresAt})) - floor(date_part('epoch', ${sessions.createdAt}))`;

function conditions(vault: Vault, filter: SessionFilter): (SQL | undefined)[] {
  const { firstParty, secondParty, virtualNumber, status, subaccountId } = filter;
  return [
    firstParty && eq(sessions.firstPartyDigest, vault.phoneDigest(firstParty)),
    secondParty && eq(sessions.secondPartyDigest, vault.phoneDigest(secondParty)),
    virtualNumber &&
      sql`${sessions.virtualNumberId} = (select v.id from virtual_numbers v where v.number = ${virtualNumber})`,
    subaccountId ? eq(sessions.subaccountId, subaccountId) : undefined,
    ...(status ? [statusCondition(status)] : []),
    ...within(sessions.createdAt, filter.createdAt),
    ...within(sessions.expiresAt, filter.expiresAt),
    ...within(DURATION, filter.durationSeconds),
  ];
}

function statusCondition(status: NonNullable<SessionFilter['status']>): SQL | undefined {
  switch (status) {
    case 'active':
      return and(isLive, not(isInProgress));
    case 'expired':
      // One that was ended early expired then.
      return sql`${sessions.expiresAt} <= now()`;
    case 'in-progress':
      return and(isLive, isInProgress);
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
