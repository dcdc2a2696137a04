import { createHmac, timingSafeEqual } from 'node:crypto';
import { signPlivoV3, sortedPairs } from '../core/plivo-v3.ts';
import type { WebhookRequest } from './dialect.ts';

/** Form parameters, decoded; a repeated key has an array. */
export type SignedParams = Readonly<Record<string, string | readonly string[]>>;

/**
 * True when a request carries a signature made with the token: V3 or Ma-V3, or, only where neither
 * of those is present, V2 or Ma-V2. Any entry of a comma-separated list may match; every comparison
 * takes constant time. A header given twice, a body that is no form, or an empty token is refused.
 * Source: Plivo docs, "Signature validation".
 *
 * V2 covers the address and the nonce alone, neither query nor body: whoever has seen one V2
 * signature can put any body under it. It is accepted since the contract asks for it; the
 * connection's unguessable address is what protects such a request.
 */
export function verifyPlivoSignature(request: WebhookRequest, token: string): boolean {
  const headers = plivoHeaders(request);
  // Anybody can sign with an empty key, so it is no key.
  if (headers === null || token === '') return false;
  const v3 = [headers['x-plivo-signature-v3'], headers['x-plivo-signature-ma-v3']].filter(isText);
  if (v3.length > 0) return verifyV3(request, token, v3, headers['x-plivo-signature-v3-nonce']);
  const v2 = [headers['x-plivo-signature-v2'], headers['x-plivo-signature-ma-v2']].filter(isText);
  const nonce = headers['x-plivo-signature-v2-nonce'];
  const url = splitUrl(request.url);
  if (v2.length === 0 || !nonce || url === null) return false;
  return anyEquals(v2, hmac(token, url.base + nonce));
}

/**
 * The name of a parameter that this request seems to have lost inside another one, or null.
 *
 * V3 joins names and values without a mark between them: `From=1415…` and `Fro=m1415…` have the same
 * signature, so whoever captured a request could send it again with its caller or its digits cut
 * out. Hence a name of Plivo's, or of ours, that stands in the signed text must be a parameter.
 */
export function lostParameter({ method, url, body }: WebhookRequest): string | null {
  const query = queryOf(url);
  const inQuery = lostInQuery(query, [...QUESTION, 'To', 'Digits', 'try', 'silent']);
  if (inQuery !== null) return inQuery;
  const form = method === 'POST' ? formOf(body) : null;
  if (form === null) return null;
  const signed = joinForm(form);
  if (!Object.hasOwn(form, 'Digits') && DIGITS.test(signed.text)) return 'Digits';
  return QUESTION.find((name) => !Object.hasOwn(form, name) && isLostIn(signed, name)) ?? null;
}

/** True for the name of an absent parameter that stands in a form's text, and not only within names that hold it. */
function isLostIn({ text, names }: SignedForm, name: string): boolean {
  const isHeld = (from: number, to: number) =>
    names.some((other) => from < other.to && to > other.from && mayHold(other.name, name));
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const to = at + name.length;
    // "To" is part of too many words: a phone must stand behind it.
    if (!isHeld(at, to) && (name !== 'To' || /[+0-9]/.test(text[to] ?? ''))) return true;
  }
  return false;
}

/**
 * The same for a report. Every name that we know must be a parameter of its own, also one that is not read: half of
 * it may have become the end of a value that is, such as the call's id. Of a POST the form alone is read.
 */
export function lostInReport({ method, url, body }: WebhookRequest): string | null {
  if (method === 'GET') return lostInQuery(queryOf(url), IN_REPORTS);
  const form = formOf(body);
  if (form === null) return null;
  const signed = joinForm(form);
  return IN_REPORTS.find((name) => !Object.hasOwn(form, name) && isLostIn(signed, name)) ?? null;
}

/** True for a value that holds a parameter's name: it was cut into this one, and its signature does not tell. */
export function holdsName(value: unknown): boolean {
  return typeof value === 'string' && ANY_KNOWN.test(value);
}

function lostInQuery(query: ReadonlyMap<string, string[]>, names: readonly string[]): string | null {
  const text = `&${joinQuery(query)}`;
  return names.find((name) => !query.has(name) && text.includes(`&${name}=`)) ?? null;
}

// "ForwardedFrom" holds "From", which is then not lost; nor is what may be told of leg B some day, "DialBLegEndTime".
function mayHold(other: string, name: string): boolean {
  return other.includes(name) && (KNOWN.has(other) || other === `DialBLeg${name}`);
}

