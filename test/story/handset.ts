import { randomUUID } from 'node:crypto';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';

/** One request of the provider's, ready to send again byte for byte. */
export interface HandsetRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface HandsetAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HandsetOptions {
  readonly dialect: 'plivo' | 'hipcall';
  /** Carries a request to the service, over a socket or by injection. */
  readonly post: (request: HandsetRequest) => Promise<HandsetAnswer>;
  /** The connection's answer webhook, absolute. */
  readonly answerUrl: string;
  /** The caller's number as the provider has it; Plivo's is sent without `+`, any other text as it is. */
  readonly from: string;
  /** The virtual number that is called. */
  readonly to: string;
  readonly callId?: string;
  readonly credentials?: { readonly authToken?: string; readonly username?: string; readonly password?: string };
  /** Hipcall only: the whole documented request, or the PIN guide's, with caller and data alone. */
  readonly style?: 'full' | 'guide';
}

/** What happened on the line from one request to the next point where the caller or callee must act. */
export interface Heard {
  readonly status: number;
  readonly played: string[];
  readonly spoken: string[];
  /** Seconds of silence. */
  readonly waited: number;
  /** What was asked, when the call now waits for keys; `minDigits` is 1 where the dialect names none. */
  readonly asked: { readonly prompt: string | null; readonly minDigits: number; readonly maxDigits: number } | null;
  readonly dialled: Dialled | null;
  /** The extension connected to. */
  readonly connected: string | null;
  readonly ended: boolean;
  /** The call was refused before it was answered. */
  readonly rejected: boolean;
  /** The last document. */
  readonly document: string;
}

export interface Dialled {
  /** Digits alone. */
  readonly number: string;
  /** What the callee's screen shows, digits alone; null where the document cannot say it. */
  readonly callerId: string | null;
  readonly timeLimit: number | null;
  readonly ringTimeout: number | null;
  readonly recording: boolean;
  readonly calleePlayUrl: string | null;
}

/**
 * A telephone on one call. Every method rejects with an Error that says what is wrong where the
 * service answers with another status than 200 or a document that the provider would not accept.
 */
export interface Handset {
  readonly callId: string;
  /** Calls the number: the first request. */
  dial(): Promise<Heard>;
  /** Keys digits where some were asked for. */
  press(digits: string): Promise<Heard>;
  /** Keys nothing until the provider gives up waiting. */
  silence(): Promise<Heard>;
  /** Sends the last request again, byte for byte, as a provider does that missed the answer. */
  repeat(): Promise<Heard>;
  /** What the callee hears alone after answering the dial that was heard last. */
  calleeHears(): Promise<string[]>;
}

/** A pretend telephone behind a pretend provider, which knows documents and nothing else. */
export function createHandset(options: HandsetOptions): Handset {
  const callId = options.callId ?? randomUUID();
  return options.dialect === 'plivo' ? plivoHandset(options, callId) : hipcallHandset(options, callId);
}

type MutableHeard = { -readonly [Key in keyof Heard]: Heard[Key] };

function heardNothing(): MutableHeard {
  return {
    status: 0,
    played: [],
    spoken: [],
    waited: 0,
    asked: null,
    dialled: null,
    connected: null,
    ended: false,
    rejected: false,
    document: '',
  };
}

async function exchange(
  post: HandsetOptions['post'],
  request: HandsetRequest,
  mediaType: RegExp,
  heard: MutableHeard,
): Promise<string> {
  const answer = await post(request);
  const shown = answer.body.slice(0, 300);
  if (answer.status !== 200) throw new Error(`status ${answer.status} instead of 200: ${shown}`);
  if (!mediaType.test(answer.contentType)) throw new Error(`content type "${answer.contentType}": ${shown}`);
  heard.status = answer.status;
  heard.document = answer.body;
  return answer.body;
}

// ---------------------------------------------------------------------------------------------
// Plivo

const XML_TYPE = /^(?:application|text)\/xml(?:;|$)/;

