import type postgres from 'postgres';
import type { Callback, CallbackEvent, SigningSecrets } from '../core/callback.ts';
import type { Phone } from '../core/phone.ts';
import type { HttpMethod } from '../core/session.ts';
import { callFacts } from './callback-facts.ts';
import { calleeSeal, callerSeal } from './calls.ts';
import type { Db } from './connect.ts';
import { openSecrets, type SecretsRow, selectSecrets } from './signing-secrets.ts';
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

/** A callback that is ours to send until its lease runs out, sealed as it is stored: see `openCallback`. */
export interface DueCallback {
  readonly id: string;
  readonly event: CallbackEvent;
  readonly accountId: string;
  readonly mainAccountId: string;
  readonly sessionId: string;
  readonly number: Phone;
  readonly callId: string | null;
  readonly callerCipher: Buffer | null;
  readonly calleeCipher: Buffer | null;
  readonly sequence: number;
  readonly occurredAtMs: number;
  readonly details: Callback['details'];
  readonly url: string;
  readonly method: HttpMethod;
  readonly endpoint: string;
  /** How many attempts were begun, this one included. */
  readonly attempt: number;
  /** The same in this round of the schedule. */
  readonly attemptInRound: number;
  /** How many of those before this one are known to have failed; of the others nothing was heard again. */
  readonly failuresInRound: number;
  readonly secrets: SecretsRow;
  /** Null where the callback is the main account's own. */
  readonly mainSecrets: SecretsRow | null;
}

/**
 * Takes callbacks that are due, so that slow receivers cannot fill the window of the others: at most `perEndpoint`
 * of each of `quickEndpoints`, `perOther` of each other (and `othersLimit` of those in all), none of `busyEndpoints`,
 * and none that is paused. Whoever takes one has it for `leaseSeconds`; if it is not settled by then, it is due again.
 *
 * What a callback says of its call is fixed when it is first taken, so that all its attempts say the same.
 */
export async function takeDueCallbacks(
  db: Db,
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
  return sql<DueCallback[]>`
    with recursive receivers as (
      -- Steps from one endpoint to the next through the index, however many callbacks each has waiting.
      (select endpoint from callbacks where state = 'pending' order by endpoint limit 1)
      union all
      select (select c.endpoint from callbacks c where c.state = 'pending' and c.endpoint > r.endpoint order by c.endpoint limit 1)
      from receivers r where r.endpoint is not null
    ),
    paused as materialized (select account_id, endpoint from endpoints where paused_at is not null),
    free as (
      select endpoint, endpoint = any(${[...wish.quickEndpoints]}::text[]) as is_quick from receivers
      where endpoint is not null and endpoint <> all(${[...wish.busyEndpoints]}::text[])
    ),
    waiting as materialized (
      select d.*, f.is_quick from free f cross join lateral (
        select c.id, c.call_id, c.recording_id from callbacks c
        where c.state = 'pending' and c.endpoint = f.endpoint and c.next_attempt_at <= now()
          and (c.account_id, c.endpoint) not in (select account_id, endpoint from paused)
        order by c.next_attempt_at limit case when f.is_quick then ${wish.perEndpoint}::int else ${wish.perOther}::int end
        for update of c skip locked
      ) d
    ),
    due as materialized (
      (select * from waiting where is_quick order by random() limit ${wish.limit})
      union all
      (select * from waiting where not is_quick order by random() limit ${wish.othersLimit})
      limit ${wish.limit}
    ),
    taken as (
      update callbacks c set attempts = c.attempts + 1,
        next_attempt_at = now() + make_interval(secs => ${wish.leaseSeconds}),
        details = case when c.attempts = 0 and c.call_id is not null then c.details || (
          select ${callFacts(sql)} from (select c.call_id as id) one
          left join calls k on k.id = one.id left join recordings r on r.id = c.recording_id) else c.details end
      -- Not joined, here and below: a plan that was kept from when there were none would walk through all of them.
      where c.id = any(array(select id from due))
      returning c.*
    )
    select t.id, t.event, t.session_id as "sessionId", v.number, t.call_id as "callId", k.caller_cipher as "callerCipher",
      k.callee_cipher as "calleeCipher", t.sequence, extract(epoch from t.occurred_at)::float8 * 1000 as "occurredAtMs",
      t.details, t.url, t.method, t.endpoint, t.attempts as attempt, t.attempts - t.schedule_start as "attemptInRound",
      (select count(*)::int from callback_attempts a where a.callback_id = t.id and a.attempt > t.schedule_start)
        as "failuresInRound",
      t.account_id as "mainAccountId", coalesce(t.subaccount_id, t.account_id) as "accountId",
      ${selectSecrets(sql, sql`coalesce(t.subaccount_id, t.account_id)`)} as secrets,
      case when t.subaccount_id is not null then ${selectSecrets(sql, sql`t.account_id`)} end as "mainSecrets"
    from taken t
    cross join lateral (select number from virtual_numbers where id = t.virtual_number_id offset 0) v
    left join lateral (select caller_cipher, callee_cipher from calls where id = t.call_id offset 0) k on true`;
}

/** What a callback says and is signed with. @throws when something in it was sealed with another key. */
export function openCallback(vault: Vault, due: DueCallback) {
  const { callId, number, occurredAtMs, callerCipher, calleeCipher, secrets, mainSecrets } = due;
  const phone = (cipher: Buffer | null, seal: (callId: string) => string) =>
    callId !== null && cipher !== null ? (vault.open(cipher, seal(callId)) as Phone) : null;
  const callback: Callback = {
    id: due.id,
    event: due.event,
    accountId: due.accountId,
    sessionId: due.sessionId,
    virtualNumber: number,
    caller: phone(callerCipher, callerSeal),
    callee: phone(calleeCipher, calleeSeal),
    sequence: due.sequence,
    occurredAt: new Date(occurredAtMs),
    details: due.details,
    url: due.url,
    method: due.method,
  };
  const own: SigningSecrets = openSecrets(vault, secrets);
  return { callback, secrets: own, mainSecrets: mainSecrets === null ? own : openSecrets(vault, mainSecrets) };
}

/**
 * In how many milliseconds the next callback will be due that was not due `sinceMs` ago, below zero where it is by now;
 * null where none waits. Those of receivers that are paused are among them.
 */
export async function nextDueInMs({ sql }: Db, sinceMs: number): Promise<number | null> {
  const [row] = await sql<{ ms: number | null }[]>`
    with recursive receivers as (
      (select endpoint from callbacks where state = 'pending' order by endpoint limit 1)
      union all
      select (select c.endpoint from callbacks c where c.state = 'pending' and c.endpoint > r.endpoint order by c.endpoint limit 1)
      from receivers r where r.endpoint is not null
    )
    select extract(epoch from min(next.at) - clock_timestamp())::float8 * 1000 as ms
    from receivers r cross join lateral (
      select c.next_attempt_at as at from callbacks c
      where c.state = 'pending' and c.endpoint = r.endpoint
        and c.next_attempt_at > now() - make_interval(secs => ${sinceMs / 1000})
      order by c.next_attempt_at limit 1
    ) next`;
  return row?.ms ?? null;
}