// What Plivo sends with a question; not "To", which is part of too many words, and which nobody can
// cut out unseen since it is required.
const QUESTION: readonly string[] = (
  'ALegRequestUUID ALegUUID BillRate CallStatus CallUUID CallerName CountryCode Direction Event ForwardedFrom From ' +
  'ParentAuthID RequestUUID RouteType STIRAttestation STIRVerification SessionStart'
).split(' ');
// What it sends with reports as well: their names may hold others, such as "Duration".
const REPORTS: readonly string[] = (
  'AnswerTime BillDuration Duration EndTime HangupCause HangupCauseCode HangupCauseName HangupSource StartTime ' +
  'TotalCost DialALegUUID DialAction DialBLegBillDuration DialBLegBillRate DialBLegDuration DialBLegFrom ' +
  'DialBLegHangupCause DialBLegHangupCauseCode DialBLegHangupCauseName DialBLegHangupSource DialBLegPosition ' +
  'DialBLegSTIRAttestation DialBLegSTIRVerification DialBLegStatus DialBLegTo DialBLegTotalCost DialBLegUUID ' +
  'DialDigitsMatch DialDigitsPressedBy DialHangupCause DialRingStatus DialStatus Digits RecordUrl RecordingDuration ' +
  'RecordingDurationMs RecordingEndMs RecordingID RecordingStartMs'
).split(' ');
const KNOWN: ReadonlySet<string> = new Set([...QUESTION, ...REPORTS]);
const ANY_KNOWN = new RegExp([...KNOWN].join('|'));
// "Digits" also stands in the name of an event, and is read in no report.
const IN_REPORTS: readonly string[] = [...KNOWN, 'To'].filter((name) => name !== 'Digits');
// A caller may be called so; but only behind a parameter's name stand keys, or what sorts next to it.
const DIGITS = /Digits(?:[0-9*#]|Direction)/;

function verifyV3(request: WebhookRequest, token: string, signatures: string[], nonce: string | undefined): boolean {
  // A dot would let the end of the signed text be passed off as the start of the nonce.
  if (!nonce || nonce.includes('.')) return false;
  const { method, url } = request;
  // The parameters of a GET are its query, which the address has already.
  const params = method === 'POST' ? formOf(request.body) : {};
  if (params === null || splitUrl(url) === null) return false;
  return anyEquals(signatures, signPlivoV3({ method, url, params, nonce, token }));
}

// By hand rather than by URL, which would fold case, drop :443 and encode anew: what is signed is
// the address to the letter.
function splitUrl(url: string): { readonly base: string; readonly query: string } | null {
  const match = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]+[^?#]*)(?:\?([^#]*))?/i.exec(url);
  return match?.[1] === undefined ? null : { base: match[1], query: match[2] ?? '' };
}

function queryOf(url: string): Map<string, string[]> {
  const pairs = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(splitUrl(url)?.query ?? '')) append(pairs, name, value);
  return pairs;
}

function append(pairs: Map<string, string[]>, name: string, value: string): void {
  const values = pairs.get(name);
  if (values) values.push(value);
  else pairs.set(name, [value]);
}

function joinQuery(pairs: ReadonlyMap<string, string[]>): string {
  return sortedPairs([...pairs])
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A form as it is signed, and where the names of its parameters stand there. */
interface SignedForm {
  readonly text: string;
  readonly names: readonly { readonly name: string; readonly from: number; readonly to: number }[];
}

function joinForm(params: SignedParams): SignedForm {
  let text = '';
  const names = sortedPairs(Object.entries(params)).map(([name, value]) => {
    const from = text.length;
    text += name + value;
    return { name, from, to: from + name.length };
  });
  return { text, names };
}

/** The form of a body; empty where there was none, null where a body is something else. */
function formOf(body: unknown): SignedParams | null {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) return null;
  return isForm(body) ? body : null;
}

function isForm(body: object): body is SignedParams {
  return Object.values(body).every((value) => isText(value) || (Array.isArray(value) && value.every(isText)));
}

type PlivoHeaders = Readonly<Record<string, string | undefined>>;

/** Null where one of Plivo's headers came more than once. */
function plivoHeaders({ headers }: WebhookRequest): PlivoHeaders | null {
  const found: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('x-plivo-signature')) continue;
    if (Array.isArray(value)) return null;
    found[name] = value;
  }
  return found;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function hmac(token: string, text: string): string {
  return createHmac('sha256', token).update(text, 'utf8').digest('base64');
}

function anyEquals(lists: readonly string[], expected: string): boolean {
  const wanted = Buffer.from(expected);
  const matches = lists
    .flatMap((list) => list.split(','))
    .map((entry) => Buffer.from(entry.trim()))
    .filter((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
  return matches.length > 0;
}
