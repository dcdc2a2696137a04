import type { CallReport } from '../core/call-report.ts';
import type { Country } from '../core/phone.ts';
import type { MalformedRequest, WebhookName, WebhookRequest } from './dialect.ts';
import { isRecord, malformed, type Params, readParams } from './params.ts';
import { dialActionOf, dialCallbackOf, hangupOf, recordingOf, startOf } from './plivo-legs.ts';
import { plivoPhone } from './plivo-phone.ts';
import { DIAL_ACTION, DIAL_CALLBACK, type Given, HANGUP, RECORD, STANDARD } from './plivo-report-params.ts';
import { holdsName, lostInReport } from './plivo-signature.ts';

/** What Plivo reports to; the address of `hangup` is set up by hand, the others stand in our documents. */
export const PLIVO_WEBHOOKS = [
  'ring',
  'hangup',
  'dial-action',
  'dial-callback',
  'record-action',
  'record-callback',
] as const satisfies readonly WebhookName[];

const SCHEMAS = {
  ring: STANDARD,
  hangup: HANGUP,
  'dial-action': DIAL_ACTION,
  'dial-callback': DIAL_CALLBACK,
  'record-action': RECORD,
  'record-callback': RECORD,
} as const satisfies Readonly<Record<(typeof PLIVO_WEBHOOKS)[number], Params>>;

/**
 * Reads one of Plivo's reports. Source: Plivo docs, "Request parameters", "Dial" and "Record", and captured
 * requests. Each parameter that is read may be given once, and none may have been cut into another.
 */
export function parsePlivoReport(
  webhook: WebhookName,
  request: WebhookRequest,
  defaultCountry: Country | null,
): CallReport | MalformedRequest | null {
  const params = request.method === 'GET' ? request.query : request.body;
  if (!isRecord(params)) return malformed('body', 'must be a form');
  if (webhook === 'events') return null;
  const schema = SCHEMAS[webhook];
  const names = Object.keys(schema);
  const repeated = names.find((name) => params[name] !== undefined && typeof params[name] !== 'string');
  if (repeated !== undefined) return malformed(repeated, 'must be given once');
  // An address may hold anything; behind it stand parameters that are read and would be missed.
  const lost = lostInReport(request) ?? names.find((name) => name !== 'RecordUrl' && holdsName(params[name])) ?? null;
  if (lost !== null) return malformed(lost, 'must be a parameter of its own');
  const values = readParams(params, schema);
  if ('malformed' in values) return values as MalformedRequest;
  return toReport(webhook, values as Given, defaultCountry);
}

function toReport(
  webhook: (typeof PLIVO_WEBHOOKS)[number],
  values: Given,
  defaultCountry: Country | null,
): CallReport | MalformedRequest | null {
  if (values.CallUUID === undefined) return malformed('CallUUID', 'must be given');
  const isOutbound = values.Direction === 'outbound';
  const [person, number] = isOutbound ? [values.To, values.From] : [values.From, values.To];
  // Callbacks of a dial and of a recording may tell of the dialled leg's numbers, or of none.
  const hasNumbers = webhook === 'ring' || webhook === 'hangup';
  const report = {
    callId: values.CallUUID,
    direction: isOutbound ? 'outbound' : 'inbound',
    caller: hasNumbers ? plivoPhone(person ?? null, defaultCountry) : null,
    virtualNumber: hasNumbers ? plivoPhone(number ?? null, defaultCountry) : null,
    legA: {},
    legB: {},
    recording: null,
  } as const;
  switch (webhook) {
    case 'ring':
      return { ...report, legA: { ...startOf(values), ringingAt: 'heard' } };
    case 'hangup':
      return { ...report, legA: hangupOf(values) };
    case 'dial-action':
      return { ...report, legB: dialActionOf(values) };
    case 'dial-callback': {
      const legB = dialCallbackOf(values);
      return legB && { ...report, legB };
    }
    case 'record-action':
    case 'record-callback': {
      const recording = recordingOf(values);
      return 'malformed' in recording ? recording : { ...report, recording };
    }
    default:
      return webhook satisfies never;
  }
}
