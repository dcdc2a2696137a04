import type postgres from 'postgres';
import type { Callback, CallbackEvent } from '../core/callback.ts';
import type { Phone } from '../core/phone.ts';
import type { HttpMethod } from '../core/session.ts';
import { callerSeal } from './calls.ts';
import type { Db } from './connect.ts';
import type { Vault } from './vault.ts';

/**
 * Part of a statement that ends sessions: books the `SessionTimeout` of each row of its CTE `ended`, which
 * has the session's columns with the callback sequence already counted up.
 */
export function bookTimeouts(sql: postgres.Sql) {
  return sql`
    insert into callbacks (event_key, account_id, subaccount_id, session_id, virtual_number_id, event, sequence, url, method)
    select 'timeout:' || id, account_id, subaccount_id, id, virtual_number_id, 'SessionTimeout', callback_sequence,
      callback_url, callback_method
    from ended where callback_url <> ''
    on conflict (event_key) do nothing`;
}

/** A callback that is ours to send until its lease runs out. */
export interface DueCallback {
  readonly callback: Callback;
  /** The account whose token signs it. */
  readonly signerId: string;
  readonly endpoint: string;
  /** How many attempts were begun, this one included. */
  readonly attempt: number;
}

/**
 * Takes callbacks that are due, so that slow receivers cannot fill the window of the others: at most `perEndpoint`
 * of each of `quickEndpoints`, `perOther` of each other (and `othersLimit` of those in all), and none of
 * `busyEndpoints`. Whoever takes one has it for `leaseSeconds`; if it is not settled by then, it is due again.
 */
export async function takeDueCallbacks(
  db: Db,
  vault: Vault,
  wish: {
    readonly limit: number;
    readonly perEndpoint: number;
    readonly quickEndpoints: readonly string[];
    readonly perOther: number;
    readonly othersLimit: number;
    readonly busyEndpoints: readonly string[];
    readonly leaseSeconds: number;
  },
): Promise<readonly DueCallback[]> {
  const { sql } = db;
  const rows = await sql<DueRow[]>`
    with recursive endpoints as (
      -- Steps from one endpoint to the next through the index, however many callbacks each has waiting.
      (select endpoint from callbacks where state = 'pending' order by endpoint limit 1)
      union all
      select (select c.endpoint from callbacks c where c.state = 'pending' and c.endpoint > e.endpoint order by c.endpoint limit 1)
      from endpoints e where e.endpoint is not null
    ),
    free as (
      select endpoint, endpoint = any(${[...wish.quickEndpoints]}::text[]) as is_quick from endpoints
      where endpoint is not null and endpoint <> all(${[...wish.busyEndpoints]}::text[])
    ),
    waiting as materialized (
      select d.id, f.is_quick from free f cross join lateral (
        select c.id from callbacks c
        where c.state = 'pending' and c.endpoint = f.endpoint and c.next_attempt_at <= now()
        order by c.next_attempt_at limit case when f.is_quick then ${wish.perEndpoint}::int else ${wish.perOther}::int end
        for update skip locked
      ) d
    ),
    due as materialized (
      (select id from waiting where is_quick order by random() limit ${wish.limit})
      union all
      (select id from waiting where not is_quick order by random() limit ${wish.othersLimit})
      limit ${wish.limit}
    ),
    taken as (
      update callbacks c set attempts = c.attempts + 1, next_attempt_at = now() + make_interval(secs => ${wish.leaseSeconds})
      from due where c.id = due.id
      returning c.*
    )
    select t.id, t.event, t.session_id as "sessionId", v.number, t.call_id as "callId", k.caller_cipher as "callerCipher",
      t.sequence, extract(epoch from t.occurred_at)::float8 * 1000 as "occurredAtMs", t.details, t.url, t.method,
      t.endpoint, t.attempts, coalesce(t.subaccount_id, t.account_id) as "signerId"
    from taken t
    join virtual_numbers v on v.id = t.virtual_number_id
    left join calls k on k.id = t.call_id`;
  return rows.map((row) => toDueCallback(vault, row));
}

/** Settles an attempt that the receiver took. */
export async function markDelivered(db: Db, id: string, status: number): Promise<void> {
  await db.sql`
    update callbacks set state = 'delivered', delivered_at = now(), last_status = ${status}, last_error = null
    where id = ${id} and state = 'pending'`;
}

/** Settles an attempt that failed: the next one is due after the delay, or never where it is null. */
export async function markFailed(
  db: Db,
  id: string,
  failure: { readonly status: number | null; readonly error: string; readonly retryInSeconds: number | null },
): Promise<void> {
  await db.sql`
    update callbacks set
      state = ${failure.retryInSeconds === null ? 'given_up' : 'pending'},
      next_attempt_at = now() + make_interval(secs => ${failure.retryInSeconds ?? 0}),
      last_status = ${failure.status}, last_error = ${failure.error}
    where id = ${id} and state = 'pending'`;
}

interface DueRow {
  readonly id: string;
  readonly event: CallbackEvent;
  readonly sessionId: string;
  readonly number: Phone;
  readonly callId: string | null;
  readonly callerCipher: Buffer | null;
  readonly sequence: number;
  readonly occurredAtMs: number;
  readonly details: Callback['details'];
  readonly url: string;
  readonly method: HttpMethod;
  readonly endpoint: string;
  readonly attempts: number;
  readonly signerId: string;
}

function toDueCallback(vault: Vault, row: DueRow): DueCallback {
  const caller = row.callId && row.callerCipher ? vault.open(row.callerCipher, callerSeal(row.callId)) : null;
  return {
    signerId: row.signerId,
    endpoint: row.endpoint,
    attempt: row.attempts,
    callback: {
      id: row.id,
      event: row.event,
      sessionId: row.sessionId,
      virtualNumber: row.number,
      caller: caller as Phone | null,
      sequence: row.sequence,
      occurredAt: new Date(row.occurredAtMs),
      details: row.details,
      url: row.url,
      method: row.method,
    },
  };
}
