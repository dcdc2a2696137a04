import { readHipcall } from './hipcall-document.ts';
import { type Course, type PretendCall, type PretendProvider, type Report, wasBridged } from './provider.ts';
import type { WireRequest } from './wire.ts';

/** Hipcall. Source: Hipcall help, "External Management" and "What are webhooks". */
export function hipcallProvider(call: PretendCall): PretendProvider {
  const { callId, to, answerUrl, credentials, startedAt } = call;
  const caller = call.from ?? 'anonymous';
  const data: Record<string, string> = {};
  const { username, password } = credentials;
  const basic = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64');
  const authorization: Record<string, string> =
    username === undefined && password === undefined ? {} : { authorization: `Basic ${basic}` };

  function request(webhook: string, url: string, fields: Record<string, unknown>, headers = {}): WireRequest {
    const all = { 'content-type': 'application/json', ...headers };
    return { webhook, url, method: 'POST', headers: all, body: JSON.stringify(fields), fields };
  }

  function question(): WireRequest {
    const now = Math.floor(startedAt.getTime() / 1000);
    const fields = {
      ...{ caller, callee: to.slice(1), data: { ...data }, timestamp: now, uuid: callId, direction: 'inbound' },
      ...{ external_manager_id: 2, callflow: [] },
    };
    return request('answer', answerUrl, fields, authorization);
  }

  // It signs no events.
  const event = (at: number, name: string, of: object): Report => ({
    at,
    request: request('events', `${answerUrl}events/`, { event: name, data: of }),
  });
  const instant = (at: number | null) => (at === null ? null : new Date(startedAt.getTime() + at * 1000).toISOString());

  return {
    mediaType: /^application\/json(?:;|$)/,
    read: readHipcall,
    firstQuestion: question,
    answered: ({ goesTo }, digits) => {
      if (goesTo === null) return null;
      data[goesTo] = digits;
      return question();
    },
    redirected: () => {
      throw new Error('Hipcall follows no redirect');
    },
    calleeQuestion: () => {
      throw new Error('Hipcall plays nothing to a callee');
    },
    reports: (course: Course) => {
      const { end, answeredAt, bridgedAt, endedAt, recordingUrl } = course;
      const begun = {
        ...{ uuid: callId, direction: 'inbound', caller_number: caller, callee_number: to },
        ...{ started_at: instant(0), answered_at: null, bridged_at: null, ended_at: null, call_duration: 0 },
        ...{ missing_call: false, missing_call_reason: null, hangup_by: null, record_url: null },
      };
      const isMissed = course.dial !== null && !wasBridged(course);
      const ended = {
        ...{ ...begun, answered_at: instant(answeredAt), bridged_at: instant(bridgedAt), ended_at: instant(endedAt) },
        call_duration: answeredAt === null ? 0 : endedAt - answeredAt,
        ...{ missing_call: isMissed, missing_call_reason: isMissed ? 'abandoned' : null },
        hangup_by: end === 'sent off' || end === 'rejected' ? 'system' : end === 'caller hangs up' ? 'contact' : 'user',
        record_url: recordingUrl,
      };
      return [event(0, 'call_init', begun), event(endedAt + 1, 'call_hangup', ended)];
    },
  };
}
