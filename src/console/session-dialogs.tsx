import { useState } from 'preact/hooks';
import { ask, ours, type Refusal } from './api.ts';
import { Dialog } from './parts.tsx';
import { T } from './texts.ts';

const S = T.session;

/** Asks for a reason before numbers are shown. */
export function RevealDialog({ onReveal, onClose }: { onReveal: (reason: string) => void; onClose: () => void }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onReveal(String(new FormData(event.currentTarget as HTMLFormElement).get('reason')));
  };
  return (
    <Dialog title={S.revealTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{S.revealHint}</p>
        <label>
          {S.revealWhy}
          <select name="reason">
            {Object.entries(S.revealReasons).map(([word, text]) => (
              <option key={word} value={word}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <Answers text={S.reveal} onClose={onClose} />
      </form>
    </Dialog>
  );
}

interface Change {
  readonly id: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function ExtendDialog({ id, onDone, onClose }: Change) {
  return (
    <ChangeDialog
      title={S.extendTitle}
      hint={S.extendHint}
      text={S.extend}
      onClose={onClose}
      onDone={onDone}
      change={(form) => ask('POST', ours(`Masking/Session/${id}/`), { session_expiry: Number(form.get('seconds')) })}
    >
      <label>
        {S.extendBy}
        <select name="seconds">
          {Object.entries(S.extendOptions).map(([seconds, text]) => (
            <option key={seconds} value={seconds}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </ChangeDialog>
  );
}

export function EndDialog({ id, onDone, onClose }: Change) {
  return (
    <ChangeDialog
      title={S.endTitle}
      hint={S.endHint}
      text={S.endNow}
      onClose={onClose}
      onDone={onDone}
      change={() => ask('DELETE', ours(`Masking/Session/${id}/`))}
    />
  );
}

/** A change that is asked for, made, and told of where it is refused. */
export function ChangeDialog(props: {
  title: string;
  hint: string;
  text: string;
  change: (form: FormData) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
  children?: preact.ComponentChildren;
}) {
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await props.change(new FormData(event.currentTarget as HTMLFormElement));
      props.onDone();
      props.onClose();
    } catch (refusal) {
      setError((refusal as Refusal).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={submit}>
        <p>{props.hint}</p>
        {props.children}
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <Answers text={props.text} onClose={props.onClose} isBusy={isBusy} />
      </form>
    </Dialog>
  );
}

function Answers({ text, onClose, isBusy = false }: { text: string; onClose: () => void; isBusy?: boolean }) {
  return (
    <div class="actions">
      <button type="submit" class="primary" disabled={isBusy}>
        {text}
      </button>
      <button type="button" onClick={onClose}>
        {T.cancel}
      </button>
    </div>
  );
}