function plivoHandset({ post, answerUrl, from, to, credentials }: HandsetOptions, callId: string): Handset {
  let last: HandsetRequest | null = null;
  let asking: Gather | null = null;
  let dialled: Dialled | null = null;
  let document = '';
  let nonce = 0;

  const standard = {
    BillRate: '0.005',
    CallStatus: 'ringing',
    CallUUID: callId,
    CallerName: from,
    CountryCode: 'US',
    Direction: 'inbound',
    Event: 'StartApp',
    From: withoutPlus(from),
    ParentAuthID: 'MAXXXXXXXXXXXXXXXXXX',
    RouteType: 'Domestic_Anchored',
    STIRAttestation: 'Not Applicable',
    STIRVerification: 'Not Applicable',
    SessionStart: '2024-10-25 14:13:37.779297',
    To: withoutPlus(to),
  };

  function requestTo(address: string, method: 'GET' | 'POST', params: Record<string, string>): HandsetRequest {
    const form = new URLSearchParams(params).toString();
    const url = method === 'POST' ? address : `${address}${address.includes('?') ? '&' : '?'}${form}`;
    nonce += 1;
    const signed = { method, url, nonce: String(nonce).padStart(20, '0'), params: method === 'POST' ? params : {} };
    const token = credentials?.authToken;
    const signature =
      token === undefined
        ? {}
        : { 'x-plivo-signature-v3': signPlivoV3({ ...signed, token }), 'x-plivo-signature-v3-nonce': signed.nonce };
    const type = method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
    return { url, method, headers: { ...type, ...signature }, body: method === 'POST' ? form : '' };
  }

  async function ask(request: HandsetRequest, heard: MutableHeard, hops = 0): Promise<Heard> {
    if (hops > 9) throw new Error('redirected ten times without anything being asked');
    last = request;
    asking = null;
    document = await exchange(post, request, XML_TYPE, heard);
    return run(parsePlivo(document), heard, hops);
  }

  /** Runs elements top to bottom up to where someone has to act. */
  async function run(elements: readonly Element[], heard: MutableHeard, hops: number): Promise<Heard> {
    let recording = false;
    for (const [index, element] of elements.entries()) {
      const { name, attributes, text } = element;
      const rest = elements.slice(index + 1);
      if (name === 'Record') recording = isBackgroundRecord(element);
      else if (name === 'Redirect') {
        mustBeLast(name, rest);
        const params = { ...standard, CallStatus: 'in-progress', Event: 'Redirect' };
        return ask(requestTo(text, methodOf(attributes.method), params), heard, hops + 1);
      } else if (name === 'Hangup') {
        mustBeLast(name, rest);
        heard.rejected = attributes.reason === 'rejected';
        if (heard.rejected && index > 0) throw new Error('a call that was answered cannot be rejected');
      } else if (name === 'Dial') {
        mustBeLast(name, rest);
        dialled = heard.dialled = readDial(element, recording);
        return heard;
      } else if (name === 'GetDigits') {
        asking = readGather(element, rest);
        heard.asked = { prompt: asking.prompt, minDigits: 1, maxDigits: asking.maxDigits };
        return heard;
      } else hear(element, heard);
    }
    heard.ended = true;
    return heard;
  }

  function gathering(): Gather {
    if (asking === null) throw new Error('nothing was asked');
    return asking;
  }

  async function giveUp(): Promise<Heard> {
    const { rest } = gathering();
    asking = null;
    return run(rest, { ...heardNothing(), status: 200, document }, 0);
  }

  return {
    callId,
    dial: () => ask(requestTo(answerUrl, 'POST', standard), heardNothing()),
    press: async (keys) => {
      const gather = gathering();
      const digits = collect(keys, gather);
      if (digits === '') return giveUp();
      const params = { ...standard, CallStatus: 'in-progress', Digits: digits };
      return ask(requestTo(gather.action, gather.method, params), heardNothing());
    },
    silence: giveUp,
    repeat: async () => {
      if (last === null) throw new Error('nothing was sent yet');
      return ask(last, heardNothing());
    },
    calleeHears: async () => {
      if (dialled?.calleePlayUrl == null) return [];
      const heard = heardNothing();
      const request = requestTo(dialled.calleePlayUrl, 'POST', { ...standard, CallStatus: 'in-progress' });
      for (const element of parsePlivo(await exchange(post, request, XML_TYPE, heard))) hear(element, heard);
      return heard.played;
    },
  };
}

interface Gather {
  readonly action: string;
  readonly method: 'GET' | 'POST';
  readonly prompt: string | null;
  readonly maxDigits: number;
  readonly finishOnKey: string;
  readonly validDigits: string;
  /** What runs when nothing is keyed. */
  readonly rest: readonly Element[];
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  readonly text: string;
}

/** What Plivo collects of the keys; '' where it would have collected nothing in its one attempt. */
function collect(keys: string, { maxDigits, finishOnKey, validDigits }: Gather): string {
  let digits = '';
  for (const key of keys) {
    if (key === finishOnKey || digits.length === maxDigits) break;
    if (!validDigits.includes(key)) return '';
    digits += key;
  }
  return digits;
}

