import type { Scope } from '../core/account.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { correctCall, type LegCorrection } from '../store/call-corrections.ts';
import { type CallFilter, type CallRecord, findCallRecord, listCallRecords } from '../store/call-records.ts';
import { listRecordings as listStored, type Recording, type RecordingFilter } from '../store/recordings.ts';

export type { CallFilter, CallRecord, Recording, RecordingFilter };

interface Page {
  readonly limit: number;
  readonly offset: number;
}

export function listCalls(deps: Deps, scope: Scope, filter: CallFilter, page: Page) {
  return listCallRecords(deps.db, deps.vault, scope, filter, page);
}

/** The leg of that id. */
export async function getCall(deps: Deps, scope: Scope, legId: string): Promise<CallRecord | Refused> {
  const found = await findCallRecord(deps.db, deps.vault, scope, legId);
  return found ?? refused({ kind: 'not_found', what: 'call' });
}

/** Corrects what a leg was billed; the sums of its session move with it. */
export async function correctCost(
  deps: Deps,
  scope: Scope,
  legId: string,
  { currency, ...correction }: LegCorrection & { readonly currency?: string },
): Promise<CallRecord | Refused> {
  const leg = await getCall(deps, scope, legId);
  if (isRefused(leg)) return leg;
  // Sums of two currencies would be sums of nothing.
  if (currency !== undefined && currency !== leg.currency) return invalid('currency', `should be ${leg.currency}`);
  await correctCall(deps.db, scope, leg.callId, leg.leg, correction);
  return getCall(deps, scope, legId);
}

export function listRecordings(deps: Deps, scope: Scope, filter: RecordingFilter, page: Page) {
  return listStored(deps.db, scope, filter, page);
}

export async function getRecording(deps: Deps, scope: Scope, recordingId: string): Promise<Recording | Refused> {
  const { recordings } = await listStored(deps.db, scope, { recordingId }, { limit: 1, offset: 0 });
  return recordings[0] ?? refused({ kind: 'not_found', what: 'recording' });
}
