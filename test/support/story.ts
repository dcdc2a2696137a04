import { randomUUID } from 'node:crypto';
import { createHandset, type HandsetAnswer, type HandsetRequest, type Heard } from '../story/handset.ts';
import { api, startService, type TestService, type TestServiceOptions } from './service.ts';

/** One way in which a provider asks: a connection of its own account, with a single virtual number. */
export interface Line {
  readonly name: string;
  readonly dialect: 'plivo' | 'hipcall';
  readonly style: 'full' | 'guide';
  /** True for a provider that sends every request twice and expects the same answer. */
  readonly asksTwice: boolean;
  readonly account: { readonly id: string; readonly token: string };
  readonly key: string;
  readonly number: string;
  readonly credentials: { readonly authToken?: string; readonly username?: string; readonly password?: string };
}

const PLIVO = {
  name: 'Plivo',
  dialect: 'plivo',
  style: 'full',
  asksTwice: false,
  account: { id: 'MASTORYPLIVO00000000', token: 'story-plivo-token-0' },
  key: 'story-plivo-connection',
  number: '+14155550100',
  credentials: { authToken: 'story-plivo-secret' },
} as const satisfies Line;

const HIPCALL = {
  name: 'Hipcall',
  dialect: 'hipcall',
  style: 'full',
  asksTwice: false,
  account: { id: 'MASTORYHIPCALL000000', token: 'story-hipcall-token' },
  key: 'story-hipcall-connection',
  number: '+902125550100',
  credentials: { username: 'hip', password: 'call' },
} as const satisfies Line;

// The guide's request names no callee: its connection has no other number.
const GUIDE = {
  ...HIPCALL,
  name: 'Hipcall as in its guide',
  style: 'guide',
  account: { id: 'MASTORYGUIDE00000000', token: 'story-guide-token-0' },
  key: 'story-guide-connection',
  number: '+902125550200',
} as const satisfies Line;

const twice = <T extends Line>(line: T) => ({ ...line, name: `${line.name}, asking twice`, asksTwice: true });

export const LINES: readonly Line[] = [PLIVO, HIPCALL, GUIDE, twice(PLIVO), twice(HIPCALL), twice(GUIDE)];
export const lines = { plivo: PLIVO, hipcall: HIPCALL, guide: GUIDE } as const;

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

export interface StoryWorld {
  readonly service: TestService;
  /** A phone that nobody had before. */
  phone(line: Line): string;
  session(line: Line, wish?: object): Promise<StorySession>;
  update(line: Line, session: StorySession, wish: object): Promise<void>;
  end(line: Line, session: StorySession): Promise<void>;
  /** Lets the session's time run out one second ago, without any job's noticing. */
  expire(session: StorySession): Promise<void>;
  call(line: Line, from: string, options?: { to?: string; callId?: string }): Caller;
  calls(): Promise<CallRow[]>;
  callbacks(): Promise<CallbackRow[]>;
  /** Leaves no session, call and callback behind for the next story. */
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

export const SOUNDS = 'https://sounds.example/';
export const sound = (name: string) => `${SOUNDS}${name}.mp3`;

/** The wish for a session with PINs 1357 and 2468. */
export const WITH_PIN = {
  is_pin_authentication_required: true,
  first_party_pin: '1357',
  second_party_pin: '2468',
  pin_prompt_play: sound('pin'),
  incorrect_pin_play: sound('incorrect'),
  pin_retry: 2,
  pin_retry_wait: 6,
};

export async function startStories(
  connection: Partial<Record<Line['dialect'], object>> = {},
  options: TestServiceOptions = {},
): Promise<StoryWorld> {
  const service = await startService({ ...options, bootstrap: storyBootstrap(connection) });
  const { sql } = service.deps.db;
  let phones = 0;
  const created = async (line: Line, wish: object): Promise<StorySession> => {
    const parties = 'create_session_with_single_party' in wish ? {} : twoParties();
    function twoParties() {
      return { first_party: phone(line), second_party: phone(line) };
    }
    const made = await asAccount(service, line, 'POST', '', { ...parties, ...wish });
    const { session_uuid: id, session } = made as { session_uuid: string; session: Record<string, string> };
    return { id, first: plus(session.first_party), second: plus(session.second_party) };
  };
  const phone = (line: Line) => {
    phones += 1;
    return line.dialect === 'plivo' ? `+1202555${pad(phones, 4)}` : `+90532${pad(phones, 7)}`;
  };
  return {
    service,
    phone,
    session: (line, wish = {}) => created(line, wish),
    update: async (line, { id }, wish) => void (await asAccount(service, line, 'POST', `${id}/`, wish)),
    end: async (line, { id }) => void (await asAccount(service, line, 'DELETE', `${id}/`)),
    expire: async ({ id }) => {
      await sql`with s as (update sessions set expires_at = now() - interval '1 second' where id = ${id} returning id),
        l as (update leases set held_until = now() - interval '1 second' from s where session_id = s.id)
        update pins set held_until = now() - interval '1 second' from s where session_id = s.id`;
    },
    call: (line, from, how = {}) => caller(service, line, from, how),
    calls: async () => await sql<CallRow[]>`select * from calls order by started_at`,
    callbacks: async () => {
      const rows = await sql`select * from callbacks order by occurred_at, sequence`;
      return rows.map((row) => ({ ...row, details: JSON.parse(row.details) }) as unknown as CallbackRow);
    },
    forget: async () => {
      await sql`with a as (delete from callbacks), b as (delete from calls), c as (delete from leases),
        d as (delete from pins) delete from sessions`;
    },
  };
}

function storyBootstrap(connection: Partial<Record<Line['dialect'], object>>) {
  const all: readonly Line[] = [PLIVO, HIPCALL, GUIDE];
  return {
    accounts: all.map(({ account, name }) => ({ auth_id: account.id, auth_token: account.token, name })),
    providers: all.map(({ key, account, dialect, credentials: { authToken, ...basic } }) => ({
      key,
      account: account.id,
      dialect,
      ...(dialect === 'plivo' ? { auth_token: authToken } : { ...basic, default_country: 'TR' }),
      ...connection[dialect],
    })),
    numbers: all.map(({ number, account, key }) => ({ number, account: account.id, provider: key })),
  };
}

async function asAccount(service: TestService, { account }: Line, method: string, path: string, body?: object) {
  const answer = await api(service, method, `/v1/Account/${account.id}/Masking/Session/${path}`, body, account);
  if (answer.status >= 300) throw new Error(`refused: ${answer.status} ${answer.body.error}`);
  return answer.body;
}

function caller(service: TestService, line: Line, from: string, how: { to?: string; callId?: string }): Caller {
  let last: Heard | null = null;
  const { dialect, style, credentials, number } = line;
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
    post: line.asksTwice ? sendTwice : send,
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