function readGather({ attributes, children }: Element, rest: readonly Element[]): Gather {
  const { action, redirect, numDigits, finishOnKey = '#', validDigits = '1234567890*#' } = attributes;
  if (action === undefined) throw new Error('unanswerable GetDigits: without action the digits go nowhere');
  if (redirect === 'false') throw new Error('unanswerable GetDigits: with redirect="false" its answer is ignored');
  if (validDigits === '') throw new Error('unanswerable GetDigits: no key is valid');
  const played = children.find((child) => child.name === 'Play');
  return {
    action,
    method: methodOf(attributes.method),
    prompt: played?.text ?? null,
    maxDigits: numDigits === undefined ? 99 : Number(numDigits),
    finishOnKey: finishOnKey === 'none' ? '' : finishOnKey,
    validDigits,
    rest,
  };
}

function readDial({ attributes, children }: Element, recording: boolean): Dialled {
  const { callerId, timeLimit, timeout, confirmSound } = attributes;
  if (callerId === undefined) throw new Error("Dial without callerId: the callee sees the caller's own number");
  const [number, ...others] = children;
  if (number === undefined || others.length > 0) throw new Error(`Dial with ${children.length} destinations`);
  if (number.name !== 'Number' || Object.keys(number.attributes).length > 0) throw new Error('Dial of no plain Number');
  return {
    number: withoutPlus(number.text),
    callerId: withoutPlus(callerId),
    // Plivo cuts longer limits to a day.
    timeLimit: timeLimit === undefined ? null : Math.min(Number(timeLimit), 86_400),
    ringTimeout: timeout === undefined ? null : Number(timeout),
    recording,
    calleePlayUrl: confirmSound ?? null,
  };
}

function isBackgroundRecord({ attributes }: Element): boolean {
  const isBackground = attributes.recordSession === 'true' || attributes.startOnDialAnswer === 'true';
  if (!isBackground) throw new Error('Record in the foreground would take a message');
  return true;
}

function hear({ name, attributes, text }: Element, heard: MutableHeard): void {
  if (name === 'Play') heard.played.push(text);
  else if (name === 'Speak') heard.spoken.push(text);
  else if (name === 'Wait') heard.waited += Number(attributes.length ?? 1);
  else throw new Error(`unexpected ${name}`);
}

function mustBeLast(name: string, rest: readonly Element[]): void {
  if (rest.length > 0) throw new Error(`${rest.map((element) => element.name).join(', ')} after ${name}`);
}

function methodOf(text: string | undefined): 'GET' | 'POST' {
  return text === 'GET' ? 'GET' : 'POST';
}

const BOOLEAN = /^(?:true|false)$/;
const COUNT = /^[1-9]\d*$/;
const ADDRESS = /^https?:\/\/\S+$/;
const PHONE = /^\+?[1-9]\d{6,14}$/;
const METHOD = /^(?:GET|POST)$/;
const ANY = /^/;
const NONE = /^$/;

interface Rule {
  readonly children: readonly string[];
  readonly text: RegExp;
  readonly attributes: Readonly<Record<string, RegExp>>;
}

