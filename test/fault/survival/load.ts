import { setTimeout as sleep } from 'node:timers/promises';
import { XMLValidator } from 'fast-xml-parser';
import { Pool } from 'undici';
import { signPlivoV3 } from '../../../src/core/plivo-v3.ts';
import { MAIN, PLIVO_KEY, PLIVO_TOKEN, SESSIONS } from '../../support/service.ts';
import { endOfCall } from '../../support/webhook-storm.ts';

export const PUBLIC_URL = 'https://bauta.example';

/** What a client knows of a request: done; certainly not done; anything else. */
export type Verdict = 'acknowledged' | 'refused' | 'unknown';

export interface Call {
  readonly id: string;
  readonly sessionId: string;
  readonly caller: string;
  readonly virtualNumber: string;
  readonly seconds: number;
  readonly billed: number;
  readonly costA: string;
  readonly costB: string;
  /** `acknowledged`: the document connected the caller. `refused`: it was an apology. */
  answer: Verdict;
  hangup: Verdict;
}

export interface Create {
  readonly first: string;
  readonly second: string;
  readonly expirySeconds: number;
  verdict: Verdict;
  id: string | null;
}

/** What was asked and what was answered while one thing went wrong. */
export interface Ledger {
  readonly calls: Call[];
  readonly creates: Create[];
  /** The longest wait for one answer, of an instance that gave one. */
  longestAnswerMs: number;
  apologies: number;
  /** What no client may ever see; `[]`. */
  readonly wrongs: string[];
}

export interface Party {
  readonly caller: string;
  readonly sessionId: string;
  readonly virtualNumber: string;
}

/** Where a client may turn to; as a load balancer sees it. */
export type Directory = () => readonly string[];

const PER_SECOND = { answers: 100, creates: 20 };
const TICK_MS = 10;
// More than were under way where a machine had little time for them: beyond it each waits for a line of its own.
const KEPT_OPEN = 1_024;
// A hangup is told again until it was taken, later and later, as providers do.
const AGAIN_MS = 1_000;
const TIMEOUT_MS = 20_000;
const CREATED_FOR = [2, 3, 600, 600];

const pools = new Map<string, Pool>();

/**
 * Opens what a load balancer keeps open to an instance. Node takes one new connection in a turn of its loop, so that a
 * new connection for each request would wait for as many turns where a machine is busy.
 */
export async function openConnections(url: string): Promise<void> {
  const pool = new Pool(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, connections: null });
  pools.set(url, pool);
  const ask = async () => (await pool.request({ method: 'GET', path: '/health/live' })).body.dump();
  await Promise.all(Array.from({ length: KEPT_OPEN }, ask));
}

export function forgetInstance(url: string): void {
  const pool = pools.get(url);
  pools.delete(url);
  pool?.destroy().catch(() => {});
}

/** Resolves when all that is under way there has been answered. */
export async function drainInstance(url: string): Promise<void> {
  const pool = pools.get(url);
  pools.delete(url);
  await pool?.close();
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

/** Null where the line broke; `unsent` where nobody listened, so that nothing can have happened. */
async function post(
  url: string,
  path: string,
  headers: Record<string, string>,
  body: string,
): Promise<Reply | 'unsent' | null> {
  const pool = pools.get(url);
  // It has just been taken out.
  if (pool === undefined) return 'unsent';
  try {
    const answer = await pool.request({ method: 'POST', path, headers, body });
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      text: await answer.body.text(),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    };
  } catch (error) {
    return (error as { code?: string }).code === 'ECONNREFUSED' ? 'unsent' : null;
  }
}

let nonce = 0;

/** Sends a webhook as Plivo does, signed. */
function webhook(url: string, path: string, params: Record<string, string>) {
  const target = `/answer/${PLIVO_KEY}/${path}`;
  nonce += 1;
  const signed = { method: 'POST', url: PUBLIC_URL + target, params, nonce: `n${nonce}`, token: PLIVO_TOKEN } as const;
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-plivo-signature-v3': signPlivoV3(signed),
    'x-plivo-signature-v3-nonce': signed.nonce,
  };
  return post(url, target, headers, new URLSearchParams(params).toString());
}

