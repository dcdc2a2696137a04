import {
  anyText,
  callId,
  milliseconds,
  money,
  oneOf,
  seconds,
  textOf,
  type Values,
  webAddress,
  wholeNumber,
} from './params.ts';

// The parameters that are read of each of Plivo's reports. Source: Plivo docs, "Request parameters", "Dial" and
// "Record", and captured requests.
const clock = textOf(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?$/, 'must be a time such as 2024-09-26 14:05:08');
const word = textOf(/^[A-Za-z0-9_ ()-]{1,80}$/, 'must be a word');
const code = wholeNumber(0, 99_999);

export const STANDARD = { CallUUID: callId, From: anyText, To: anyText, Direction: word, SessionStart: clock } as const;
export const HANGUP = {
  ...STANDARD,
  ...{ StartTime: clock, AnswerTime: clock, EndTime: clock, Duration: seconds, BillDuration: seconds },
  ...{ BillRate: money, TotalCost: money, HangupCause: word, HangupCauseCode: code, HangupSource: word },
} as const;
export const DIAL_ACTION = {
  ...STANDARD,
  ...{
    DialBLegUUID: callId,
    DialStatus: word,
    DialHangupCause: word,
    DialRingStatus: oneOf('true', 'false', 'True', 'False'),
  },
} as const;
export const DIAL_CALLBACK = {
  ...STANDARD,
  ...{ DialAction: word, DialBLegUUID: callId, DialBLegDuration: seconds, DialBLegBillDuration: seconds },
  ...{ DialBLegBillRate: money, DialBLegTotalCost: money, DialBLegHangupCause: word },
  ...{ DialBLegHangupCauseCode: code, DialBLegHangupSource: word },
} as const;
export const RECORD = {
  ...STANDARD,
  ...{ RecordingID: callId, RecordUrl: webAddress, RecordingDuration: wholeNumber(-1, 86_400) },
  ...{
    RecordingDurationMs: milliseconds,
    RecordingStartMs: wholeNumber(-1, 1e13),
    RecordingEndMs: wholeNumber(-1, 1e13),
  },
} as const;

/** What was given of them. */
export type Given = Values<typeof HANGUP & typeof DIAL_ACTION & typeof DIAL_CALLBACK & typeof RECORD>;