// The documented elements that a masking service may use, with what they may hold (Plivo docs, "XML").
const RULES: Readonly<Record<string, Rule>> = {
  Response: {
    children: ['Speak', 'Play', 'GetDigits', 'Record', 'Dial', 'Redirect', 'Wait', 'Hangup'],
    text: NONE,
    attributes: {},
  },
  Speak: { children: [], text: /\S/, attributes: { voice: ANY, language: ANY, loop: /^\d+$/ } },
  Play: { children: [], text: ADDRESS, attributes: { loop: /^\d+$/ } },
  Wait: { children: [], text: NONE, attributes: { length: COUNT, silence: BOOLEAN, minSilence: COUNT, beep: BOOLEAN } },
  Redirect: { children: [], text: ADDRESS, attributes: { method: METHOD } },
  Hangup: { children: [], text: NONE, attributes: { reason: /^(?:rejected|busy)$/, schedule: COUNT } },
  Number: { children: [], text: PHONE, attributes: { sendDigits: ANY, callerId: PHONE, callerName: ANY } },
  Dial: {
    children: ['Number', 'User'],
    text: NONE,
    attributes: {
      action: ADDRESS,
      method: METHOD,
      timeout: COUNT,
      timeLimit: COUNT,
      callerId: PHONE,
      callerName: /^.{0,50}$/,
      hangupOnStar: BOOLEAN,
      redirect: BOOLEAN,
      callbackUrl: ADDRESS,
      callbackMethod: METHOD,
      confirmSound: ADDRESS,
      confirmKey: /^[0-9*#]$/,
      confirmTimeout: COUNT,
      dialMusic: ANY,
    },
  },
  GetDigits: {
    children: ['Speak', 'Play', 'Wait'],
    text: NONE,
    attributes: {
      action: ADDRESS,
      method: METHOD,
      timeout: COUNT,
      digitTimeout: COUNT,
      finishOnKey: /^(?:[0-9*#]|none)?$/,
      numDigits: COUNT,
      retries: COUNT,
      redirect: BOOLEAN,
      playBeep: BOOLEAN,
      validDigits: /^[0-9*#]*$/,
      invalidDigitsSound: ADDRESS,
      log: BOOLEAN,
    },
  },
  Record: {
    children: [],
    text: NONE,
    attributes: {
      action: ADDRESS,
      method: METHOD,
      fileFormat: /^(?:mp3|wav)$/,
      redirect: BOOLEAN,
      timeout: COUNT,
      maxLength: COUNT,
      finishOnKey: /^[0-9*#]?$/,
      playBeep: BOOLEAN,
      recordSession: BOOLEAN,
      startOnDialAnswer: BOOLEAN,
      callbackUrl: ADDRESS,
      callbackMethod: METHOD,
    },
  },
};

/** The checked elements of a document. */
function parsePlivo(document: string): readonly Element[] {
  if (Buffer.byteLength(document) > 100_000) throw new Error('a document of more than 100 kB');
  // fast-xml-parser lets these pass, Plivo's parser does not.
  if (/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u.test(document)) {
    throw new Error('a character that is not XML 1.0');
  }
  const verdict = XMLValidator.validate(document);
  if (verdict !== true) throw new Error(`not well-formed: ${verdict.err.msg} at line ${verdict.err.line}`);
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    // Without this it leaves &#10; as it is.
    htmlEntities: true,
  });
  const roots = (parser.parse(document) as ParsedNode[]).map(elementOf).filter((root) => root.name !== '?xml');
  const [root] = roots;
  if (root?.name !== 'Response' || roots.length > 1) throw new Error('the root is not one Response');
  check(root);
  return root.children;
}

type ParsedNode = Readonly<Record<string, unknown>>;

function elementOf(node: ParsedNode): Element {
  const name = Object.keys(node).find((key) => key !== ':@') ?? '';
  const inside = (Array.isArray(node[name]) ? node[name] : []) as ParsedNode[];
  return {
    name,
    attributes: (node[':@'] ?? {}) as Record<string, string>,
    children: inside.filter((child) => !('#text' in child)).map(elementOf),
    text: inside.map((child) => child['#text'] ?? '').join(''),
  };
}

function check({ name, attributes, children, text }: Element): void {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule === undefined) throw new Error(`unknown element ${name}`);
  for (const [attribute, value] of Object.entries(attributes)) {
    const pattern = Object.hasOwn(rule.attributes, attribute) ? rule.attributes[attribute] : undefined;
    if (pattern === undefined) throw new Error(`unknown attribute ${attribute} of ${name}`);
    if (!pattern.test(value)) throw new Error(`${name} with ${attribute}="${value}"`);
  }
  // White space between elements is layout.
  const content = rule.children.length > 0 ? text.trim() : text;
  if (!rule.text.test(content)) throw new Error(`${name} holds "${content}"`);
  for (const child of children) {
    if (!Object.hasOwn(RULES, child.name)) throw new Error(`unknown element ${child.name}`);
    if (!rule.children.includes(child.name)) throw new Error(`${child.name} within ${name}`);
    check(child);
  }
}

// ---------------------------------------------------------------------------------------------
// Hipcall

const JSON_TYPE = /^application\/json(?:;|$)/;

function hipcallHandset(options: HandsetOptions, callId: string): Handset {
  const { post, answerUrl, from, to, credentials, style = 'full' } = options;
  const data: Record<string, string> = {};
  let last: HandsetRequest | null = null;
  let asking: { readonly variable: string; readonly maxDigits: number } | null = null;

  function nextRequest(): HandsetRequest {
    const question = { caller: from, data };
    const full = {
      caller: from,
      callee: withoutPlus(to),
      data,
      timestamp: 1_729_721_495,
      uuid: callId,
      direction: 'inbound',
      external_manager_id: 2,
      callflow: [{ timestamp: 1_729_721_495, action: 'init', detail: { id: 2, type: 'external_manager' } }],
    };
    return {
      url: answerUrl,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...basicAuth(credentials) },
      body: JSON.stringify(style === 'full' ? full : question),
    };
  }

  async function ask(request: HandsetRequest): Promise<Heard> {
    last = request;
    asking = null;
    const heard = heardNothing();
    const items = parseHipcall(await exchange(post, request, JSON_TYPE, heard));
    for (const [index, { action, args }] of items.entries()) {
      if (action === 'play') {
        heard.played.push(String(args.url));
        continue;
      }
      if (index < items.length - 1) throw new Error(`${items.length - 1 - index} items after ${action}`);
      if (action === 'hangup') heard.ended = true;
      else if (action === 'connect') heard.connected = String(args.destination);
      else if (action === 'dial') heard.dialled = dialledTo(String(args.destination));
      else {
        const [minDigits, maxDigits] = [Number(args.min_digits), Number(args.max_digits)];
        if (minDigits > maxDigits) throw new Error(`unanswerable gather of ${minDigits} to ${maxDigits} digits`);
        heard.asked = { prompt: args.ask === undefined ? null : String(args.ask), minDigits, maxDigits };
        asking = { variable: String(args.variable_name), maxDigits };
      }
      return heard;
    }
    throw new Error('the sequence ends without gather, dial, connect or hangup');
  }

  async function answer(keys: string): Promise<Heard> {
    if (asking === null) throw new Error('nothing was asked');
    data[asking.variable] = keys.slice(0, asking.maxDigits);
    return ask(nextRequest());
  }

  return {
    callId,
    dial: () => ask(nextRequest()),
    press: answer,
    silence: () => answer(''),
    repeat: async () => {
      if (last === null) throw new Error('nothing was sent yet');
      return ask(last);
    },
    // The contract has no way to play anything to the callee.
    calleeHears: async () => [],
  };
}

interface Item {
  readonly action: string;
  readonly args: Readonly<Record<string, unknown>>;
}

type ArgRule = (value: unknown) => boolean;
const isAddress: ArgRule = (value) => typeof value === 'string' && ADDRESS.test(value);
const isCount: ArgRule = (value) => Number.isInteger(value) && Number(value) >= 1;

// The documented actions and their args; a `?` marks what may be missing (Hipcall help, "External Management").
const ACTIONS: Readonly<Record<string, Readonly<Record<string, ArgRule>>>> = {
  play: { url: isAddress },
  gather: {
    min_digits: isCount,
    max_digits: isCount,
    'ask?': isAddress,
    variable_name: (value) => typeof value === 'string' && /^\w+$/.test(value),
  },
  connect: { destination: (value) => typeof value === 'string' && /^\S+$/.test(value) },
  dial: { destination: (value) => typeof value === 'string' && /^[1-9]\d{6,14}$/.test(value) },
  hangup: {},
};

/** The checked items of a sequence. */
function parseHipcall(document: string): readonly Item[] {
  const parsed: unknown = JSON.parse(document);
  if (!isRecord(parsed)) throw new Error('the document is not an object');
  const { version, seq, ...others } = parsed;
  if (version !== '1') throw new Error(`version ${JSON.stringify(version)}`);
  if (Object.keys(others).length > 0) throw new Error(`unknown ${Object.keys(others).join(', ')}`);
  if (!Array.isArray(seq)) throw new Error('seq is not a list');
  return seq.map(checkItem);
}

function checkItem(item: unknown): Item {
  if (!isRecord(item) || typeof item.action !== 'string') throw new Error(`no item: ${JSON.stringify(item)}`);
  const { action, args, ...others } = item;
  const name = String(action);
  const rules = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (rules === undefined) throw new Error(`unknown action ${name}`);
  if (Object.keys(others).length > 0) throw new Error(`unknown ${Object.keys(others).join(', ')} of ${name}`);
  if (name === 'hangup' ? args !== undefined : !isRecord(args)) throw new Error(`args of ${name}`);
  const given = isRecord(args) ? args : {};
  const known = Object.keys(rules).map((rule) => rule.replace('?', ''));
  const unknown = Object.keys(given).filter((arg) => !known.includes(arg));
  if (unknown.length > 0) throw new Error(`unknown ${unknown.join(', ')} of ${name}`);
  for (const [rule, isGood] of Object.entries(rules)) {
    const arg = rule.replace('?', '');
    if (rule !== arg && given[arg] === undefined) continue;
    if (!isGood(given[arg])) throw new Error(`${name} with ${arg} ${JSON.stringify(given[arg])}`);
  }
  return { action: name, args: given };
}

function dialledTo(number: string): Dialled {
  return { number, callerId: null, timeLimit: null, ringTimeout: null, recording: false, calleePlayUrl: null };
}

function basicAuth(credentials: HandsetOptions['credentials']): Record<string, string> {
  const { username, password } = credentials ?? {};
  if (username === undefined && password === undefined) return {};
  const encoded = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64');
  return { authorization: `Basic ${encoded}` };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutPlus(text: string): string {
  return text.replace(/^\+/, '');
}
