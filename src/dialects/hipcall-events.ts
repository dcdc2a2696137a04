import type { CallReport, HangupSource, LegReport, RecordingReport } from '../core/call-report.ts';
import { type Country, parseProviderPhone } from '../core/phone.ts';
import type { MalformedRequest, WebhookName, WebhookRequest } from './dialect.ts';
import {
  anyText,
  callId,
  isRecord,
  isThisAge,
  known,
  malformed,
  type Param,
  readParams,
  recordingFormat,
  seconds,
  textOf,
  utcInstant,
  webAddress,
} from './params.ts';

export const HIPCALL_WEBHOOKS = ['events'] as const satisfies readonly WebhookName[];

/** ISO 8601 with its zone, or seconds since 1970. */
const instant: Param<Date> = {
  rule: 'must be a time such as 2024-11-17T10:41:00Z',
  read: (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return null;
    const iso = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.exec(String(value));
    const isSeconds = /^\d{9,10}$/.test(String(value));
    // A 31st of February would become a day in March.
    if (!isSeconds && utcInstant(iso?.[1] ?? '', iso?.[2] ?? '') === null) return null;
    const at = new Date(isSeconds ? Number(value) * 1000 : String(value));
    return !Number.isNaN(at.getTime()) && isThisAge(at) ? at : null;
  },
};
const flag: Param<boolean> = {
  rule: 'must be true or false',
  read: (value) => (typeof value === 'boolean' ? value : null),
};
// Whatever the words are one day: a call must not go uncounted for one of them.
const word = textOf(/^.{1,64}$/, 'must be a word');

const CALL = {
  ...{ uuid: callId, direction: word, caller_number: anyText, callee_number: anyText, hangup_by: word },
  ...{ started_at: instant, answered_at: instant, bridged_at: instant, ended_at: instant },
  ...{ call_duration: seconds, missing_call: flag, missing_call_reason: word, record_url: webAddress },
} as const;

// Who a caller of ours is to Hipcall is a contact of the company's; its users are the other end.
const SOURCES: Readonly<Record<string, HangupSource>> = { contact: 'Caller', user: 'Callee', system: 'Provider' };
const NORMAL = 4000;
const NO_ANSWER = 3000;

/**
 * Reads one of Hipcall's events. Its hangup tells of both legs at once, and of no costs. Source: Hipcall help,
 * "What are webhooks" and "A detailed look at call records"; older names have `::`.
 */
export function parseHipcallEvent(
  webhook: WebhookName,
  request: WebhookRequest,
  defaultCountry: Country | null,
): CallReport | MalformedRequest | null {
  const { body } = request;
  if (webhook !== 'events') return null;
  if (!isRecord(body)) return malformed('body', 'must be a JSON object');
  if (typeof body.event !== 'string') return malformed('event', 'must be a string');
  const event = body.event.replace('::', '_');
  if (event !== 'call_init' && event !== 'call_hangup') return null;
  if (!isRecord(body.data)) return malformed('data', 'must be an object');
  const call = readParams(body.data, CALL, 'data.');
  if ('malformed' in call) return call as MalformedRequest;
  if (call.uuid === undefined) return malformed('data.uuid', 'must be given');
  const phone = (text: string | undefined) =>
    text === undefined ? null : parseProviderPhone(text.trim(), defaultCountry);
  const isOutbound = call.direction === 'outbound';
  const [person, number] = isOutbound
    ? [call.callee_number, call.caller_number]
    : [call.caller_number, call.callee_number];
  const isEnd = event === 'call_hangup';
  return {
    callId: call.uuid,
    direction: isOutbound ? 'outbound' : 'inbound',
    caller: phone(person),
    virtualNumber: phone(number),
    legA: isEnd
      ? endOfLegA(call)
      : known<LegReport>({ startedAt: call.started_at, ringingAt: call.started_at ?? 'heard' }),
    legB: isEnd ? endOfLegB(call.uuid, call) : {},
    recording: isEnd ? recordingOf(call.uuid, call) : null,
  };
}

type Call = Exclude<ReturnType<typeof readCall>, MalformedRequest>;
const readCall = (data: Readonly<Record<string, unknown>>) => readParams(data, CALL);

function endOfLegA(call: Call): LegReport {
  const { ended_at: endedAt, hangup_by, call_duration } = call;
  // Nobody is bridged who was not answered.
  const answeredAt = call.answered_at ?? call.bridged_at;
  return known<LegReport>({
    startedAt: call.started_at,
    answeredAt,
    endedAt: endedAt ?? 'heard',
    hangupCode: NORMAL,
    hangupSource: hangup_by === undefined ? undefined : (SOURCES[hangup_by] ?? 'Unknown'),
    seconds: call_duration || secondsBetween(answeredAt, endedAt),
  });
}

/** The leg that was dialled for us: it was bridged, or nobody answered it. */
function endOfLegB(uuid: string, call: Call): LegReport {
  const { bridged_at: answeredAt, ended_at: endedAt, hangup_by } = call;
  if (answeredAt === undefined && call.missing_call !== true) return {};
  return known<LegReport>({
    // Hipcall has one id for both legs.
    legId: `${uuid}-b`,
    answeredAt,
    endedAt: endedAt ?? 'heard',
    hangupCode: answeredAt === undefined ? NO_ANSWER : NORMAL,
    hangupSource: hangup_by === undefined ? undefined : (SOURCES[hangup_by] ?? 'Unknown'),
    seconds: secondsBetween(answeredAt, endedAt),
  });
}

function secondsBetween(from: Date | undefined, to: Date | undefined): number | undefined {
  if (from === undefined || to === undefined || to < from) return undefined;
  return Math.min(86_400, Math.round((to.getTime() - from.getTime()) / 1000));
}

function recordingOf(uuid: string, { record_url: url }: Call): RecordingReport | null {
  if (url === undefined) return null;
  return known<RecordingReport>({ recordingId: uuid, isComplete: true, url, format: recordingFormat(url) });
}
