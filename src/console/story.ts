import { timeOf } from './time.ts';

/** A leg as the API shows it. */
export interface Leg {
  readonly call_uuid: string;
  readonly parent_call_uuid: string | null;
  readonly call_state: string;
  readonly outcome: string;
  readonly initiation_time: string | null;
  readonly answer_time: string | null;
  readonly end_time: string | null;
  readonly from_number: string;
  readonly to_number: string;
  readonly call_duration: number;
  readonly billed_duration: number;
  readonly total_amount: string;
  readonly currency: string;
  readonly hangup_cause_name: string | null;
  readonly closed_by_sweep: boolean;
  /** Why the call went where it went, in words. */
  readonly explanation?: string;
}

export interface Exchange {
  readonly id: number;
  readonly time: string;
  readonly provider: string;
  readonly webhook: string;
  readonly call_uuid: string | null;
  readonly virtual_number: string | null;
  readonly request: Readonly<Record<string, unknown>>;
  readonly document: string;
  readonly status: number;
  readonly decision: string;
  readonly duration_ms: number;
}

export interface Callback {
  readonly id: string;
  readonly session_uuid: string;
  readonly event: string;
  readonly state: string;
  readonly endpoint: string;
  readonly occurred_at: string;
  readonly next_attempt_time: string | null;
  readonly attempts: readonly {
    readonly attempt: number;
    readonly time: string | null;
    readonly status: number | null;
    readonly duration_ms: number | null;
    readonly error: string | null;
  }[];
}

export interface Recording {
  readonly recording_id: string;
  readonly call_uuid: string;
  readonly recording_url: string | null;
  readonly recording_duration_ms: string;
}

export type Chapter =
  | { readonly kind: 'call'; readonly at: Date; readonly call: CallStory }
  | { readonly kind: 'callback'; readonly at: Date; readonly callback: Callback };

export interface CallStory {
  readonly id: string;
  readonly legs: readonly Leg[];
  readonly exchanges: readonly Exchange[];
  readonly recordings: readonly Recording[];
}

/** What happened in a session, in order: calls with what belongs to them, and what the app was told. */
export function chaptersOf(told: {
  readonly legs: readonly Leg[];
  readonly exchanges: readonly Exchange[];
  readonly recordings: readonly Recording[];
  readonly callbacks: readonly Callback[];
}): Chapter[] {
  const ids = [...new Set(told.legs.map((leg) => leg.parent_call_uuid ?? leg.call_uuid))];
  const calls = ids.map((id): Chapter => {
    const legs = told.legs
      .filter((leg) => leg.call_uuid === id || leg.parent_call_uuid === id)
      .sort((a, b) => Number(a.parent_call_uuid !== null) - Number(b.parent_call_uuid !== null));
    const of = <T extends { readonly call_uuid: string | null }>(all: readonly T[]) =>
      all.filter((one) => legs.some((leg) => leg.call_uuid === one.call_uuid) || one.call_uuid === id);
    const exchanges = of(told.exchanges).toSorted((a, b) => a.id - b.id);
    const call = { id, legs, exchanges, recordings: of(told.recordings) };
    return { kind: 'call', at: timeOf(legs[0]?.initiation_time ?? exchanges[0]?.time ?? ''), call };
  });
  const callbacks = told.callbacks.map(
    (callback): Chapter => ({ kind: 'callback', at: timeOf(callback.occurred_at), callback }),
  );
  return [...calls, ...callbacks].sort((a, b) => a.at.getTime() - b.at.getTime());
}