const API_HEADERS = {
  'content-type': 'application/json',
  authorization: `Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`,
};

let people = 1_000;

/** Phones that nobody else has. */
export function pairOfPhones(): [string, string] {
  people += 2;
  return [people, people + 1].map((n) => `+1202${5_550_000 + n}`) as [string, string];
}

export class Load {
  readonly ledger: Ledger = { calls: [], creates: [], longestAnswerMs: 0, apologies: 0, wrongs: [] };
  readonly #name: string;
  readonly #directory: Directory;
  readonly #parties: readonly Party[];
  readonly #hook: string;
  readonly #chance: () => number;
  readonly #open = new Set<Promise<void>>();
  #isOver = false;
  #lastConnected = 0;
  #running: Promise<void>;

  /** Begins at once; `name` is part of every call's id. */
  constructor(
    name: string,
    directory: Directory,
    parties: readonly Party[],
    hook: string,
    chance: () => number,
    share: number,
  ) {
    this.#name = name;
    this.#directory = directory;
    this.#parties = parties;
    this.#hook = hook;
    this.#chance = chance;
    this.#running = this.#run(share);
  }

  /** When a caller was last connected, by performance.now(). */
  get lastConnected(): number {
    return this.#lastConnected;
  }

  /** No new calls; resolves when every call has been hung up and every question answered. */
  async end(): Promise<Ledger> {
    this.#isOver = true;
    await this.#running;
    while (this.#open.size > 0) await Promise.all(this.#open);
    return this.ledger;
  }

  async #run(share: number): Promise<void> {
    const began = performance.now();
    const done = { answers: 0, creates: 0 };
    while (!this.#isOver) {
      const seconds = ((performance.now() - began) / 1000) * share;
      for (; done.answers < seconds * PER_SECOND.answers; done.answers++) this.#do(this.#call(done.answers));
      for (; done.creates < seconds * PER_SECOND.creates; done.creates++) this.#do(this.#create(done.creates));
      await sleep(TICK_MS);
    }
  }

  #do(work: Promise<void>): void {
    this.#open.add(work);
    work.finally(() => this.#open.delete(work));
  }

