import type { Scope } from '../core/account.ts';
import type { Db } from './connect.ts';

/** A recording as its provider reported it. */
export interface Recording {
  readonly recordingId: string;
  readonly callId: string;
  /** Null until it is complete. */
  readonly url: string | null;
  readonly format: 'mp3' | 'wav' | null;
  readonly durationMs: number | null;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly addedMs: number;
}

export interface RecordingFilter {
  readonly recordingId?: string;
  readonly callId?: string;
  readonly sessionId?: string;
}

/** A page of the account's recordings, newest first, and how many there are in all. */
export async function listRecordings(
  { sql }: Db,
  scope: Scope,
  filter: RecordingFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ total: number; recordings: readonly Recording[] }> {
  const { recordingId, callId, sessionId } = filter;
  // A subaccount has the recordings of its own calls, whose row tells whose they are.
  const ofCall = sql`select from calls c where c.provider_id = r.provider_id and c.provider_call_id = r.provider_call_id`;
  const where = sql`r.account_id = ${scope.accountId}
    and ${scope.subaccountId === null ? sql`true` : sql`exists (${ofCall} and c.subaccount_id = ${scope.subaccountId})`}
    and ${recordingId === undefined ? sql`true` : sql`r.recording_id = ${recordingId}`}
    and ${callId === undefined ? sql`true` : sql`r.provider_call_id = ${callId}`}
    and ${sessionId === undefined ? sql`true` : sql`exists (${ofCall} and c.session_id = ${sessionId})`}`;
  const millis = (name: string) => sql`extract(epoch from r.${sql(name)})::float8 * 1000`;
  const [recordings, [counted]] = await Promise.all([
    sql<Recording[]>`
      select r.recording_id as "recordingId", r.provider_call_id as "callId", r.url, r.format,
        r.duration_ms::float8 as "durationMs", ${millis('started_at')} as "startedMs", ${millis('ended_at')} as "endedMs",
        ${millis('added_at')} as "addedMs"
      from recordings r where ${where} order by r.added_at desc, r.id desc limit ${page.limit} offset ${page.offset}`,
    sql<{ total: number }[]>`select count(*)::int as total from recordings r where ${where}`,
  ]);
  return { total: counted?.total ?? 0, recordings };
}
