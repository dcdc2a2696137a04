import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Requests as they go over the wire, made before anything is measured.
 *
 * @typedef {{ from: string, to: string, pin?: string }} Party phones with `+`
 * @typedef {{ kind: 'answer' | 'pin' | 'dial' | 'hangup', parties: Party[], calls: string, path: string, publicUrl: string, token: string }} Webhooks
 *   `calls` begins every call's id; with `strangers` each call comes from a phone that nobody knows
 * @typedef {{ kind: 'create', path: string, authorization: string, from: number, wish: object, firsts?: string[] }} Creates
 *   pairs of phones are counted up from `from`; with `firsts` the first parties are these, in turn
 * @typedef {{ kind: 'get', paths: string[], authorization: string }} Reads
 */

/** @param {string} dist the compiled service, whose own signature is used @param {any} make @param {number} count */
export async function makeRequests(dist, make, count) {
  const { signPlivoV3 } = await import(pathToFileURL(path.join(dist, 'core/plivo-v3.js')).href);
  const makers = { answer: webhook, pin: webhook, dial: webhook, hangup: webhook, create, get };
  const maker = makers[make.kind];
  return Array.from({ length: count }, (_, i) => maker(make, i, signPlivoV3));
}

/** What Plivo sends with every question. */
const STANDARD = {
  BillRate: '0.005',
  CallStatus: 'ringing',
  CallerName: 'Somebody',
  CountryCode: 'US',
  Direction: 'inbound',
  Event: 'StartApp',
  ParentAuthID: 'MAXXXXXXXXXXXXXXXXXX',
  RouteType: 'Domestic_Anchored',
  STIRAttestation: 'Not Applicable',
  STIRVerification: 'Not Applicable',
  SessionStart: '2024-10-25 14:13:37.779297',
};

/** What it tells of the end of leg A. */
const ENDED = {
  CallStatus: 'completed',
  Direction: 'inbound',
  Event: 'Hangup',
  StartTime: '2026-03-01 14:05:08',
  AnswerTime: '2026-03-01 14:05:09',
  EndTime: '2026-03-01 14:06:23',
  SessionStart: '2026-03-01 08:35:10.910772',
  BillRate: '0.005',
  HangupSource: 'Callee',
  HangupCause: 'NORMAL_CLEARING',
  HangupCauseCode: '4000',
  HangupCauseName: 'Normal Hangup',
  Duration: '74',
  BillDuration: '120',
  TotalCost: '0.01000',
};

/** What it tells of the end of leg B. */
const dialEnded = (call) => ({
  DialAction: 'hangup',
  DialALegUUID: call,
  DialBLegUUID: `${call}-b`,
  DialBLegPosition: '1',
  DialBLegStatus: 'hangup',
  DialBLegHangupCause: 'NORMAL_CLEARING',
  DialBLegHangupCauseCode: '4000',
  DialBLegHangupCauseName: 'Normal Hangup',
  DialBLegHangupSource: 'Callee',
  DialBLegDuration: '69',
  DialBLegBillDuration: '120',
  DialBLegBillRate: '0.01781',
  DialBLegTotalCost: '0.03562',
  Event: 'DialHangup',
});

function webhook(make, i, sign) {
  const party = make.parties[i % make.parties.length];
  const from = make.strangers ? `1808${String(i).padStart(7, '0')}` : party.from.slice(1);
  const call = `${make.calls}-${i}`;
  const said = { answer: STANDARD, pin: STANDARD, dial: dialEnded(call), hangup: ENDED }[make.kind];
  const params = {
    ...said,
    CallUUID: call,
    From: from,
    To: party.to.slice(1),
    ...(make.kind === 'pin' && { CallStatus: 'in-progress', Digits: party.pin }),
  };
  const nonce = `${make.calls}-${make.kind}-${i}`;
  const signature = sign({ method: 'POST', url: make.publicUrl + make.path, params, nonce, token: make.token });
  return request('POST', make.path, new URLSearchParams(params).toString(), {
    'content-type': 'application/x-www-form-urlencoded',
    'x-plivo-signature-v3': signature,
    'x-plivo-signature-v3-nonce': nonce,
  });
}

function create(make, i) {
  const phone = (area) => `+1${area}${String(make.from + i).padStart(7, '0')}`;
  const body = JSON.stringify({
    first_party: make.firsts?.[i % make.firsts.length] ?? phone(303),
    second_party: phone(404),
    ...make.wish,
  });
  return request('POST', make.path, body, { 'content-type': 'application/json', authorization: make.authorization });
}

function get(make, i) {
  return request('GET', make.paths[i % make.paths.length], '', { authorization: make.authorization });
}

function request(method, target, body, headers) {
  const all = { host: 'bauta.example', ...headers, ...(body && { 'content-length': Buffer.byteLength(body) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
