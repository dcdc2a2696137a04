import type { CallbackEvent } from '../core/callback.ts';
import { CALLBACK_ATTRIBUTES, type CallbackAttribute } from '../core/callback-params.ts';

const WHEN: Readonly<Record<CallbackEvent, string>> = {
  SessionTimeout: 'The session has ended: its time was up, or it was deleted.',
  SessionPinAuthenticationStatus: 'A caller keyed a PIN, or was known and had not to.',
  SessionFirstPartyAnswer: 'The first party has answered, or called and is connected.',
  SessionSecondPartyRing: 'The phone of the second party rings.',
  SessionSecondPartyAnswer: 'The second party has answered, or called and is connected.',
  SessionFirstPartyHangup: 'The call of the first party is over.',
  SessionSecondPartyHangup: 'The call of the second party is over.',
  SessionPartiesHangup: 'The call is over for both.',
  SessionRecordingInitiated: 'Both are connected and the recording has begun.',
  SessionRecordingCompleted: 'The recording is complete.',
  SessionRecordingFailed: 'The call was to be recorded and was not.',
};

const SECONDS = { type: 'string', pattern: '^[0-9]+$' };
const PHONE = { type: 'string', pattern: '^[0-9]+$', description: 'Digits without `+`.' };
const TIME = { type: 'string', description: 'UTC.', examples: ['2026-01-31 13:35:51'] };

const ATTRIBUTES: Readonly<Record<CallbackAttribute, object>> = {
  EventName: { type: 'string' },
  EventTimestamp: TIME,
  SessionUUID: { type: 'string', format: 'uuid' },
  VirtualNumber: PHONE,
  SequenceNumber: { ...SECONDS, description: 'Counts the callbacks of the session, from 1.', examples: ['5'] },
  From: { ...PHONE, description: 'Who called, or in a call to the first party that party. Absent where withheld.' },
  To: { ...PHONE, description: 'Who was dialled.' },
  PinAuthenticationStatus: { type: 'string', enum: ['success', 'failed', 'AuthorizedCaller'] },
  PinRetryCounter: { ...SECONDS, description: 'Wrong entries of the call so far.' },
  Duration: { ...SECONDS, description: 'Seconds of this party’s leg; at the end of all, seconds that the two talked.' },
  BilledDuration: { ...SECONDS, description: 'Billed seconds of this party’s leg; at the end of all, of both.' },
  Amount: {
    type: 'string',
    pattern: '^[0-9]+(\\.[0-9]+)?$',
    description: 'What this party’s leg cost, as an exact decimal; at the end of all, what both cost.',
    examples: ['0.01000'],
  },
  PlivoHangupCause: { type: 'string', examples: ['Normal Hangup'] },
  PlivoHangupCauseCode: { ...SECONDS, examples: ['4000'] },
  RecordingUUID: { type: 'string' },
  RecordingResourceURL: { type: 'string', format: 'uri', description: 'The recording in this API.' },
  RecordingFormat: { type: 'string', enum: ['.mp3', '.wav'] },
  RecordingStartTime: TIME,
  RecordingEndTime: TIME,
  RecordingDuration: { ...SECONDS, description: 'Seconds.' },
  RecordingURL: { type: 'string', format: 'uri', description: 'The recording itself.' },
};

const ALWAYS: readonly CallbackAttribute[] = CALLBACK_ATTRIBUTES.SessionTimeout;

const HEADERS = [
  ['webhook-id', 'The same in every attempt of a callback: the key against duplicates.'],
  ['webhook-timestamp', 'Of this attempt, in seconds since 1970.'],
  ['webhook-signature', 'Standard Webhooks: `v1,` and a signature; two of them, with a space, while a secret rotates.'],
  ['x-plivo-signature-v3', 'Plivo’s signature by the account’s secret; two of them, with a comma, likewise.'],
  ['x-plivo-signature-ma-v3', 'The same by the main account’s secret.'],
  ['x-plivo-signature-v3-nonce', 'Fresh for every attempt.'],
] as const;

/** The callbacks as the OpenAPI document shows them: one webhook per event, with all that it can say. */
export function callbackWebhooks(): Record<string, object> {
  const events = Object.entries(CALLBACK_ATTRIBUTES) as [CallbackEvent, readonly CallbackAttribute[]][];
  return Object.fromEntries(events.map(([event, names]) => [event, { post: webhook(event, names) }]));
}

function webhook(event: CallbackEvent, names: readonly CallbackAttribute[]): object {
  const properties = Object.fromEntries(names.map((name) => [name, ATTRIBUTES[name]]));
  const schema = {
    type: 'object',
    properties: { ...properties, EventName: { type: 'string', const: event } },
    required: names.filter((name) => ALWAYS.includes(name)),
  };
  return {
    tags: ['Callbacks'],
    operationId: event,
    summary: WHEN[event],
    description:
      'Sent to the session’s callback address, recordings to its recording address, by the method set there: by POST as a form, by GET in the query. Sent again, with the same `webhook-id` and the same attributes, until it is answered with 2xx. Attributes that are not known are absent.',
    parameters: HEADERS.map(([name, description]) => ({
      ...{ name, in: 'header', required: true, description, schema: { type: 'string' } },
    })),
    requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema } } },
    responses: {
      '2XX': { description: 'Taken.' },
      410: { description: 'Never send this callback again.' },
      default: { description: 'Send it again later, by the schedule or after the time that `Retry-After` names.' },
    },
  };
}
