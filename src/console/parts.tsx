import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Loaded } from './api.ts';
import { href } from './route.ts';
import { T } from './texts.ts';
import { fromNow, full, short, timeOf } from './time.ts';

export interface PageMeta {
  readonly limit: number;
  readonly offset: number;
  readonly total_count: number;
}

export function Page({
  title,
  actions,
  children,
}: {
  title: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>{title}</h1>
        <div class="actions">{actions}</div>
      </div>
      {children}
    </>
  );
}

export function Panel({
  title,
  aside,
  children,
  flush,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  flush?: boolean;
}) {
  return (
    <section class={flush ? 'panel flush' : 'panel'}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

const TONES: Readonly<Record<string, string>> = {
  active: 'good',
  'in-progress': 'busy',
  connected: 'good',
  delivered: 'good',
  completed: 'good',
  pending: 'busy',
  paused: 'warn',
  asked: 'busy',
  placed: 'busy',
  failing: 'bad',
  given_up: 'bad',
  refused: 'bad',
  pin_failed: 'bad',
  orphan: 'bad',
  unplaced: 'bad',
};

/** A state in a word, with a mark that is not only a colour's. */
export function Badge({ state, children }: { state: string; children: ComponentChildren }) {
  return <span class={`badge ${TONES[state] ?? 'quiet'}`}>{children}</span>;
}

/** A time that says itself in full where somebody points at it. */
export function Time({ at, relative }: { at: string | null; relative?: boolean }) {
  if (at === null || at === '') return <span class="faint">{T.none}</span>;
  const date = timeOf(at);
  return (
    <time dateTime={date.toISOString()} title={full(date)}>
      {relative ? fromNow(date) : short(date)}
    </time>
  );
}

/** A phone as the server lets it be seen. */
export function Phone({ number, none = T.none }: { number: string; none?: string }) {
  if (number === '') return <span class="faint">{none}</span>;
  return <span class="phone">{/^\d/.test(number) ? `+${number}` : number}</span>;
}

export function Empty({ title, hint, children }: { title: string; hint: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="strong">{title}</p>
      <p>{hint}</p>
      {children}
    </div>
  );
}

/** What is loaded, or why it is not and what to do. */
export function Shown<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  if (of.error) {
    return (
      <div class="empty" role="alert">
        <p class="strong">{T.errors.title}</p>
        <p>{of.error.message}</p>
        <button type="button" onClick={of.reload}>
          {T.retry}
        </button>
      </div>
    );
  }
  if (of.data === null) return <p class="loading">{T.loading}</p>;
  return <div class={of.isLoading ? 'stale' : ''}>{children(of.data)}</div>;
}

// Lists are counted so far beyond the end of a page, see `PageMeta` in the API's description.
const COUNTED_BEYOND = 10_000;
const COUNTED_BEYOND_BY_CALLS = 2_000;

export function Pager({
  meta,
  status = '',
  onGo,
}: {
  meta: PageMeta;
  status?: string;
  onGo: (offset: number) => void;
}) {
  const { limit, offset, total_count: total } = meta;
  if (total <= limit && offset === 0) return null;
  const isByCalls = status === 'active' || status === 'in-progress';
  const isCut = total === offset + limit + (isByCalls ? COUNTED_BEYOND_BY_CALLS : COUNTED_BEYOND);
  return (
    <nav class="pager" aria-label={T.paging.label}>
      <span>{T.paging.range(Math.min(offset + 1, total), Math.min(offset + limit, total), total, isCut)}</span>
      <button type="button" disabled={offset === 0} onClick={() => onGo(Math.max(0, offset - limit))}>
        {T.paging.previous}
      </button>
      <button type="button" disabled={offset + limit >= total} onClick={() => onGo(offset + limit)}>
        {T.paging.next}
      </button>
    </nav>
  );
}

/** Words to choose one of. */
export function Choice<K extends string>({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: Readonly<Record<K, string>>;
  value: K;
  onChange: (value: K) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {(Object.entries(options) as [K, string][]).map(([key, text]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="small" aria-label={T.copyOf(what)} onClick={copy}>
      {isDone ? T.copied : T.copy}
    </button>
  );
}

/** A question that stands before everything else; the browser keeps the keyboard within. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  return (
    <dialog ref={box} onClose={onClose} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

export function Link({ to, children, ...rest }: { to: string; children: ComponentChildren; class?: string }) {
  return (
    <a href={href(to)} {...rest}>
      {children}
    </a>
  );
}

/** Around a table that may be wider than the window: whoever has only keys can scroll it too. */
export function Scroll({ children }: { children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div class="scroll" tabIndex={0}>
      {children}
    </div>
  );
}
