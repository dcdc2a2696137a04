import type { LegReport, RecordingReport, ReportedInstant } from '../core/call-report.ts';
import { hangupCodeOf, hangupSourceOf } from '../core/hangup-cause.ts';
import type { MalformedRequest } from './dialect.ts';
import { known, malformed, recordingFormat, utcInstant } from './params.ts';
import type { Given } from './plivo-report-params.ts';

/** When a call began, as far as it is told. */
export function startOf({ SessionStart }: Given): LegReport {
  const startedAt = SessionStart === undefined ? null : clockInstant(SessionStart);
  return startedAt === null ? {} : { startedAt };
}

/** The end of leg A, with all that it was. */
export function hangupOf(values: Given): LegReport {
  const { HangupCause, HangupCauseCode, HangupSource } = values;
  return known<LegReport>({
    ...instantsOf(values),
    hangupCode: HangupCauseCode ?? (HangupCause === undefined ? undefined : hangupCodeOf(HangupCause)),
    hangupSource: HangupSource === undefined ? undefined : hangupSourceOf(HangupSource),
    seconds: values.Duration,
    billedSeconds: values.BillDuration,
    rate: values.BillRate,
    cost: values.TotalCost,
  });
}

function instantsOf(values: Given) {
  const { AnswerTime, Duration = 0 } = values;
  const toUtc = accountClock(values);
  const answered = toUtc(AnswerTime);
  const written = toUtc(values.EndTime);
  // Where the clocks were changed during the call its end is written by another clock than its answer.
  const change = answered && written ? written.getTime() - answered.getTime() - Duration * 1000 : 0;
  const ended = written && new Date(written.getTime() - (Duration > 0 ? nearest(change, HALF_AN_HOUR_MS) : 0));
  // A leg that was answered at a time not told was so before it ended.
  const derived = ended && new Date(ended.getTime() - Duration * 1000);
  const wasAnswered = AnswerTime !== undefined || Duration > 0;
  return {
    startedAt: toUtc(values.StartTime) ?? startOf(values).startedAt,
    answeredAt: wasAnswered ? (answered ?? derived ?? 'heard') : undefined,
    endedAt: ended ?? 'heard',
  } as const;
}

const QUARTER_MS = 15 * 60_000;
const HALF_AN_HOUR_MS = 2 * QUARTER_MS;
// From the Line Islands to Baker Island.
const FARTHEST_MS = 14 * 3_600_000;

/**
 * Plivo writes the start, the answer and the end in the account's time zone, and the session's start in UTC. Both
 * starts are within seconds of each other, and zones differ by quarters of an hour: so the zone can be told. Where
 * it cannot, no instant is read.
 */
function accountClock({ StartTime, SessionStart }: Given) {
  const local = StartTime === undefined ? null : clockInstant(StartTime);
  const utc = SessionStart === undefined ? null : clockInstant(SessionStart);
  const difference = local && utc ? local.getTime() - utc.getTime() : Number.POSITIVE_INFINITY;
  const offset = nearest(difference, QUARTER_MS);
  return (text: string | undefined): Date | undefined => {
    const at = text === undefined || Math.abs(offset) > FARTHEST_MS ? null : clockInstant(text);
    return at === null ? undefined : new Date(at.getTime() - offset);
  };
}

function nearest(ms: number, unit: number): number {
  return Math.round(ms / unit) * unit;
}

function clockInstant(text: string): Date | null {
  const [date = '', time = ''] = text.split(' ');
  return utcInstant(date, time.slice(0, 12));
}

// The causes of what `DialStatus` says where no cause is given. A dial that failed has none, lest it hides leg B's own.
const DIAL_STATUS: Readonly<Record<string, number>> = {
  completed: 4000,
  busy: 3010,
  'no-answer': 3000,
  timeout: 6010,
  cancel: 1000,
  failed: 0,
};

/** What is known of leg B when its dial is over. */
export function dialActionOf({ DialBLegUUID, DialStatus, DialHangupCause, DialRingStatus }: Given): LegReport {
  const named = DialHangupCause === undefined ? 0 : hangupCodeOf(DialHangupCause);
  return known<LegReport>({
    legId: DialBLegUUID,
    ringingAt: DialRingStatus?.toLowerCase() === 'true' ? ('heard' as ReportedInstant) : undefined,
    // Should both of the dial's own callbacks be lost.
    answeredAt: DialBLegUUID !== undefined && DialStatus === 'completed' ? 'heard' : undefined,
    endedAt: DialBLegUUID === undefined ? undefined : 'heard',
    hangupCode: named || (DialStatus === undefined ? undefined : DIAL_STATUS[DialStatus]),
  });
}

/** What happened to leg B; null for what concerns nobody. */
export function dialCallbackOf(values: Given): LegReport | null {
  const leg = { legId: values.DialBLegUUID, rate: values.DialBLegBillRate };
  switch (values.DialAction) {
    case 'ring':
    case 'ringing':
      return known<LegReport>({ ...leg, ringingAt: 'heard' });
    case 'answer':
    case 'connected':
      return known<LegReport>({ ...leg, answeredAt: 'heard' });
    case 'hangup': {
      const { DialBLegDuration, DialBLegHangupCause, DialBLegHangupCauseCode, DialBLegHangupSource } = values;
      const named = DialBLegHangupCause === undefined ? undefined : hangupCodeOf(DialBLegHangupCause);
      return known<LegReport>({
        ...leg,
        answeredAt: (DialBLegDuration ?? 0) > 0 ? 'heard' : undefined,
        endedAt: 'heard',
        hangupCode: DialBLegHangupCauseCode ?? named,
        hangupSource: DialBLegHangupSource === undefined ? undefined : hangupSourceOf(DialBLegHangupSource),
        seconds: DialBLegDuration,
        billedSeconds: values.DialBLegBillDuration,
        cost: values.DialBLegTotalCost,
      });
    }
    default:
      // Keys that somebody pressed, and what is still to be invented.
      return null;
  }
}

/** A recording that has begun, or is complete. */
export function recordingOf(values: Given): RecordingReport | MalformedRequest {
  const {
    RecordingID,
    RecordUrl,
    RecordingDuration = -1,
    RecordingDurationMs,
    RecordingStartMs,
    RecordingEndMs,
  } = values;
  if (RecordingID === undefined) return malformed('RecordingID', 'must be given');
  // All durations are -1 while it has only begun.
  const durationMs = RecordingDurationMs ?? (RecordingDuration < 0 ? -1 : RecordingDuration * 1000);
  const instant = (at: number | undefined) => (at === undefined || at <= 0 ? undefined : new Date(at));
  const isComplete = durationMs >= 0;
  return known<RecordingReport>({
    recordingId: RecordingID,
    isComplete,
    // The file is not there before.
    url: isComplete ? RecordUrl : undefined,
    format: RecordUrl === undefined ? undefined : recordingFormat(RecordUrl),
    durationMs: isComplete ? durationMs : undefined,
    startedAt: instant(RecordingStartMs),
    endedAt: isComplete ? instant(RecordingEndMs) : undefined,
  });
}
