import { randomUUID } from 'node:crypto';
import { readHipcall } from '../../src/simulator/hipcall-document.ts';
import { checkCalleeDocument, checkDocument } from '../../src/simulator/leak-check.ts';
import { readPlivo } from '../../src/simulator/plivo-document.ts';
import { createHandset, type HandsetAnswer, type HandsetRequest, type Heard } from '../story/handset.ts';
import { api, startService, type TestService, type TestServiceOptions } from './service.ts';
import { type Line, lines, SOUNDS } from './story-lines.ts';

export interface StorySession {
  readonly id: string;
  readonly first: string;
  readonly second: string;
}

/** A party on the telephone; each method tells what it hears, see `tell`. */
export interface Caller {
  readonly callId: string;
  dial(): Promise<string[]>;
  press(digits: string): Promise<string[]>;
  silence(): Promise<string[]>;
  repeat(): Promise<string[]>;
  calleeHears(): Promise<string[]>;
  /** What was heard last, with all its details. */
  last(): Heard;
}

export interface HowToCall {
  readonly to?: string;
  readonly callId?: string;
  /** Another instance on the same database. */
  readonly through?: TestService;
}

export interface StoryWorld {
  readonly service: TestService;
  /** A phone that nobody had before. */
  phone(line: Line): string;
  session(line: Line, wish?: object): Promise<StorySession>;
  update(line: Line, session: StorySession, wish: object): Promise<void>;
  end(line: Line, session: StorySession): Promise<void>;
  /** Lets the session's time run out one second ago, without any job's noticing. */
  expire(session: StorySession): Promise<void>;
  call(line: Line, from: string, how?: HowToCall): Caller;
  calls(): Promise<CallRow[]>;
  callbacks(): Promise<CallbackRow[]>;
  /** Leaves no session, call, callback and spent PIN budget behind for the next story. */
  forget(): Promise<void>;
}

export interface CallRow {
  readonly outcome: string;
  readonly reason: string;
  readonly session_id: string | null;
  readonly caller_side: string | null;
  readonly authenticated: boolean;
  readonly pin_tries: readonly string[];
}

export interface CallbackRow {
  readonly session_id: string;
  readonly event: string;
  readonly sequence: number;
  readonly details: { readonly pinStatus?: string; readonly pinRetryCounter?: number };
}

export async function startStories(
  connection: Partial<Record<Line['id'], object>> = {},
  options: TestServiceOptions = {},
): Promise<StoryWorld> {
  const service = await startService({ ...options, bootstrap: storyBootstrap(connection) });
  const { sql } = service.deps.db;
  let phones = 0;
  const phone = (line: Line) => {
    phones += 1;
    return line.dialect === 'plivo' ? `+1202555${pad(phones, 4)}` : `+90532${pad(phones, 7)}`;
  };
  const make = async (line: Line, wish: object): Promise<StorySession> => {
    const isSingle = 'create_session_with_single_party' in wish;
    const parties = isSingle ? {} : { first_party: phone(line), second_party: phone(line) };
    const made = await asAccount(service, line, 'POST', '', { ...parties, ...wish });
    const { session_uuid: id, session } = made as unknown as { session_uuid: string; session: Record<string, string> };
    return { id, first: plus(session.first_party), second: plus(session.second_party) };
  };
  return {
    service,
    phone,
    session: (line, wish = {}) => make(line, wish),
    update: async (line, { id }, wish) => void (await asAccount(service, line, 'POST', `${id}/`, wish)),
    end: async (line, { id }) => void (await asAccount(service, line, 'DELETE', `${id}/`)),
    expire: async ({ id }) => {
      await sql`
        with s as (
          update sessions set expires_at = now() - interval '1 second' where id = ${id}
          returning id, expires_at + make_interval(secs => cooloff_seconds) as held_until
        ),
        l as (update leases set held_until = s.held_until from s where session_id = s.id)
        update pins set held_until = s.held_until from s where session_id = s.id`;
    },
    call: (line, from, how = {}) => caller(how.through ?? service, line, from, how),
    calls: async () => await sql<CallRow[]>`select * from calls order by started_at`,
    callbacks: async () => await sql<CallbackRow[]>`select * from callbacks order by occurred_at, sequence`,
    forget: async () => {
      await sql`with a as (delete from callbacks), b as (delete from calls), c as (delete from leases),
        d as (delete from pins), e as (delete from pin_budgets) delete from sessions`;
    },
  };
}

