import { and, asc, count, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { Scope } from '../core/account.ts';
import type { CallbackEvent } from '../core/callback.ts';
import type { HttpMethod } from '../core/session.ts';
import type { Range } from '../core/session-filter.ts';
import type { Db } from './connect.ts';
import { callbackAttempts, callbacks } from './schema-callbacks.ts';

export type CallbackState = 'pending' | 'paused' | 'delivered' | 'given_up';

/** A callback as its operators see it: where it stands, never what it says. */
export interface LoggedCallback {
  readonly id: string;
  readonly sessionId: string;
  readonly event: CallbackEvent;
  readonly sequence: number;
  readonly state: CallbackState;
  readonly endpoint: string;
  readonly url: string;
  readonly method: HttpMethod;
  readonly occurredAt: Date;
  readonly nextAttemptAt: Date;
  readonly deliveredAt: Date | null;
  /** How many were begun. */
  readonly attempts: number;
}

export interface LoggedAttempt {
  readonly callbackId: string;
  readonly attempt: number;
  readonly at: Date;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
}

/** Which callbacks; absent fields do not limit. `endpoint` is any address that begins with it. */
export interface CallbackFilter {
  readonly sessionId?: string;
  readonly event?: CallbackEvent;
  readonly state?: CallbackState;
  readonly endpoint?: string;
  readonly occurredAt: Range<Date>;
}

const shown = {
  id: callbacks.id,
  sessionId: callbacks.sessionId,
  event: callbacks.event,
  sequence: callbacks.sequence,
  state: callbacks.state,
  endpoint: callbacks.endpoint,
  url: callbacks.url,
  method: callbacks.method,
  occurredAt: callbacks.occurredAt,
  nextAttemptAt: callbacks.nextAttemptAt,
  deliveredAt: callbacks.deliveredAt,
  attempts: callbacks.attempts,
};

export async function findCallback(db: Db, scope: Scope, id: string): Promise<LoggedCallback | null> {
  const [row] = await db.orm
    .select(shown)
    .from(callbacks)
    .where(and(inScope(scope), eq(callbacks.id, id)));
  return row ? (row as LoggedCallback) : null;
}

/** A page of callbacks, newest first, and how many there are in all. */
export async function listCallbacks(
  db: Db,
  scope: Scope,
  filter: CallbackFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; callbacks: readonly LoggedCallback[] }> {
  const where = and(inScope(scope), ...conditions(filter));
  const [rows, [all]] = await Promise.all([
    db.orm
      .select(shown)
      .from(callbacks)
      .where(where)
      .orderBy(desc(callbacks.occurredAt), desc(callbacks.id))
      .limit(page.limit)
      .offset(page.offset),
    db.orm.select({ total: count() }).from(callbacks).where(where),
  ]);
  return { total: all?.total ?? 0, callbacks: rows as LoggedCallback[] };
}

/** The recorded attempts of these callbacks, in their order. */
export async function attemptsOf(db: Db, ids: readonly string[]): Promise<readonly LoggedAttempt[]> {
  return db.orm
    .select()
    .from(callbackAttempts)
    .where(inArray(callbackAttempts.callbackId, [...ids]))
    .orderBy(asc(callbackAttempts.callbackId), asc(callbackAttempts.attempt));
}

/**
 * Makes callbacks due now, in a new round of the schedule; those of paused endpoints stay as they are.
 *
 * @param atMost with more than this nothing is done.
 * @returns how many are due now; null where there are too many.
 */
export async function resendCallbacks(
  db: Db,
  scope: Scope,
  which: { readonly id: string } | CallbackFilter,
  atMost: number,
): Promise<number | null> {
  const chosen = db.orm
    .select({ id: callbacks.id })
    .from(callbacks)
    .where(
      and(
        inScope(scope),
        ...('id' in which ? [eq(callbacks.id, which.id)] : conditions(which)),
        sql`${callbacks.state} <> 'paused'`,
        sql`not exists (select from endpoints e where e.account_id = ${callbacks.accountId}
          and e.endpoint = ${callbacks.endpoint} and e.paused_at is not null)`,
      ),
    )
    // In one order, so that two resends never meet in a circle.
    .orderBy(asc(callbacks.id))
    .limit(atMost + 1)
    .for('update');
  const rows = await db.orm.execute<{ total: number }>(sql`
    with chosen as materialized (${chosen}),
    resent as (
      update callbacks c set state = 'pending', next_attempt_at = now(), schedule_start = c.attempts
      from chosen where c.id = chosen.id and (select count(*) from chosen) <= ${atMost}
    )
    select count(*)::int as total from chosen`);
  const total = rows[0]?.total ?? 0;
  return total > atMost ? null : total;
}

function inScope(scope: Scope): SQL | undefined {
  const account = eq(callbacks.accountId, scope.accountId);
  return scope.subaccountId === null ? account : and(account, eq(callbacks.subaccountId, scope.subaccountId));
}

function conditions({ sessionId, event, state, endpoint, occurredAt }: CallbackFilter): (SQL | undefined)[] {
  return [
    sessionId ? eq(callbacks.sessionId, sessionId) : undefined,
    event ? eq(callbacks.event, event) : undefined,
    state ? eq(callbacks.state, state) : undefined,
    endpoint ? sql`${callbacks.endpoint} = lower(substring(${endpoint}::text from '^[A-Za-z]+://[^/?#]+'))` : undefined,
    occurredAt.gte ? gte(callbacks.occurredAt, occurredAt.gte) : undefined,
    occurredAt.lt ? lt(callbacks.occurredAt, occurredAt.lt) : undefined,
  ];
}
