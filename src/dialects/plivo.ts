import type { Attestation } from '../core/call-policy.ts';
import type { CallQuestion } from '../core/call-question.ts';
import type { Country, Phone } from '../core/phone.ts';
import type { CallPlan, DialEnding, Ending, GatherEnding, Prompt } from '../core/plan.ts';
import type { Credentials, Dialect, MalformedRequest, WebhookRequest } from './dialect.ts';
import { isRecord, malformed } from './params.ts';
import { plivoPhone } from './plivo-phone.ts';
import { PLIVO_WEBHOOKS, parsePlivoReport } from './plivo-reports.ts';
import { lostParameter, verifyPlivoSignature } from './plivo-signature.ts';
import { type Xml, xml, xmlDocument } from './xml.ts';

/** Plivo XML. Source: Plivo docs, "XML elements", "Request parameters" and "Signature validation". */
export const plivo: Dialect = {
  name: 'plivo',
  contentType: 'application/xml; charset=utf-8',
  authenticate,
  parse,
  render,
  renderCalleePlay,
  webhooks: PLIVO_WEBHOOKS,
  authenticateReport: authenticate,
  parseReport: parsePlivoReport,
  reportDocument: xmlDocument(xml`<Response/>`),
};

/**
 * True when the request is signed with the connection's token. A connection without a token has its
 * unguessable address as its only credential, which the request has shown by arriving.
 */
function authenticate(request: WebhookRequest, { authToken }: Credentials): boolean {
  return authToken === undefined || verifyPlivoSignature(request, authToken);
}

/**
 * Reads Plivo's question: the form of a POST, the query of a GET, and in either case the `try` and
 * `silent` of our own query. Names the parameter that is missing, repeated or unreadable.
 */
