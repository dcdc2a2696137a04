import type { Callback, CallbackDetails, CallbackEvent, CallbackFigures } from './callback.ts';
import { hangupCause } from './hangup-cause.ts';

const OF_EACH = ['EventName', 'EventTimestamp', 'SessionUUID', 'VirtualNumber', 'SequenceNumber'] as const;
const OF_A_TALK = [...OF_EACH, 'From', 'To'] as const;
const OF_AN_END = [
  ...OF_A_TALK,
  'Duration',
  'BilledDuration',
  'Amount',
  'PlivoHangupCause',
  'PlivoHangupCauseCode',
] as const;
const OF_A_RECORDING = [
  ...OF_A_TALK,
  'RecordingUUID',
  'RecordingResourceURL',
  'RecordingFormat',
  'RecordingStartTime',
] as const;

/** Which attributes an event has, in the order in which they are sent. */
export const CALLBACK_ATTRIBUTES = {
  SessionTimeout: OF_EACH,
  SessionPinAuthenticationStatus: [...OF_EACH, 'From', 'PinAuthenticationStatus', 'PinRetryCounter'],
  SessionFirstPartyAnswer: OF_A_TALK,
  SessionSecondPartyRing: OF_A_TALK,
  SessionSecondPartyAnswer: OF_A_TALK,
  SessionFirstPartyHangup: OF_AN_END,
  SessionSecondPartyHangup: OF_AN_END,
  SessionPartiesHangup: OF_AN_END,
  SessionRecordingInitiated: OF_A_RECORDING,
  SessionRecordingCompleted: [...OF_A_RECORDING, 'RecordingEndTime', 'RecordingDuration', 'RecordingURL'],
  SessionRecordingFailed: OF_A_TALK,
} as const satisfies Record<CallbackEvent, readonly string[]>;

/** An attribute's name on the wire. */
export type CallbackAttribute = (typeof CALLBACK_ATTRIBUTES)[CallbackEvent][number];

/**
 * The attributes of a callback in Plivo's words. Numbers are without `+`, as in Plivo's voice webhooks.
 *
 * @param publicUrl where our API is reached, for the addresses of resources.
 * @returns pairs in a fixed order; of the event's attributes those that are not known are left out.
 */
export function callbackParams(callback: Callback, publicUrl: string): readonly (readonly [string, string])[] {
  return CALLBACK_ATTRIBUTES[callback.event].flatMap((name): [string, string][] => {
    const value = attributeOf(name, callback, publicUrl);
    return value === null || value === undefined || value === '' ? [] : [[name, String(value)]];
  });
}

function attributeOf(
  name: CallbackAttribute,
  callback: Callback,
  publicUrl: string,
): string | number | null | undefined {
  const { details } = callback;
  const { recording } = details;
  switch (name) {
    case 'EventName':
      return callback.event;
    case 'EventTimestamp':
      return wireInstant(callback.occurredAt);
    case 'SessionUUID':
      return callback.sessionId;
    case 'VirtualNumber':
      return callback.virtualNumber.slice(1);
    case 'SequenceNumber':
      return callback.sequence;
    case 'From':
      return details.hasCaller === false ? null : callback.caller?.slice(1);
    case 'To':
      return details.hasCallee === false ? null : callback.callee?.slice(1);
    case 'PinAuthenticationStatus':
      return details.pinStatus;
    case 'PinRetryCounter':
      return details.pinRetryCounter;
    case 'Duration':
      return figuresOf(callback)?.seconds;
    case 'BilledDuration':
      return figuresOf(callback)?.billedSeconds;
    case 'Amount':
      return figuresOf(callback)?.cost;
    case 'PlivoHangupCause':
      return causeOf(callback)?.name;
    case 'PlivoHangupCauseCode':
      return causeOf(callback)?.code;
    case 'RecordingUUID':
      return recording?.recordingId;
    case 'RecordingResourceURL':
      return (
        recording &&
        `${publicUrl}/v1/Account/${callback.accountId}/Recording/${encodeURIComponent(recording.recordingId)}/`
      );
    case 'RecordingFormat':
      return recording?.format && `.${recording.format}`;
    case 'RecordingStartTime':
      return recording?.startedAt && wireInstant(new Date(recording.startedAt));
    case 'RecordingEndTime':
      return recording?.endedAt && wireInstant(new Date(recording.endedAt));
    case 'RecordingDuration':
      return recording?.durationMs === undefined ? null : Math.round(recording.durationMs / 1000);
    case 'RecordingURL':
      return recording?.url;
    default:
      return name satisfies never;
  }
}

/** Of the leg of the party that hung up; of the end of all, both legs' sums and how long the two talked. */
function figuresOf({ event, details }: Callback): CallbackFigures | undefined {
  if (event === 'SessionPartiesHangup') return { ...details.total, seconds: details.b?.seconds ?? 0 };
  return isCallersHangup(event, details) ? details.a : details.b;
}

function causeOf({ event, details }: Callback) {
  const ofLegA = event === 'SessionPartiesHangup' || isCallersHangup(event, details);
  const code = (ofLegA ? details.a : details.b)?.hangupCode;
  return code === undefined ? null : hangupCause(code);
}

/** The caller, whichever party it is, is on leg A. */
function isCallersHangup(event: CallbackEvent, { callerSide }: CallbackDetails): boolean {
  return (event === 'SessionFirstPartyHangup') === (callerSide === 'first');
}

/** `2024-05-29 04:47:49`, UTC: the form of Plivo's voice webhooks. */
function wireInstant(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ');
}
