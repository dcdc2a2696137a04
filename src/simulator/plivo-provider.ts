import { signPlivoV3 } from '../core/plivo-v3.ts';
import { readPlivo } from './plivo-document.ts';
import type { Course, PretendCall, PretendProvider, Report } from './provider.ts';
import type { WireRequest } from './wire.ts';

const RATES = { a: 0.005, b: 0.0178 } as const;

const CAUSES: Readonly<Record<Course['end'], readonly [cause: string, code: string, name: string, status: string]>> = {
  'caller hangs up': ['NORMAL_CLEARING', '4000', 'Normal Hangup', 'completed'],
  'callee hangs up': ['NORMAL_CLEARING', '4000', 'Normal Hangup', 'completed'],
  busy: ['USER_BUSY', '3010', 'Busy Line', 'busy'],
  'no answer': ['NO_ANSWER', '3000', 'No Answer', 'no-answer'],
  'sent off': ['NORMAL_CLEARING', '4010', 'End Of XML Instructions', ''],
  rejected: ['CALL_REJECTED', '3020', 'Rejected', ''],
};

/** Plivo. Source: Plivo docs, "Request parameters", "Dial", "Record" and "Signature validation". */
export function plivoProvider(call: PretendCall): PretendProvider {
  const { callId, from, to, answerUrl, startedAt } = call;
  const [fromDigits, toDigits] = [from === null ? 'anonymous' : from.slice(1), to.slice(1)];
  let nonces = 0;
  const standard = {
    ...{ BillRate: String(RATES.a), CallStatus: 'ringing', CallUUID: callId, CallerName: from ?? '' },
    ...{ Direction: 'inbound', Event: 'StartApp', From: fromDigits, RouteType: 'Domestic_Anchored' },
    ...{ STIRAttestation: 'Not Applicable', STIRVerification: 'Not Applicable' },
    ...{ SessionStart: clock(startedAt, 0), To: toDigits },
  };

  function request(webhook: string, url: string, params: Readonly<Record<string, string>>, method = 'POST') {
    nonces += 1;
    const isPost = method === 'POST';
    const form = new URLSearchParams(params).toString();
    const address = isPost ? url : `${url}${url.includes('?') ? '&' : '?'}${form}`;
    const content = { method: isPost ? 'POST' : 'GET', url: address, params: isPost ? params : {} } as const;
    const nonce = `${callId}-${nonces}`;
    const token = call.credentials.authToken;
    const headers: Record<string, string> = isPost ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
    if (token !== undefined) {
      headers['x-plivo-signature-v3'] = signPlivoV3({ ...content, nonce, token });
      headers['x-plivo-signature-v3-nonce'] = nonce;
    }
    const { method: verb } = content;
    return { webhook, url: address, method: verb, headers, body: isPost ? form : '', fields: params } as WireRequest;
  }

  return {
    mediaType: /^(?:application|text)\/xml(?:;|$)/,
    read: readPlivo,
    firstQuestion: () => request('answer', answerUrl, standard),
    answered: ({ goesTo, method, isHeeded }, digits) =>
      digits === '' || goesTo === null || !isHeeded
        ? null
        : request('answer', goesTo, { ...standard, CallStatus: 'in-progress', Digits: digits }, method),
    redirected: (url, method) =>
      request('answer', url, { ...standard, CallStatus: 'in-progress', Event: 'Redirect' }, method),
    calleeQuestion: (url) => request('callee-play', url, { ...standard, CallStatus: 'in-progress' }),
    reports: (course) =>
      [...dialReports(course), ...recordingReports(course), hangup(course)].sort((one, other) => one.at - other.at),
  };

  function dialReports({ dial, ringingAt, bridgedAt, endedAt, end, answeredAt }: Course): Report[] {
    if (dial === null) return [];
    const [cause, code, name, status] = CAUSES[end];
    const [bLegId, talk] = [`${callId}-b`, bridgedAt === null ? 0 : endedAt - bridgedAt];
    const leg = { CallUUID: callId, DialALegUUID: callId, DialBLegUUID: bLegId, DialBLegPosition: '1' };
    const priced = { ...leg, DialBLegBillRate: RATES.b.toFixed(5) };
    const tell = (at: number | null, action: string, more: object = {}): Report[] =>
      at === null || dial.callbackUrl === null
        ? []
        : [{ at, request: request('dial-callback', dial.callbackUrl, { ...priced, DialAction: action, ...more }) }];
    const ofEnd = {
      ...{ DialBLegStatus: 'hangup', DialBLegHangupCause: cause, DialBLegHangupCauseCode: code },
      ...{ DialBLegHangupCauseName: name, DialBLegHangupSource: sourceOf(end), DialBLegDuration: String(talk) },
      ...{ DialBLegBillDuration: String(billed(talk)), DialBLegTotalCost: cost(talk, RATES.b) },
    };
    const action = {
      ...{ CallUUID: callId, DialALegUUID: callId, DialBLegUUID: bridgedAt === null ? '' : bLegId },
      ...{ DialStatus: status, DialRingStatus: String(ringingAt !== null), DialHangupCause: cause },
    };
    return [
      ...tell(ringingAt, 'ring'),
      ...tell(bridgedAt, 'answer'),
      ...tell(answeredAt === null ? null : endedAt, 'hangup', ofEnd),
      ...(dial.actionUrl === null ? [] : [{ at: endedAt, request: request('dial-action', dial.actionUrl, action) }]),
    ];
  }

  function recordingReports({ recordingUrl, bridgedAt, endedAt }: Course): Report[] {
    if (recordingUrl === null || bridgedAt === null) return [];
    const id = { CallUUID: callId, RecordingID: `${callId}-r`, RecordUrl: 'https://media.example/recording.mp3' };
    const seconds = endedAt - bridgedAt;
    const times = {
      ...{ RecordingDuration: String(seconds), RecordingDurationMs: String(seconds * 1000) },
      RecordingStartMs: String(startedAt.getTime() + bridgedAt * 1000),
      RecordingEndMs: String(startedAt.getTime() + endedAt * 1000),
    };
    return [{ at: endedAt + 2, request: request('record-callback', recordingUrl, { ...id, ...times }) }];
  }

  function hangup({ end, answeredAt, endedAt, dial }: Course): Report {
    const [cause, code, name] = CAUSES[dial === null ? end : 'caller hangs up'];
    const seconds = answeredAt === null ? 0 : endedAt - answeredAt;
    const params = {
      ...{ CallUUID: callId, From: fromDigits, To: toDigits, Direction: 'inbound', Event: 'Hangup' },
      ...{ SessionStart: clock(startedAt, 0), StartTime: clock(startedAt, 0), EndTime: clock(startedAt, endedAt) },
      ...(answeredAt !== null && { AnswerTime: clock(startedAt, answeredAt) }),
      ...{ Duration: String(seconds), BillDuration: String(billed(seconds)), BillRate: RATES.a.toFixed(5) },
      ...{ TotalCost: cost(seconds, RATES.a), CallStatus: 'completed', HangupCause: cause },
      ...{ HangupCauseCode: code, HangupCauseName: name, HangupSource: sourceOf(end) },
    };
    return { at: endedAt + 1, request: request('hangup', `${answerUrl}hangup/`, params) };
  }
}

function sourceOf(end: Course['end']): string {
  if (end === 'sent off' || end === 'rejected') return 'Answer XML';
  return end === 'caller hangs up' ? 'Caller' : 'Callee';
}

/** Begun minutes are billed as whole ones. */
function billed(seconds: number): number {
  return Math.ceil(seconds / 60) * 60;
}

function cost(seconds: number, ratePerMinute: number): string {
  return ((billed(seconds) / 60) * ratePerMinute).toFixed(5);
}

/** `2024-10-25 14:13:37`, UTC. */
function clock(from: Date, seconds: number): string {
  return new Date(from.getTime() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}
