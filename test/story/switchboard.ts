import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { send } from '../support/story.ts';
import type { Line } from '../support/story-lines.ts';
import type { HandsetRequest } from './handset.ts';

/** How a call goes after its document was answered. */
export type Course = 'caller hangs up' | 'callee hangs up' | 'busy' | 'no answer' | 'caller cancels' | 'sent off';

/** What a provider needs to know to tell of the rest of a call. */
export interface CallOnLine {
  readonly line: Line;
  readonly serviceUrl: string;
  readonly callId: string;
  readonly from: string;
  /** The last document: Plivo's addresses are taken from it. */
  readonly document: string;
}

const [STARTED, ANSWERED, BRIDGED, ENDED] = ['10:00:00', '10:00:01', '10:00:05', '10:00:36'];

/** The requests by which a provider tells how a call went on, in the order in which it sends them. */
export function restOfCall(call: CallOnLine, course: Course): readonly HandsetRequest[] {
  return call.line.dialect === 'plivo' ? plivoReports(call, course) : hipcallEvents(call, course);
}

/** Sends them; each must be taken. */
export async function playOut(call: CallOnLine, course: Course): Promise<void> {
  for (const request of restOfCall(call, course)) {
    const { status, body } = await send(request);
    if (status !== 200) throw new Error(`${request.url} was answered ${status}: ${body}`);
  }
}

function plivoReports({ line, serviceUrl, callId, from, document }: CallOnLine, course: Course): HandsetRequest[] {
  const addressOf = (attribute: string) => new RegExp(` ${attribute}="([^"]+)"`).exec(document)?.[1];
  const form = (url: string, params: Record<string, string>): HandsetRequest => {
    const nonce = `${callId}-${Object.keys(params).length}`;
    const token = line.credentials.authToken ?? '';
    const signature = signPlivoV3({ method: 'POST', url, params, nonce, token });
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-plivo-signature-v3': signature,
      'x-plivo-signature-v3-nonce': nonce,
    };
    return { url, method: 'POST', headers, body: new URLSearchParams(params).toString() };
  };
  const wasBridged = course === 'caller hangs up' || course === 'callee hangs up';
  const source = endsByCaller(course) ? 'Caller' : 'Callee';
  const dialled = { CallUUID: callId, DialALegUUID: callId, DialBLegUUID: `${callId}-b`, DialBLegPosition: '1' };
  const [cause, code, name] = B_CAUSES[course];
  const requests: HandsetRequest[] = [];
  const [callbackUrl, action] = [addressOf('callbackUrl'), addressOf('action')];
  if (document.includes('<Dial') && callbackUrl && action) {
    if (wasBridged) requests.push(form(callbackUrl, { ...dialled, DialAction: 'answer', DialBLegBillRate: '0.01781' }));
    requests.push(
      form(callbackUrl, {
        ...{ ...dialled, DialAction: 'hangup', DialBLegStatus: 'hangup', DialBLegHangupCause: cause },
        ...{ DialBLegHangupCauseCode: code, DialBLegHangupCauseName: name, DialBLegBillRate: '0.01781' },
        ...{ DialBLegDuration: wasBridged ? '31' : '0', DialBLegBillDuration: wasBridged ? '60' : '0' },
        ...{ DialBLegTotalCost: wasBridged ? '0.01781' : '0.00000' },
        DialBLegHangupSource: source,
      }),
      form(action, {
        ...{ CallUUID: callId, DialALegUUID: callId, DialBLegUUID: wasBridged ? `${callId}-b` : '' },
        ...{ DialStatus: DIAL_STATUS[course], DialRingStatus: String(course !== 'busy'), DialHangupCause: cause },
      }),
    );
  }
  requests.push(
    form(`${serviceUrl}/answer/${line.key}/hangup/`, {
      ...{ CallUUID: callId, From: from.slice(1), To: line.number.slice(1), Direction: 'inbound', Event: 'Hangup' },
      // The account is in India: its clock is five and a half hours ahead of UTC.
      ...{ SessionStart: `2026-03-01 ${STARTED}.910772`, StartTime: '2026-03-01 15:30:00' },
      ...{ AnswerTime: '2026-03-01 15:30:01', EndTime: '2026-03-01 15:30:36', Duration: '35', BillDuration: '60' },
      ...{ BillRate: '0.005', TotalCost: '0.00500', CallStatus: 'completed', HangupCause: 'NORMAL_CLEARING' },
      ...{ HangupCauseCode: '4000', HangupCauseName: 'Normal Hangup' },
      HangupSource: source,
    }),
  );
  return requests;
}

function endsByCaller(course: Course): boolean {
  return course === 'caller hangs up' || course === 'caller cancels';
}

const B_CAUSES: Readonly<Record<Course, readonly [cause: string, code: string, name: string]>> = {
  'caller hangs up': ['NORMAL_CLEARING', '4000', 'Normal Hangup'],
  'callee hangs up': ['NORMAL_CLEARING', '4000', 'Normal Hangup'],
  busy: ['USER_BUSY', '3010', 'Busy Line'],
  'no answer': ['NO_ANSWER', '3000', 'No Answer'],
  'caller cancels': ['ORIGINATOR_CANCEL', '1000', 'Canceled'],
  'sent off': ['', '', ''],
};
const DIAL_STATUS: Readonly<Record<Course, string>> = {
  'caller hangs up': 'completed',
  'callee hangs up': 'completed',
  busy: 'busy',
  'no answer': 'no-answer',
  'caller cancels': 'cancel',
  'sent off': '',
};

function hipcallEvents({ line, serviceUrl, callId, from }: CallOnLine, course: Course): HandsetRequest[] {
  const wasBridged = course === 'caller hangs up' || course === 'callee hangs up';
  const call = {
    ...{ uuid: callId, direction: 'inbound', caller_number: from, caller_type: 'contact', caller_id: null },
    ...{ callee_number: line.number, callee_type: 'external_manager', callee_id: 2, user_id: null, contact_id: null },
    ...{ started_at: `2026-03-01T${STARTED}Z`, answered_at: null, bridged_at: null, ended_at: null, call_duration: 0 },
    ...{ missing_call: false, missing_call_reason: null, hangup_by: null, record_url: null, call_flow: [] },
  };
  const ended = {
    ...{ ...call, answered_at: `2026-03-01T${ANSWERED}Z`, ended_at: `2026-03-01T${ENDED}Z`, call_duration: 35 },
    bridged_at: wasBridged ? `2026-03-01T${BRIDGED}Z` : null,
    missing_call: !wasBridged && course !== 'sent off',
    missing_call_reason: wasBridged || course === 'sent off' ? null : 'abandoned',
    hangup_by: endsByCaller(course) ? 'contact' : 'user',
  };
  const post = (event: string, data: object): HandsetRequest => ({
    url: `${serviceUrl}/answer/${line.key}/events/`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event, data }),
  });
  return [post('call_init', call), post('call_hangup', ended)];
}
