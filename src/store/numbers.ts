import { and, asc, count, eq, inArray, isNull, like, notExists, sql } from 'drizzle-orm';
import type { Scope } from '../core/account.ts';
import type { Country, Phone } from '../core/phone.ts';
import type { Db } from './connect.ts';
import { sqlState } from './connect.ts';
import { leases, providers, virtualNumbers } from './schema.ts';

/** A number of the pool, with its provider's dialect. */
export interface VirtualNumber {
  readonly number: Phone;
  readonly subaccountId: string | null;
  readonly country: string;
  readonly alias: string | null;
  readonly addedAt: Date;
  readonly dialect: string;
}

const inPool = isNull(virtualNumbers.retiredAt);

/** A main account's requests see all its numbers, a subaccount's those attached to it. */
function inScope(scope: Scope) {
  const account = eq(virtualNumbers.accountId, scope.accountId);
  return scope.subaccountId === null ? account : and(account, eq(virtualNumbers.subaccountId, scope.subaccountId));
}

const shown = {
  number: virtualNumbers.number,
  subaccountId: virtualNumbers.subaccountId,
  country: virtualNumbers.country,
  alias: virtualNumbers.alias,
  addedAt: virtualNumbers.addedAt,
  dialect: providers.dialect,
};

export async function findNumber(db: Db, scope: Scope, number: Phone): Promise<VirtualNumber | null> {
  const [row] = await db.orm
    .select(shown)
    .from(virtualNumbers)
    .innerJoin(providers, eq(providers.id, virtualNumbers.providerId))
    .where(and(inScope(scope), inPool, eq(virtualNumbers.number, number)));
  return row ?? null;
}

export interface NumberFilter {
  readonly startsWith?: string;
  readonly subaccountId?: string;
  readonly alias?: string;
}

/** A page of the pool in the order in which it was filled, and how many there are in all. */
export async function listNumbers(
  db: Db,
  scope: Scope,
  filter: NumberFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; numbers: readonly VirtualNumber[] }> {
  const where = and(
    inScope(scope),
    inPool,
    filter.startsWith ? like(virtualNumbers.number, `+${filter.startsWith}%`) : undefined,
    filter.subaccountId ? eq(virtualNumbers.subaccountId, filter.subaccountId) : undefined,
    filter.alias ? eq(virtualNumbers.alias, filter.alias) : undefined,
  );
  const [numbers, [all]] = await Promise.all([
    db.orm
      .select(shown)
      .from(virtualNumbers)
      .innerJoin(providers, eq(providers.id, virtualNumbers.providerId))
      .where(where)
      .orderBy(asc(virtualNumbers.id))
      .limit(page.limit)
      .offset(page.offset),
    db.orm.select({ total: count() }).from(virtualNumbers).where(where),
  ]);
  return { total: all?.total ?? 0, numbers };
}

export interface NewNumber {
  readonly number: Phone;
  readonly country: Country;
}

/**
 * Puts numbers into the pool, all or none. One that is there already is brought to what is declared; one
 * that left the pool comes back, to another account only when nothing holds it any more.
 *
 * @param actor who does it: a subaccount may not take over a number of its main account or of a sibling; the
 *   operator may move a number that nothing holds, whoever has it.
 * @returns 'taken' when one belongs to somebody else.
 */
export async function putNumbers(
  db: Db,
  actor: Scope | 'operator',
  place: {
    readonly accountId: string;
    readonly subaccountId: string | null;
    readonly providerId: number;
    readonly alias: string | null;
  },
  numbers: readonly NewNumber[],
): Promise<'put' | 'taken'> {
  const { sql: query } = db;
  const subaccountId = actor === 'operator' ? null : actor.subaccountId;
  try {
    await query`
      with put as (
        insert into virtual_numbers as v (number, account_id, subaccount_id, provider_id, country, alias)
        select w.number, ${place.accountId}, ${place.subaccountId}, ${place.providerId}, w.country, ${place.alias}
        from unnest(${numbers.map((n) => n.number)}::text[], ${numbers.map((n) => n.country)}::text[]) as w(number, country)
        order by w.number
        on conflict (number) do update set account_id = excluded.account_id, subaccount_id = excluded.subaccount_id,
          provider_id = excluded.provider_id, alias = coalesce(excluded.alias, v.alias), retired_at = null
        where (v.account_id = excluded.account_id and (${subaccountId}::text is null or v.subaccount_id = ${subaccountId}))
          or ((v.retired_at is not null or ${actor === 'operator'}) and not exists (
          select from leases l where l.virtual_number_id = v.id and l.held_until > now()))
        returning 1
      )
      select case when (select count(*) from put) < ${numbers.length} then refuse('taken') end`;
    return 'put';
  } catch (error) {
    if (sqlState(error) === 'BA001') return 'taken';
    throw error;
  }
}

export interface NumberChange {
  readonly alias?: string | null;
  readonly subaccountId?: string | null;
  readonly providerId?: number;
}

/** @returns false where the account has no such number. */
export async function changeNumber(db: Db, scope: Scope, number: Phone, change: NumberChange): Promise<boolean> {
  const rows = await db.orm
    .update(virtualNumbers)
    // An update must set something; the number itself stays as it is.
    .set({ number, ...change })
    .where(and(inScope(scope), inPool, eq(virtualNumbers.number, number)))
    .returning({ id: virtualNumbers.id });
  return rows.length > 0;
}

/**
 * Takes a number out of the pool unless a session or a cool-off holds it. A session that is being made on
 * it in this very moment keeps it until it ends: the number goes on answering for it.
 *
 * @returns false when it is held, or not there.
 */
export async function retireNumber(db: Db, scope: Scope, number: Phone): Promise<boolean> {
  const held = db.orm
    .select({ one: sql`1` })
    .from(leases)
    .where(and(eq(leases.virtualNumberId, virtualNumbers.id), sql`${leases.heldUntil} > now()`));
  const rows = await db.orm
    .update(virtualNumbers)
    .set({ retiredAt: sql`now()` as unknown as Date })
    .where(and(inScope(scope), inPool, eq(virtualNumbers.number, number), notExists(held)))
    .returning({ id: virtualNumbers.id });
  return rows.length > 0;
}

/** Those of the phones that are virtual numbers, of whichever account. */
export async function virtualAmong(db: Db, phones: readonly Phone[]): Promise<readonly Phone[]> {
  const rows = await db.orm
    .select({ number: virtualNumbers.number })
    .from(virtualNumbers)
    .where(and(inPool, inArray(virtualNumbers.number, [...phones])));
  return rows.map((row) => row.number);
}