function storyBootstrap(connection: Partial<Record<Line['id'], object>>) {
  const all: readonly Line[] = Object.values(lines);
  return {
    accounts: all.map(({ account, name }) => ({ auth_id: account.id, auth_token: account.token, name })),
    providers: all.map(({ id, key, account, dialect, credentials: { authToken, ...basic } }) => ({
      key,
      account: account.id,
      dialect,
      ...(dialect === 'plivo' ? { auth_token: authToken } : { ...basic, default_country: 'TR' }),
      ...connection[id],
    })),
    numbers: all.map(({ number, account, key }) => ({ number, account: account.id, provider: key })),
  };
}

async function asAccount(service: TestService, { account }: Line, method: string, path: string, body?: object) {
  const answer = await api(service, method, `/v1/Account/${account.id}/Masking/Session/${path}`, body, account);
  if (answer.status >= 300) throw new Error(`refused: ${answer.status} ${answer.body.error}`);
  return answer.body;
}

function caller(service: TestService, line: Line, from: string, how: HowToCall): Caller {
  let last: Heard | null = null;
  const { dialect, style, credentials, number } = line;
  const check = leakCheck(line, from, how.to ?? number);
  const callId = how.callId ?? randomUUID();
  const handset = createHandset({
    dialect,
    style,
    credentials,
    callId,
    // The guide warns that callers come with different prefixes.
    from: style === 'guide' ? from.replace(/^\+90/, '0') : from,
    to: how.to ?? number,
    answerUrl: `${service.url}/answer/${line.key}`,
    post: async (request) => {
      const answer = await (line.asksTwice ? sendTwice(request) : send(request));
      if (answer.status === 200) check(request, answer);
      return answer;
    },
  });
  const hear = async (heard: Promise<Heard>) => {
    last = await heard;
    return tell(last, number);
  };
  return {
    callId,
    dial: () => hear(handset.dial()),
    press: (digits) => hear(handset.press(digits)),
    silence: () => hear(handset.silence()),
    repeat: () => hear(handset.repeat()),
    calleeHears: async () => (await handset.calleeHears()).map(short),
    last: () => {
      if (last === null) throw new Error('nothing was heard yet');
      return last;
    },
  };
}

/** Looks at every document of a call, whatever the story is about. */
function leakCheck({ dialect }: Line, from: string, virtualNumber: string) {
  const read = dialect === 'plivo' ? readPlivo : readHipcall;
  const persons = { caller: /\d{7}/.test(from) ? from : null, virtualNumber };
  let isAnswered = false;
  // Whoever asks again has missed the answer, and has the call where it was.
  const asked = new Map<string, boolean>();
  return ({ url, body: question }: HandsetRequest, { body }: HandsetAnswer): void => {
    const instructions = read(body);
    const wasAnswered = asked.get(url + question) ?? isAnswered;
    asked.set(url + question, wasAnswered);
    const faults = url.includes('/callee-play/')
      ? checkCalleeDocument(instructions, persons)
      : checkDocument(instructions, persons, wasAnswered);
    if (faults.length > 0) throw new Error(`${faults.map(({ words }) => words).join(' ')} ${body}`);
    isAnswered ||= instructions.some((one) => one.kind !== 'hangup' || !one.rejected);
  };
}

/** What was heard, in words that both dialects share: `play …`, then `ask …`, `dial +…`, `connect …` or `hangup`. */
function tell(heard: Heard, virtualNumber: string): string[] {
  const { played, asked, dialled, connected, ended } = heard;
  // Hipcall's contract has no words for the caller ID.
  if (dialled !== null && dialled.callerId !== null && `+${dialled.callerId}` !== virtualNumber) {
    throw new Error(`the callee sees ${dialled.callerId}`);
  }
  return [
    ...played.map((url) => `play ${short(url)}`),
    ...(asked ? [`ask ${asked.prompt === null ? 'in silence' : short(asked.prompt)}`] : []),
    ...(dialled ? [`dial +${dialled.number}`] : []),
    ...(connected === null ? [] : [`connect ${connected}`]),
    ...(ended ? ['hangup'] : []),
  ];
}

export async function send({ url, method, headers, body }: HandsetRequest): Promise<HandsetAnswer> {
  const response = await fetch(url, { method, headers, ...(method === 'POST' && { body }) });
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    body: await response.text(),
  };
}

async function sendTwice(request: HandsetRequest): Promise<HandsetAnswer> {
  const answer = await send(request);
  const again = await send(request);
  if (again.body !== answer.body) throw new Error(`asked twice, answered\n${answer.body}\nand then\n${again.body}`);
  return again;
}

const short = (url: string) => url.replace(SOUNDS, '').replace(/\.mp3$/, '');
const pad = (count: number, digits: number) => String(count).padStart(digits, '0');
const plus = (digits: string | undefined) => (digits ? `+${digits}` : '');
