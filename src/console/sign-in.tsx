import { useState } from 'preact/hooks';
import { ask, type Me, me, Refusal } from './api.ts';
import { T } from './texts.ts';

export function SignIn() {
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError('');
    try {
      const body = { auth_id: String(form.get('auth_id')).trim(), auth_token: String(form.get('auth_token')).trim() };
      me.value = await ask<Me>('POST', '/console/sign-in', body);
    } catch (refusal) {
      setError(refusal instanceof Refusal ? refusal.message : T.errors.failed);
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <p class="brand">
          <Mark />
          {T.name}
        </p>
        <h1>{T.signIn.title}</h1>
        <p class="faint">{T.signIn.hint}</p>
        <label>
          {T.signIn.id}
          <input name="auth_id" required autocomplete="username" spellcheck={false} autocapitalize="characters" />
        </label>
        <label>
          {T.signIn.token}
          <input name="auth_token" type="password" required autocomplete="current-password" />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? T.signIn.busy : T.signIn.submit}
        </button>
        <p class="faint">{T.signIn.note}</p>
      </form>
    </main>
  );
}

/** The mask. */
export function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" class="mark">
      <path d="M4 4h16v7c0 5-3 8-8 9.5C7 19 4 16 4 11z" />
      <path
        class="eye"
        d="M6.5 9.5c1.5-1 3-1 4 .3-.8 1.4-3 1.400-4-.3zM17.500 9.500c-1.500-1-3-1-4 .3.8 1.400 3 1.400 4-.3z"
      />
    </svg>
  );
}