  #wrong(text: string): void {
    if (this.ledger.wrongs.length < 20) this.ledger.wrongs.push(text);
  }

  /** Each instance once, any first; a line that breaks is tried elsewhere, as providers do with their fallback. */
  async #anywhere(ask: (url: string) => Promise<Reply | 'unsent' | null>): Promise<Reply | 'unsent' | null> {
    const urls = [...this.#directory()].sort();
    if (this.#chance() < 0.5) urls.reverse();
    let isSent = false;
    for (const url of urls) {
      const reply = await ask(url);
      if (reply !== null && reply !== 'unsent') return reply;
      isSent ||= reply === null;
    }
    if (urls.length > 0) return isSent ? null : 'unsent';
    await sleep(50);
    return 'unsent';
  }

  async #call(i: number): Promise<void> {
    const party = this.#parties[Math.floor(this.#chance() * this.#parties.length)];
    if (party === undefined) throw new Error('no party');
    const seconds = 1 + (i % 90);
    const cost = (factor: number) => ((seconds * factor) / 100_000).toFixed(5);
    const call: Call = {
      id: `${this.#name}-${i}`,
      ...party,
      seconds,
      billed: 60 * Math.ceil(seconds / 60),
      costA: cost(7),
      costB: cost(31),
      answer: 'unknown',
      hangup: 'unknown',
    };
    const [talk, twice] = [200 + 1_300 * this.#chance(), this.#chance() < 0.1];
    this.ledger.calls.push(call);
    await this.#answer(call);
    await sleep(talk);
    const { 'hangup/': told } = endOfCall(call);
    for (let tries = 0; !(await this.#hangup(call, told)); tries++) await sleep(AGAIN_MS * Math.min(2 ** tries, 8));
    if (twice) await this.#hangup(call, told);
  }

  async #answer(call: Call): Promise<void> {
    const { id, caller, virtualNumber } = call;
    const params = { CallUUID: id, From: caller.slice(1), To: virtualNumber.slice(1), CallStatus: 'ringing' };
    let ms = 0;
    const reply = await this.#anywhere(async (url) => {
      const asked = performance.now();
      const got = await webhook(url, '', { ...params, Direction: 'inbound', Event: 'StartApp' });
      ms = performance.now() - asked;
      return got;
    });
    if (reply === null || reply === 'unsent') {
      call.answer = reply === null ? 'unknown' : 'refused';
      return this.#wrong(`an answer that nobody gave: ${id}`);
    }
    this.ledger.longestAnswerMs = Math.max(this.ledger.longestAnswerMs, ms);
    const isDocument = reply.status === 200 && XMLValidator.validate(reply.text) === true;
    if (!isDocument || !/<Response>.*<(Dial|Hangup)\b/s.test(reply.text)) {
      return this.#wrong(`no document: ${reply.status} ${reply.text.slice(0, 100)}`);
    }
    const isConnected = reply.text.includes('<Dial ');
    call.answer = isConnected ? 'acknowledged' : 'refused';
    if (isConnected) this.#lastConnected = performance.now();
    else this.ledger.apologies += 1;
  }

  /** @returns true when it was taken, or will never be. */
  async #hangup(call: Call, told: Record<string, string>): Promise<boolean> {
    const reply = await this.#anywhere((url) => webhook(url, 'hangup/', told));
    if (reply === null || reply === 'unsent') return false;
    if (reply.status === 200) call.hangup = 'acknowledged';
    else if (reply.status !== 503) this.#wrong(`a hangup: ${reply.status} ${reply.text.slice(0, 100)}`);
    return reply.status !== 503;
  }

  async #create(i: number): Promise<void> {
    const [first, second] = pairOfPhones();
    const expirySeconds = CREATED_FOR[i % CREATED_FOR.length] ?? 600;
    const create: Create = { first, second, expirySeconds, verdict: 'unknown', id: null };
    this.ledger.creates.push(create);
    const wish = { first_party: first, second_party: second, session_expiry: expirySeconds, callback_url: this.#hook };
    const urls = this.#directory();
    const url = urls[Math.floor(this.#chance() * urls.length)];
    if (url === undefined) return;
    // Once: without a key, to ask again could make a second one.
    const reply = await post(url, SESSIONS, API_HEADERS, JSON.stringify(wish));
    if (reply === 'unsent') create.verdict = 'refused';
    if (reply === 'unsent' || reply === null) return;
    if (reply.status === 201) {
      create.verdict = 'acknowledged';
      create.id = JSON.parse(reply.text).session_uuid;
    } else if (reply.status !== 503) this.#wrong(`a create: ${reply.status} ${reply.text.slice(0, 100)}`);
    else if (reply.retryAfter === null) this.#wrong('a 503 without Retry-After');
  }
}

/** Sessions whose parties call all the time; a third of their apps are told of it. */
export async function makeParties(url: string, hook: string, count: number): Promise<Party[]> {
  const make = async (_: unknown, i: number): Promise<Party> => {
    const [first_party, second_party] = pairOfPhones();
    const wish = { first_party, second_party, session_expiry: 86_400, callback_url: i % 3 === 0 ? hook : '' };
    const reply = await post(url, SESSIONS, API_HEADERS, JSON.stringify(wish));
    if (reply === null || reply === 'unsent' || reply.status !== 201) {
      throw new Error(`no session: ${JSON.stringify(reply)}`);
    }
    const { session_uuid: sessionId, virtual_number: virtualNumber } = JSON.parse(reply.text);
    return { caller: first_party, sessionId, virtualNumber };
  };
  return Promise.all(Array.from({ length: count }, make));
}
