import type { CallReport, LegReport } from '../core/call-report.ts';
import type { Phone } from '../core/phone.ts';
import { BOOKED, bookConsequences } from './call-books.ts';
import { ANONYMOUS, anonymousKey } from './call-facts.ts';
import { callerSeal } from './calls.ts';
import { type Db, keyed } from './connect.ts';
import { bytes, jsonRows, shared } from './shared.ts';
import type { Vault } from './vault.ts';

/** Whose report it is. */
export interface Reporter {
  readonly providerId: number;
  readonly accountId: string;
  readonly currency: string;
}

/** `orphan`: the call was never asked about. `repeated`: nothing in it was new. `contended`: book it again. */
export type ReportOutcome = 'booked' | 'repeated' | 'orphan' | 'contended';

/** One report to book. */
export interface ReportToRecord {
  readonly reporter: Reporter;
  readonly report: CallReport;
  /** The id of the row where there is none yet. */
  readonly freshId: string;
}

interface Recorded {
  readonly at: number;
  readonly id: string;
  readonly outcome: string;
  readonly repeated: boolean;
  readonly isNameless: boolean;
}

/**
 * Adds what a provider reports to its call, and books what follows, in one statement. Instants keep the earliest
 * that was ever reported, figures the greatest; so reports may come in any order, again, late, or before the call
 * was asked about: the row ends the same. A call that is not known is kept as an orphan, which counts nowhere.
 *
 * Keyed by the provider's call: repeated after a lost connection it finds what the first try left.
 */
export async function recordReport(db: Db, vault: Vault, item: ReportToRecord): Promise<ReportOutcome> {
  const { caller } = item.report;
  const row = await recordShared(db, vault, item);
  if (row === null) return 'contended';
  if (row.isNameless && caller !== null) await nameCaller(db, vault, row.id, caller);
  if (row.repeated) return 'repeated';
  return row.outcome === 'orphan' ? 'orphan' : 'booked';
}

const recordShared = shared<ReportToRecord, Recorded | null>({
  run: recordReports,
  // What one report leaves is what the next one of its call finds.
  keyOf: ({ reporter, report }) => `${reporter.providerId}:${report.callId}`,
});

/** Several of them, of different calls, by one statement; null for one that is to be booked again. */
async function recordReports(
  db: Db,
  vault: Vault,
  items: readonly ReportToRecord[],
): Promise<readonly (Recorded | null)[]> {
  const { sql } = db;
  const wishes = items.map((item, at) => wishOf(vault, item, at));
  const moment = (name: string) => `case w.${name} when 'heard' then now() else w.${name}::timestamptz end`;
  const leg = (l: 'a' | 'b') =>
    sql.unsafe(
      [...INSTANTS.map((name) => moment(`${l}_${name}`)), ...FIGURES.map((name) => `w.${l}_${name}`)].join(', '),
    );
  const legTypes = (l: 'a' | 'b') =>
    sql.unsafe(
      [...INSTANTS.map((name) => `${l}_${name} text`), ...FIGURES.map((name) => `${l}_${name} ${TYPES[name]}`)].join(
        ', ',
      ),
    );
  const told = (table: string) => sql.unsafe(TOLD.map((name) => `${table}.${name}`).join(', '));
  const rows = await keyed(
    () => sql<Recorded[]>`
    with wish as materialized (
      select * from json_to_recordset(${jsonRows(wishes)}::text::json) as w(at int, id uuid, provider_id int,
        call_id text, account_id text, anonymous_key bytea, number text, direction text, caller_digest bytea,
        caller_cipher bytea, currency text, b_leg_id text, recording_id text, url text, format text, duration_ms bigint,
        recording_started_at text, recording_ended_at text, is_complete boolean, ${legTypes('a')}, ${legTypes('b')})
    ),
    found as materialized (
      select w.at, coalesce(
        (select id from calls where provider_id = w.provider_id and provider_call_id = w.call_id),
        -- Asked about without an id: the report, which has one, gives it to the latest call of these two numbers.
        (select id from calls
         where provider_id = w.provider_id and anonymous_key = w.anonymous_key and provider_call_id like ${`${ANONYMOUS}%`}
           and started_at > now() - interval '1 day'
         order by started_at desc limit 1)) as call_row
      from wish w
    ),
    -- Row by row and in the order of ids, as whoever else locks several calls.
    before as materialized (
      select c.* from (select call_row from found order by call_row) f
      cross join lateral (select ${told('calls')} from calls where id = f.call_row for update) c
    ),
    -- Before a new call is there for others to wait for.
    theirs as materialized (
      select id from sessions where id in (select session_id from before) order by id for no key update
    ),
    after as (
      insert into calls as c (id, provider_id, provider_call_id, account_id, subaccount_id, virtual_number_id, direction,
        caller_digest, caller_cipher, outcome, reason, authenticated, pin_tries, version, currency,
        ${legColumns(sql, 'a')}, b_leg_id, ${legColumns(sql, 'b')})
      select w.id, w.provider_id, coalesce(b.provider_call_id, w.call_id), w.account_id, v.subaccount_id, v.id, w.direction,
        w.caller_digest, w.caller_cipher, 'orphan', 'never_asked', false, '{}'::text[], 0, w.currency, ${leg('a')},
        w.b_leg_id, ${leg('b')}
      from wish w join found f using (at) left join before b on b.id = f.call_row
      left join virtual_numbers v on v.account_id = w.account_id and v.number = w.number
      where (select count(*) from theirs) >= 0
      order by 2, 3
      on conflict (provider_id, provider_call_id) do update
        set provider_call_id = (select w.call_id from wish w where w.id = excluded.id),
        -- Not every report names the number, or says that the call was placed.
        virtual_number_id = coalesce(c.virtual_number_id, excluded.virtual_number_id),
        subaccount_id = coalesce(c.subaccount_id, excluded.subaccount_id),
        direction = greatest(c.direction, excluded.direction),
        ${mergeLeg(sql, 'a')}, b_leg_id = least(c.b_leg_id, excluded.b_leg_id), ${mergeLeg(sql, 'b')}
        -- One that came to be only since this began: what it was before is not known here, so book again.
        where c.id in (select id from before)
      returning ${told('c')}
    ),
    told_of as materialized (
      select a.id as row_id, w.* from wish w join found f using (at) left join before b on b.id = f.call_row
      join after a on a.id = coalesce(b.id, w.id)
    ),
    recorded as (
      insert into recordings as r (provider_id, recording_id, provider_call_id, account_id, url, format, duration_ms,
        started_at, ended_at, is_complete)
      select w.provider_id, w.recording_id, w.call_id, w.account_id, w.url, w.format, w.duration_ms,
        ${sql.unsafe(moment('recording_started_at'))}, ${sql.unsafe(moment('recording_ended_at'))}, w.is_complete
      from told_of w where w.recording_id is not null order by 1, 2
      on conflict (provider_id, recording_id) do update set
        url = coalesce(r.url, excluded.url), format = coalesce(r.format, excluded.format),
        duration_ms = greatest(r.duration_ms, excluded.duration_ms),
        started_at = least(r.started_at, excluded.started_at), ended_at = least(r.ended_at, excluded.ended_at),
        is_complete = r.is_complete or excluded.is_complete
      returning *
    ),
    ${bookConsequences(sql, { recorded: items.some(({ report }) => report.recording !== null) })}
    select w.at, a.id, a.outcome, a.caller_cipher is null as "isNameless",
      b.id is not null and a is not distinct from b and w.recording_id is null as repeated
    from after a join told_of w on w.row_id = a.id left join before b on b.id = a.id`,
  );
  return items.map((_item, at) => rows.find((row) => row.at === at) ?? null);
}

