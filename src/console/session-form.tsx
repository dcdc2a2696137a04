import { useState } from 'preact/hooks';
import { ask, ours, type Refusal } from './api.ts';
import { Link, Page } from './parts.tsx';
import { go } from './route.ts';
import { T } from './texts.ts';

const C = T.create;

type Kind = 'phone' | 'whole' | 'flag' | 'url' | 'text' | readonly string[];
interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** A flag that is set unless it is taken away. */
  readonly isOn?: boolean;
}

const METHODS = ['POST', 'GET'] as const;
const field = (name: string, kind: Kind, isOn = false): Field => ({ name, kind, isOn });

/** Every field that a session can be created with; the first group is enough for most. */
const GROUPS: readonly { readonly title: string; readonly isBasic?: boolean; readonly fields: readonly Field[] }[] = [
  {
    title: C.parties,
    isBasic: true,
    fields: [
      field('first_party', 'phone'),
      field('second_party', 'phone'),
      field('session_expiry', 'whole'),
      field('virtual_number_cooloff_period', 'whole'),
      field('create_session_with_single_party', 'flag'),
      field('geomatch', 'flag', true),
    ],
  },
  {
    title: C.calls,
    fields: [
      field('call_time_limit', 'whole'),
      field('ring_timeout', 'whole'),
      field('subaccount', 'text'),
      field('initiate_call_to_first_party', 'flag'),
    ],
  },
  {
    title: C.pins,
    fields: [
      field('is_pin_authentication_required', 'flag'),
      field('force_pin_authentication', 'flag'),
      field('generate_pin', 'flag'),
      field('generate_pin_length', 'whole'),
      field('first_party_pin', 'text'),
      field('second_party_pin', 'text'),
      field('pin_prompt_play', 'url'),
      field('incorrect_pin_play', 'url'),
      field('pin_retry', 'whole'),
      field('pin_retry_wait', 'whole'),
    ],
  },
  {
    title: C.recording,
    fields: [
      field('record', 'flag'),
      field('record_file_format', ['mp3', 'wav']),
      field('recording_callback_url', 'url'),
      field('recording_callback_method', METHODS),
    ],
  },
  {
    title: C.prompts,
    fields: [
      field('first_party_play_url', 'url'),
      field('second_party_play_url', 'url'),
      field('unknown_caller_play', 'url'),
    ],
  },
  { title: C.callbacks, fields: [field('callback_url', 'url'), field('callback_method', METHODS)] },
];

export function SessionForm() {
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isFull, setFull] = useState(false);
  const groupOf = (name: string | null) => GROUPS.find(({ fields }) => fields.some((one) => one.name === name));
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    setBusy(true);
    setRefusal(null);
    try {
      const made = await ask<{ session_uuid: string }>('POST', ours('Masking/Session/'), bodyOf(form));
      go(`/sessions/${made.session_uuid}`);
    } catch (error) {
      const refused = error as Refusal;
      setBusy(false);
      setRefusal(refused);
      if (!groupOf(refused.field)?.isBasic && groupOf(refused.field)) setFull(true);
      requestAnimationFrame(() => {
        const element = form.elements.namedItem(refused.field ?? '');
        if (element instanceof HTMLElement) element.focus();
      });
    }
  };
  const isBeside = groupOf(refusal?.field ?? null) !== undefined;
  return (
    <Page title={C.title}>
      <form class="panel form" onSubmit={submit} noValidate>
        {GROUPS.map(({ title, isBasic, fields }) => (
          <fieldset key={title} hidden={!isBasic && !isFull}>
            <legend>{title}</legend>
            <div class="fields">
              {fields.map((one) => (
                <FormField key={one.name} field={one} error={refusal?.field === one.name ? refusal.rule : ''} />
              ))}
            </div>
          </fieldset>
        ))}
        {refusal && !isBeside && (
          <p class="error" role="alert">
            <span class="strong">{C.failed}</span> {refusal.message}
          </p>
        )}
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy}>
            {isBusy ? C.busy : C.submit}
          </button>
          <button type="button" hidden={isFull} onClick={() => setFull(true)}>
            {C.advanced}
          </button>
          <Link to="/sessions" class="button plain">
            {T.cancel}
          </Link>
        </div>
      </form>
    </Page>
  );
}

function FormField({ field: { name, kind, isOn }, error }: { field: Field; error: string }) {
  const [label, help] = C.fields[name] ?? [name, ''];
  const hints = [help && `${name}-help`, error && `${name}-error`].filter(Boolean).join(' ');
  const common = {
    ...{ id: name, name, 'aria-invalid': error !== '' },
    ...(hints && { 'aria-describedby': hints }),
  };
  return (
    <div class={kind === 'flag' ? 'field flag' : 'field'}>
      <label htmlFor={name}>{label}</label>
      {typeof kind === 'object' ? (
        <select {...common}>
          {kind.map((word) => (
            <option key={word}>{word}</option>
          ))}
        </select>
      ) : kind === 'flag' ? (
        <input type="checkbox" defaultChecked={isOn ?? false} {...common} />
      ) : (
        <input
          type="text"
          inputMode={kind === 'phone' ? 'tel' : kind === 'whole' ? 'numeric' : kind === 'url' ? 'url' : 'text'}
          placeholder={kind === 'phone' ? T.sessions.numberPlaceholder : kind === 'url' ? 'https://' : ''}
          autocomplete="off"
          spellcheck={false}
          {...common}
        />
      )}
      {help && (
        <p class="help" id={`${name}-help`}>
          {help}
        </p>
      )}
      {error && (
        <p class="error" id={`${name}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

/** What was filled in; what stands as it is by default is left to the server. */
function bodyOf(form: HTMLFormElement): Record<string, unknown> {
  const given = new FormData(form);
  const entries = GROUPS.flatMap(({ fields }) => fields).flatMap(({ name, kind, isOn }): [string, unknown][] => {
    if (kind === 'flag') return given.has(name) === isOn ? [] : [[name, given.has(name)]];
    const text = String(given.get(name) ?? '').trim();
    if (text === '' || (typeof kind === 'object' && text === kind[0])) return [];
    return [[name, text]];
  });
  return Object.fromEntries(entries);
}
