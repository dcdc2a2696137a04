import { createHash, timingSafeEqual } from 'node:crypto';
import type { CallQuestion } from '../core/call-question.ts';
import { type Country, type Phone, parseProviderPhone } from '../core/phone.ts';
import type { CallPlan, Ending, GatherEnding, Prompt } from '../core/plan.ts';
import type { Credentials, Dialect, MalformedRequest, WebhookRequest } from './dialect.ts';
import { HIPCALL_WEBHOOKS, parseHipcallEvent } from './hipcall-events.ts';
import { isRecord, malformed } from './params.ts';

/** Hipcall's JSON sequence. Source: Hipcall help, "External Management" and the PIN guide. */
export const hipcall: Dialect = {
  name: 'hipcall',
  contentType: 'application/json; charset=utf-8',
  authenticate,
  parse,
  render,
  renderCalleePlay: null,
  webhooks: HIPCALL_WEBHOOKS,
  authenticateReport,
  parseReport: parseHipcallEvent,
  reportDocument: '{}',
};

/**
 * True when the request has the connection's Basic credentials. Hipcall signs nothing, so a
 * connection without them has its unguessable address as its only credential.
 */
function authenticate(request: WebhookRequest, { username, password }: Credentials): boolean {
  if (username === undefined && password === undefined) return true;
  const given = basicCredentials(request.headers.authorization);
  if (given === null) return false;
  // Both are compared always, so that time does not tell which one was wrong.
  const isUser = sameSecret(given.username, username ?? '');
  const isPassword = sameSecret(given.password, password ?? '');
  return isUser && isPassword;
}

/**
 * Hipcall's events carry no credentials, so their unguessable address is what they have; but wrong ones are refused.
 */
function authenticateReport(request: WebhookRequest, credentials: Credentials): boolean {
  return request.headers.authorization === undefined || authenticate(request, credentials);
}

/**
 * Reads Hipcall's question: the JSON object of a POST, or the query of a GET, which carries no
 * `data`. The guide sends `caller` and `data` alone, so all else is optional, and fields that we do
 * not use may be anything: the contract is still moving.
 */
function parse(request: WebhookRequest, defaultCountry: Country | null): CallQuestion | MalformedRequest {
  const isGet = request.method === 'GET';
  const fields = isGet ? request.query : request.body;
  if (!isRecord(fields)) return malformed('body', 'must be a JSON object');
  const { caller, uuid = null } = fields;
  // Empty is as good as absent: the number is then the connection's own.
  const callee = fields.callee || null;
  const data = (isGet ? null : fields.data) ?? {};

  if (caller === undefined) return malformed('caller', 'must be given');
  if (caller !== null && typeof caller !== 'string') return malformed('caller', 'must be a string');
  const calleePhone = typeof callee === 'string' ? phoneOf(callee, isGet, defaultCountry) : null;
  if (callee !== null && calleePhone === null) return malformed('callee', 'must be a phone number');
  if (uuid !== null && !isCallId(uuid)) return malformed('uuid', 'must be 1 to 64 of A-Z a-z 0-9 _ -');
  if (!isRecord(data)) return malformed('data', 'must be an object');
  const tryNumber = lastTry(data);
  const digits = tryNumber === null ? null : digitsOf(data[variableName(tryNumber)]);
  if (tryNumber !== null && digits === null) {
    return malformed(`data.${variableName(tryNumber)}`, 'must be up to 32 of 0-9 * #');
  }

  const callerPhone = caller === null ? null : phoneOf(caller, isGet, defaultCountry);
  // Hipcall says nothing about whose a number is.
  const attestation = 'unknown';
  return {
    direction: 'inbound',
    callId: uuid,
    caller: callerPhone,
    attestation,
    callee: calleePhone,
    digits,
    tryNumber,
  };
}

/** The sequence for a plan. It points back to no address: Hipcall posts to the one it is set up with. */
function render(plan: CallPlan): string {
  return JSON.stringify({ version: '1', seq: [...plan.prompts.flatMap(promptItems), endingItem(plan.ending)] });
}

// No documented action speaks or waits.
function promptItems(prompt: Prompt): object[] {
  return prompt.kind === 'play' ? [{ action: 'play', args: { url: prompt.url } }] : [];
}

function endingItem(ending: Ending): object {
  switch (ending.kind) {
    case 'gather':
      return { action: 'gather', args: gatherArgs(ending) };
    case 'dial':
      // This contract has no words for the ring timeout, the time limit, recording, what the callee
      // hears first, nor for the caller ID, which is as the Hipcall account has it.
      return { action: 'dial', args: { destination: ending.callee.slice(1) } };
    case 'extension':
      return { action: 'connect', args: { destination: ending.extension } };
    case 'hangup':
      return { action: 'hangup' };
    default:
      return ending satisfies never;
  }
}

function gatherArgs({ minDigits, maxDigits, promptUrl, tryNumber }: GatherEnding): object {
  return {
    min_digits: minDigits,
    max_digits: maxDigits,
    ...(promptUrl === null ? {} : { ask: promptUrl }),
    variable_name: variableName(tryNumber),
  };
}

// Hipcall sends back every variable gathered so far. A name of its own for each try tells a new
// entry of the same wrong digits from the old one sent again.
function variableName(tryNumber: number): string {
  return tryNumber === 1 ? 'pin_code' : `pin_code_${tryNumber}`;
}

/** The highest try that the data holds digits for, null for none. */
function lastTry(data: Readonly<Record<string, unknown>>): number | null {
  const tries = Object.keys(data).flatMap((name) => {
    const match = /^pin_code(?:_([1-9]\d?))?$/.exec(name);
    return match && match[1] !== '1' ? [Number(match[1] ?? 1)] : [];
  });
  return tries.length === 0 ? null : Math.max(...tries);
}

/** The digits as keyed, '' for silence; null for what no telephone can send. */
function digitsOf(value: unknown): string | null {
  if (value === null || value === undefined) return '';
  const text = Number.isSafeInteger(value) ? String(value) : value;
  // A finishing '#' is not documented to be cut off.
  return typeof text === 'string' && /^[0-9*#]{0,32}$/.test(text) ? text.replace(/#$/, '') : null;
}

// In a query a bare '+' is a space, so a leading space was a '+'.
function phoneOf(text: string, isQuery: boolean, defaultCountry: Country | null): Phone | null {
  return parseProviderPhone((isQuery ? text.replace(/^ (?=\d)/, '+') : text).trim(), defaultCountry);
}

function isCallId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
}

function basicCredentials(header: string | string[] | undefined): { username: string; password: string } | null {
  if (typeof header !== 'string') return null;
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

// Digests are of one length, so that time does not tell the length of the secret either.
function sameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(sha256(given), sha256(wanted));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
