import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { T } from './texts.ts';

export interface Me {
  readonly auth_id: string;
  readonly name: string;
  readonly is_subaccount: boolean;
  /** Its pretended calls may be booked. */
  readonly is_demo: boolean;
  readonly public_url: string;
}

/** Who is signed in: undefined while that is not known yet. */
export const me = signal<Me | null | undefined>(undefined);
/** Grows with every fact that the server tells of, upon which pages read anew. */
export const tick = signal(0);
export const isLive = signal(false);

/** What the API refused, with its own sentence and, where it names one, the field. */
export class Refusal extends Error {
  readonly status: number;
  readonly field: string | null;
  readonly rule: string;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
    const found = /^(?:Invalid parameter|Mandatory parameter missing)\. (\w+) (.+)\.$/.exec(text);
    this.field = found?.[1] ?? null;
    this.rule = found?.[2] ?? text;
  }
}

/** Asks the server, as the one who is signed in. @throws Refusal */
export async function ask<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const sent = await fetch(path, {
    method,
    headers: { 'x-bauta-console': '1', ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refusal(0, T.errors.unreachable);
  });
  const answer = sent.status === 204 ? {} : await sent.json().catch(() => ({}));
  if (sent.ok) return answer as T;
  if (sent.status === 401 && !path.startsWith('/console/')) me.value = null;
  const wait = sent.headers.get('retry-after');
  const text = sent.status === 429 && wait !== null ? T.errors.tooMany(wait) : (answer.error ?? T.errors.failed);
  throw new Refusal(sent.status, text);
}

/** The address of a resource of the account that is signed in. */
export function ours(path: string, query: Record<string, string | number | undefined> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `/v1/Account/${me.value?.auth_id}/${path}${text && `?${text}`}`;
}

export interface Loaded<T> {
  readonly data: T | null;
  readonly error: Refusal | null;
  readonly isLoading: boolean;
  reload(): void;
}

/** Reads an address, and again whenever something has happened; null reads nothing. */
export function useRead<T>(path: string | null, headers: Record<string, string> = {}): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; error: Refusal | null }>({
    path: null,
    data: null,
    error: null,
  });
  const [asked, setAsked] = useState(0);
  const newest = useRef(0);
  const now = tick.value;
  const key = `${path} ${JSON.stringify(headers)}`;
  useEffect(() => {
    if (path === null) return;
    newest.current += 1;
    const mine = newest.current;
    ask<T>('GET', path, undefined, headers).then(
      (data) => mine === newest.current && setState({ path: key, data, error: null }),
      (error) => mine === newest.current && setState({ path: key, data: null, error }),
    );
  }, [key, now, asked]);
  // While another page of a list is on its way the former one stays.
  return { ...state, isLoading: state.path !== key, reload: () => setAsked((count) => count + 1) };
}

let stream: EventSource | null = null;

/** Listens for what happens in the account; the browser connects again by itself. */
export function listen(): void {
  stream?.close();
  stream = new EventSource('/console/events');
  stream.addEventListener('open', () => {
    // Whatever happened while nobody listened is read now.
    if (!isLive.value) tick.value += 1;
    isLive.value = true;
  });
  stream.addEventListener('error', () => {
    isLive.value = false;
  });
  stream.addEventListener('change', () => {
    tick.value += 1;
  });
}

export function stopListening(): void {
  stream?.close();
  stream = null;
  isLive.value = false;
}
