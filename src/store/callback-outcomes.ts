import { type Db, keyed } from './connect.ts';
import { holdBack } from './endpoints.ts';
import { jsonRows, shared } from './shared.ts';
import type { Vault } from './vault.ts';

/** An attempt that was made, whatever came of it. */
export interface Attempt {
  readonly callbackId: string;
  readonly attempt: number;
  readonly mainAccountId: string;
  readonly endpoint: string;
  readonly durationMs: number;
}

/** When a receiver has failed for long enough to be left alone. */
export interface PauseRule {
  readonly failures: number;
  readonly seconds: number;
}

/** The same for one that the receiver took. */
export interface Delivery extends Attempt {
  readonly status: number;
}

/**
 * Settles an attempt that the receiver took: logged, and its endpoint is well again. What was paused meanwhile is
 * delivered all the same; a callback that was sent again since then still is.
 *
 * Locks go endpoints → callbacks here and below, as in a pause. Keyed by the attempt.
 */
export const markDelivered = shared<Delivery, void>({ run: markAllDelivered, keyOf: ({ callbackId }) => callbackId });

async function markAllDelivered({ sql }: Db, _vault: Vault, deliveries: readonly Delivery[]): Promise<undefined[]> {
  const made = deliveries.map(({ callbackId, attempt, mainAccountId, endpoint, durationMs, status }) => {
    return { id: callbackId, attempt, account_id: mainAccountId, endpoint, duration_ms: durationMs, status };
  });
  await keyed(
    () => sql`
    with made as materialized (
      select * from json_to_recordset(${jsonRows(made)}::text::json) as m(id uuid, attempt int, account_id text,
        endpoint text, duration_ms int, status int)
    ),
    logged as (
      insert into callback_attempts (callback_id, attempt, at, status, duration_ms)
      select id, attempt, now() - make_interval(secs => duration_ms / 1000.0), status, duration_ms from made order by id
      on conflict do nothing returning callback_id
    ),
    fresh as materialized (select m.* from made m join logged l on l.callback_id = m.id),
    well as materialized (
      select account_id, endpoint from endpoints
      where (account_id, endpoint) in (select account_id, endpoint from fresh) and paused_at is null
      order by account_id, endpoint for update
    ),
    -- Nothing is written where there is nothing to forget.
    forgotten as (delete from endpoints e using well w where e.account_id = w.account_id and e.endpoint = w.endpoint
      returning 1),
    taken as materialized (
      select c.id, f.status from (select * from fresh where (select count(*) from forgotten) >= 0 order by id) f
      cross join lateral (
        select id from callbacks where id = f.id and state in ('pending', 'paused') and schedule_start < f.attempt
        for no key update) c
    )
    update callbacks c set state = 'delivered', delivered_at = now(), last_error = null,
      last_status = (select t.status from taken t where t.id = c.id)
    -- Not joined: a plan that was kept from when there were none would walk through all of them.
    where c.id = any(array(select id from taken))`,
  );
  return deliveries.map(() => undefined);
}

/**
 * Settles an attempt that failed: the next one is due after the delay, or never where it is null. With nothing but
 * failures for as long as the rule says, the endpoint is paused, and so is what waits for it.
 *
 * @returns true when the endpoint was paused by this failure.
 */
export async function markFailed(
  db: Db,
  made: Attempt,
  failure: { readonly status: number | null; readonly error: string; readonly retryInSeconds: number | null },
  rule: PauseRule,
): Promise<boolean> {
  const { sql } = db;
  const isTooMuch = sql`e.paused_at is null and e.failures + 1 >= ${rule.failures}
    and e.failing_since <= now() - make_interval(secs => ${rule.seconds})`;
  const rows = await keyed(
    () => sql<{ isNew: boolean }[]>`
    with logged as (
      insert into callback_attempts (callback_id, attempt, at, status, error, duration_ms)
      values (${made.callbackId}, ${made.attempt}, now() - make_interval(secs => ${made.durationMs / 1000}),
        ${failure.status}, ${failure.error}, ${made.durationMs})
      on conflict do nothing returning callback_id
    ),
    place as materialized (
      insert into endpoints as e (account_id, endpoint, failures, failing_since)
      select ${made.mainAccountId}, ${made.endpoint}, 1, now() from logged
      on conflict (account_id, endpoint) do update set failures = e.failures + 1,
        failing_since = coalesce(e.failing_since, now()),
        paused_at = case when ${isTooMuch} then now() else e.paused_at end,
        pause_reason = case when ${isTooMuch} then 'failing' else e.pause_reason end
      returning account_id, endpoint, paused_at is not null as is_paused,
        coalesce(paused_at = now() and pause_reason = 'failing', false) as is_new
    ),
    settled as (
      update callbacks c set
        state = case when ${failure.retryInSeconds === null} then 'given_up' when p.is_paused then 'paused' else 'pending' end,
        next_attempt_at = now() + make_interval(secs => ${failure.retryInSeconds ?? 0}),
        last_status = ${failure.status}, last_error = ${failure.error}
      from place p
      -- A late word, after somebody else took it or it is to be sent again, changes nothing.
      where c.id = ${made.callbackId} and c.state in ('pending', 'paused') and c.attempts = ${made.attempt}
        and c.schedule_start < ${made.attempt}
    ),
    paused as materialized (select account_id, endpoint from place where is_new),
    held as (${holdBack(sql, made.callbackId)})
    select is_new as "isNew" from place`,
  );
  return rows[0]?.isNew ?? false;
}
