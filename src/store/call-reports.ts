import type { CallReport, LegReport, ReportedInstant } from '../core/call-report.ts';
import type { Phone } from '../core/phone.ts';
import { bookConsequences } from './call-books.ts';
import { ANONYMOUS, anonymousKey } from './call-facts.ts';
import { callerSeal } from './calls.ts';
import { type Db, keyed } from './connect.ts';
import type { Vault } from './vault.ts';

/** Whose report it is. */
export interface Reporter {
  readonly providerId: number;
  readonly accountId: string;
  readonly currency: string;
}

/** `orphan`: the call was never asked about. `repeated`: nothing in it was new. `contended`: book it again. */
export type ReportOutcome = 'booked' | 'repeated' | 'orphan' | 'contended';

/**
 * Adds what a provider reports to its call, and books what follows, in one statement. Instants keep the earliest
 * that was ever reported, figures the greatest; so reports may come in any order, again, late, or before the call
 * was asked about: the row ends the same. A call that is not known is kept as an orphan, which counts nowhere.
 *
 * Keyed by the provider's call: repeated after a lost connection it finds what the first try left.
 *
 * @param freshId the id of the row where there is none yet.
 */
export async function recordReport(
  db: Db,
  vault: Vault,
  reporter: Reporter,
  report: CallReport,
  freshId: string,
): Promise<ReportOutcome> {
  const { sql } = db;
  const { caller, virtualNumber, legA, legB, recording } = report;
  const anonymous = virtualNumber === null ? null : anonymousKey(vault, { caller, virtualNumber });
  const moment = (at: ReportedInstant | undefined) => {
    const text = at instanceof Date ? at.toISOString() : (at ?? null);
    return sql`case ${text}::text when 'heard' then now() else ${text}::text::timestamptz end`;
  };
  const leg = ({ startedAt, ringingAt, answeredAt, endedAt, ...told }: LegReport) => sql`
    ${moment(startedAt)}, ${moment(ringingAt)}, ${moment(answeredAt)}, ${moment(endedAt)},
    ${told.hangupCode ?? null}::int, ${told.hangupSource ?? null}, ${told.seconds ?? null}::int,
    ${told.billedSeconds ?? null}::int, ${told.rate ?? null}::text::numeric, ${told.cost ?? null}::text::numeric`;
  const rows = await keyed(
    () => sql<{ id: string; outcome: string; repeated: boolean | null; isNameless: boolean }[]>`
    with before as materialized (
      select * from calls where id = coalesce(
        (select id from calls where provider_id = ${reporter.providerId} and provider_call_id = ${report.callId}),
        -- Asked about without an id: the report, which has one, gives it to the latest call of these two numbers.
        (select id from calls
         where provider_id = ${reporter.providerId} and anonymous_key = ${anonymous} and provider_call_id like ${`${ANONYMOUS}%`}
           and started_at > now() - interval '1 day'
         order by started_at desc limit 1))
      for update
    ),
    after as (
      insert into calls as c (id, provider_id, provider_call_id, account_id, subaccount_id, virtual_number_id, direction,
        caller_digest, caller_cipher, outcome, reason, authenticated, pin_tries, version, currency,
        ${legColumns(sql, 'a')}, b_leg_id, ${legColumns(sql, 'b')})
      select ${freshId}::uuid, ${reporter.providerId}, coalesce(one.key, ${report.callId}), ${reporter.accountId}, v.subaccount_id, v.id,
        ${report.direction}, ${caller === null ? null : vault.phoneDigest(caller)},
        ${caller === null ? null : vault.seal(caller, callerSeal(freshId))}, 'orphan', 'never_asked', false,
        '{}'::text[], 0, ${reporter.currency}, ${leg(legA)}, ${legB.legId ?? null}, ${leg(legB)}
      from (select max(provider_call_id) as key from before) one
      left join virtual_numbers v on v.account_id = ${reporter.accountId} and v.number = ${report.virtualNumber}
      on conflict (provider_id, provider_call_id) do update set provider_call_id = ${report.callId},
        -- Not every report names the number, or says that the call was placed.
        virtual_number_id = coalesce(c.virtual_number_id, excluded.virtual_number_id),
        subaccount_id = coalesce(c.subaccount_id, excluded.subaccount_id),
        direction = greatest(c.direction, excluded.direction),
        ${mergeLeg(sql, 'a')}, b_leg_id = least(c.b_leg_id, excluded.b_leg_id), ${mergeLeg(sql, 'b')}
        -- One that came to be only since this began: what it was before is not known here, so book again.
        where (select count(*) from before) = 1
      returning c.*
    ),
    recorded as (
      insert into recordings as r (provider_id, recording_id, provider_call_id, account_id, url, format, duration_ms,
        started_at, ended_at, is_complete)
      select ${reporter.providerId}, ${recording?.recordingId ?? null}, ${report.callId}, ${reporter.accountId},
        ${recording?.url ?? null}, ${recording?.format ?? null}, ${recording?.durationMs ?? null}::bigint,
        ${moment(recording?.startedAt)}, ${moment(recording?.endedAt)}, ${recording?.isComplete ?? false}
      from after where ${recording !== null}
      on conflict (provider_id, recording_id) do update set
        url = coalesce(r.url, excluded.url), format = coalesce(r.format, excluded.format),
        duration_ms = greatest(r.duration_ms, excluded.duration_ms),
        started_at = least(r.started_at, excluded.started_at), ended_at = least(r.ended_at, excluded.ended_at),
        is_complete = r.is_complete or excluded.is_complete
      returning *
    ),
    ${bookConsequences(sql, { recorded: recording !== null })}
    select a.id, a.outcome, a.caller_cipher is null as "isNameless", a.id = b.id and a is not distinct from b and not ${recording !== null} as repeated
    from after a left join before b on true`,
  );
  const [row] = rows;
  if (row === undefined) return 'contended';
  if (row.isNameless && caller !== null) await nameCaller(db, vault, row.id, caller);
  if (row.repeated) return 'repeated';
  return row.outcome === 'orphan' ? 'orphan' : 'booked';
}

/** Who calls, where the report that made the row did not say: its ciphertext is bound to the row's id. Repeatable. */
async function nameCaller({ sql }: Db, vault: Vault, id: string, caller: Phone): Promise<void> {
  await keyed(
    () => sql`
    update calls set caller_digest = ${vault.phoneDigest(caller)}, caller_cipher = ${vault.seal(caller, callerSeal(id))}
    where id = ${id} and caller_cipher is null and erased_at is null`,
  );
}

const INSTANTS = ['started_at', 'ringing_at', 'answered_at', 'ended_at'] as const;
const FIGURES = ['hangup_code', 'hangup_source', 'seconds', 'billed_seconds', 'rate', 'cost'] as const;

function legColumns(sql: Db['sql'], leg: 'a' | 'b') {
  return sql.unsafe([...INSTANTS, ...FIGURES].map((name) => `${leg}_${name}`).join(', '));
}

/** Both ignore nulls, and neither cares for the order. */
function mergeLeg(sql: Db['sql'], leg: 'a' | 'b') {
  const merge = (rule: string) => (name: string) =>
    `${leg}_${name} = ${rule}(c.${leg}_${name}, excluded.${leg}_${name})`;
  return sql.unsafe([...INSTANTS.map(merge('least')), ...FIGURES.map(merge('greatest'))].join(', '));
}