function parse(request: WebhookRequest, defaultCountry: Country | null): CallQuestion | MalformedRequest {
  const params = request.method === 'GET' ? request.query : request.body;
  if (!isRecord(params)) return malformed('body', 'must be a form');
  const lost = lostParameter(request);
  if (lost !== null) return malformed(lost, 'must be a parameter of its own');
  const repeated =
    ['CallUUID', 'From', 'To', 'Digits', 'Direction', 'STIRVerification', 'STIRAttestation'].find(
      (name) => !isOnceAtMost(params[name]),
    ) ?? ['try', 'silent'].find((name) => !isOnceAtMost(request.query[name]));
  if (repeated !== undefined) return malformed(repeated, 'must be given once');

  const callId = textOf(params.CallUUID);
  if (callId === null || !/^[\w-]{1,64}$/.test(callId))
    return malformed('CallUUID', 'must be 1 to 64 of A-Z a-z 0-9 _ -');
  const callee = plivoPhone(textOf(params.To), defaultCountry);
  if (callee === null) return malformed('To', 'must be a phone number');
  const keyed = textOf(params.Digits);
  if (keyed !== null && !/^[0-9*#]{0,32}$/.test(keyed)) return malformed('Digits', 'must be up to 32 of 0-9 * #');
  const tryText = textOf(request.query.try);
  if (tryText !== null && !/^[1-9]\d?$/.test(tryText)) return malformed('try', 'must be 1 to 99');
  const silent = textOf(request.query.silent);
  if (silent !== null && silent !== 'true') return malformed('silent', 'must be true');

  // A call that we placed: who was called is the person on it, as the caller is of any other.
  const isOutbound = params.Direction === 'outbound';
  const from = plivoPhone(textOf(params.From), defaultCountry);
  if (isOutbound && from === null) return malformed('From', 'must be a phone number');
  return {
    direction: isOutbound ? 'outbound' : 'inbound',
    callId,
    // Withheld numbers come as '', 'anonymous' and the like, callers of the exchange as sip:… .
    caller: isOutbound ? callee : from,
    // Whoever answers a call of ours is at the number that we called.
    attestation: isOutbound ? 'attested' : attestationOf(params.STIRVerification, params.STIRAttestation),
    callee: isOutbound ? from : callee,
    digits: keyed ?? (silent === null ? null : ''),
    tryNumber: tryText === null ? null : Number(tryText),
  };
}

/**
 * `Verified` is attestation A. `Not Verified` is everything else that the system covers: levels B and C, whose
 * carrier knows the customer or the gateway and not the number, and calls without a valid signature.
 */
function attestationOf(verification: unknown, level: unknown): Attestation {
  if (verification === 'Verified') return 'attested';
  return verification === 'Not Verified' && level !== 'B' && level !== 'C' ? 'failed' : 'unknown';
}

/** The document for a plan, at most one ending after its prompts. */
function render(plan: CallPlan, { answerUrl }: { readonly answerUrl: string }): string {
  return xmlDocument(
    xml`<Response>${plan.prompts.map(promptXml)}${endingXml(plan.ending, plan.prompts, answerUrl)}</Response>`,
  );
}

/** What the callee alone hears, asked for by `confirmSound`; the call is bridged when it ends. */
function renderCalleePlay(url: string | null): string {
  return xmlDocument(url === null ? xml`<Response/>` : xml`<Response><Play>${url}</Play></Response>`);
}

function promptXml(prompt: Prompt): Xml {
  switch (prompt.kind) {
    case 'play':
      return xml`<Play>${prompt.url}</Play>`;
    case 'say':
      return xml`<Speak>${prompt.text}</Speak>`;
    case 'wait':
      // Plivo waits for whole seconds, one at least.
      return prompt.seconds > 0 ? xml`<Wait length="${Math.ceil(prompt.seconds)}"/>` : xml``;
    default:
      return prompt satisfies never;
  }
}

function endingXml(ending: Ending, prompts: readonly Prompt[], answerUrl: string): Xml {
  switch (ending.kind) {
    case 'gather':
      return gatherXml(ending, answerUrl);
    case 'dial':
      return dialXml(ending, answerUrl);
    case 'extension':
      // Plivo has no extensions, and a <User> would be shown the caller's number, since this ending
      // has no caller ID. Configuration refuses extensions for Plivo; should one get here, end the call.
      return xml`<Hangup/>`;
    case 'hangup':
      // A call can be rejected only while it is unanswered, and a prompt answers it.
      return ending.rejected && prompts.length === 0 ? xml`<Hangup reason="rejected"/>` : xml`<Hangup/>`;
    default:
      return ending satisfies never;
  }
}

// Plivo knows no least number of digits: too few of them are a wrong PIN, which the plan deals with.
// When nothing is keyed it never calls `action` but goes on below, where the Redirect brings it back.
// `log="false"` keeps the PIN out of Plivo's own logs.
function gatherXml({ tryNumber, promptUrl, maxDigits }: GatherEnding, answerUrl: string): Xml {
  const action = `${answerUrl}?try=${tryNumber}`;
  const prompt = promptUrl !== null && xml`<Play>${promptUrl}</Play>`;
  return xml`<GetDigits action="${action}" method="POST" numDigits="${maxDigits}" timeout="10" digitTimeout="5" retries="1" finishOnKey="#" validDigits="0123456789" log="false" redirect="true" playBeep="false">${prompt}</GetDigits><Redirect method="POST">${action}&amp;silent=true</Redirect>`;
}

// Without `callerId` Plivo shows the callee the caller's real number: it is never left out.
function dialXml(ending: DialEnding, answerUrl: string): Xml {
  const { callee, callerId, ringTimeoutSeconds, timeLimitSeconds, recordFormat, calleePlay } = ending;
  const record =
    recordFormat !== null &&
    xml`<Record action="${answerUrl}/record-action/" method="POST" redirect="false" recordSession="true" startOnDialAnswer="true" fileFormat="${recordFormat}" maxLength="${timeLimitSeconds}" callbackUrl="${answerUrl}/record-callback/" callbackMethod="POST"/>`;
  const confirmSound =
    calleePlay !== null &&
    xml` confirmSound="${answerUrl}/callee-play/${encodeURIComponent(calleePlay.sessionId)}/${calleePlay.side}"`;
  return xml`${record}<Dial callerId="${digitsOf(callerId)}" timeout="${ringTimeoutSeconds}" timeLimit="${timeLimitSeconds}" action="${answerUrl}/dial-action/" method="POST" redirect="false" callbackUrl="${answerUrl}/dial-callback/" callbackMethod="POST"${confirmSound}><Number>${digitsOf(callee)}</Number></Dial>`;
}

function digitsOf(phone: Phone): string {
  return phone.slice(1);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function isOnceAtMost(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