/** A report as its statement reads it. */
function wishOf(vault: Vault, { reporter, report, freshId }: ReportToRecord, at: number) {
  const { caller, virtualNumber, recording } = report;
  const anonymous = virtualNumber === null ? null : anonymousKey(vault, { caller, virtualNumber });
  const leg = (l: 'a' | 'b', { startedAt, ringingAt, answeredAt, endedAt, ...told }: LegReport) => ({
    [`${l}_started_at`]: startedAt,
    [`${l}_ringing_at`]: ringingAt,
    [`${l}_answered_at`]: answeredAt,
    [`${l}_ended_at`]: endedAt,
    [`${l}_hangup_code`]: told.hangupCode,
    [`${l}_hangup_source`]: told.hangupSource,
    [`${l}_seconds`]: told.seconds,
    [`${l}_billed_seconds`]: told.billedSeconds,
    [`${l}_rate`]: told.rate,
    [`${l}_cost`]: told.cost,
  });
  return {
    at,
    id: freshId,
    provider_id: reporter.providerId,
    call_id: report.callId,
    account_id: reporter.accountId,
    anonymous_key: anonymous && bytes(anonymous),
    number: virtualNumber,
    direction: report.direction,
    caller_digest: caller === null ? null : bytes(vault.phoneDigest(caller)),
    caller_cipher: caller === null ? null : bytes(vault.seal(caller, callerSeal(freshId))),
    currency: reporter.currency,
    ...leg('a', report.legA),
    b_leg_id: report.legB.legId,
    ...leg('b', report.legB),
    recording_id: recording?.recordingId,
    url: recording?.url,
    format: recording?.format,
    duration_ms: recording?.durationMs,
    recording_started_at: recording?.startedAt,
    recording_ended_at: recording?.endedAt,
    is_complete: recording?.isComplete,
  };
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

/** The columns of `calls` that a report can change, with those that are read of it. */
const TOLD = [
  ...new Set([
    ...BOOKED,
    ...['direction', 'caller_cipher'],
    ...['a', 'b'].flatMap((leg) => [...INSTANTS, ...FIGURES].map((name) => `${leg}_${name}`)),
  ]),
];

// Money is text until then, so that no decimal is lost.
const TYPES: Readonly<Record<(typeof FIGURES)[number], string>> = {
  hangup_code: 'int',
  hangup_source: 'text',
  seconds: 'int',
  billed_seconds: 'int',
  rate: 'numeric',
  cost: 'numeric',
};

function legColumns(sql: Db['sql'], leg: 'a' | 'b') {
  return sql.unsafe([...INSTANTS, ...FIGURES].map((name) => `${leg}_${name}`).join(', '));
}

/** Both ignore nulls, and neither cares for the order. */
function mergeLeg(sql: Db['sql'], leg: 'a' | 'b') {
  const merge = (rule: string) => (name: string) =>
    `${leg}_${name} = ${rule}(c.${leg}_${name}, excluded.${leg}_${name})`;
  return sql.unsafe([...INSTANTS.map(merge('least')), ...FIGURES.map(merge('greatest'))].join(', '));
}
