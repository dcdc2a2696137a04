import type { ComponentChildren } from 'preact';
import { T } from './texts.ts';

const P = T.phone;
const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'] as const;

/** One phone: whose it is, what its screen shows, what it heard, and its buttons. */
export function Handset(props: {
  title: string;
  screen: ComponentChildren;
  isRinging?: boolean;
  heard: readonly string[];
  children: ComponentChildren;
}) {
  return (
    <section class="panel handset" aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
      </header>
      <div class={props.isRinging ? 'screen ringing' : 'screen'} role="status">
        {props.screen}
      </div>
      {props.heard.length > 0 && (
        <ol class="heard">
          {props.heard.map((words, index) => (
            <li key={index}>{words}</li>
          ))}
        </ol>
      )}
      <div class="buttons">{props.children}</div>
    </section>
  );
}

/** Twelve keys, and a field for whoever would rather type. */
export function Keypad(props: { keyed: string; onKey: (keyed: string) => void; onSend: () => void }) {
  return (
    <form
      class="keypad"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSend();
      }}
    >
      <label class="keyed">
        {P.keyed}
        <input
          inputMode="tel"
          autocomplete="off"
          maxLength={32}
          value={props.keyed}
          onInput={(event) => props.onKey(event.currentTarget.value.replace(/[^\d*#]/g, ''))}
        />
      </label>
      {KEYS.map((key) => (
        <button key={key} type="button" onClick={() => props.onKey((props.keyed + key).slice(0, 32))}>
          {key}
        </button>
      ))}
      <button type="submit" class="primary" disabled={props.keyed === ''}>
        {P.send}
      </button>
    </form>
  );
}
