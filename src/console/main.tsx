import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { ask, isLive, listen, type Me, me, stopListening } from './api.ts';
import { Callbacks } from './callbacks.tsx';
import { Numbers } from './numbers.tsx';
import { Overview } from './overview.tsx';
import { Empty, Link, Page } from './parts.tsx';
import { PhonePage } from './phone.tsx';
import { Providers } from './providers.tsx';
import { href, route } from './route.ts';
import { SessionForm } from './session-form.tsx';
import { SessionPage } from './session-page.tsx';
import { Sessions } from './sessions.tsx';
import { Mark, SignIn } from './sign-in.tsx';
import { T } from './texts.ts';
import { switchTheme } from './theme.ts';

function App() {
  if (me.value === undefined) return <p class="loading">{T.loading}</p>;
  return me.value === null ? <SignIn /> : <Shell account={me.value} />;
}

function Shell({ account }: { account: Me }) {
  useEffect(() => {
    listen();
    return stopListening;
  }, []);
  const { path } = route.value;
  const signOut = async () => {
    await ask('POST', '/console/sign-out');
    me.value = null;
  };
  return (
    <>
      <a class="skip" href="#page">
        {T.skip}
      </a>
      <header class="top">
        <a class="brand" href={href('/')}>
          <Mark />
          {T.name}
        </a>
        <nav aria-label={T.navLabel}>
          {Object.entries(T.nav).map(([to, text]) => (
            <a key={to} href={href(to)} aria-current={isWithin(path, to) ? 'page' : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <div class="who">
          <span
            class={isLive.value ? 'live on' : 'live'}
            role="status"
            title={isLive.value ? T.liveHint : T.notLiveHint}
          >
            {isLive.value ? T.live : T.notLive}
          </span>
          <span class="account" title={account.auth_id}>
            {account.name || account.auth_id}
          </span>
          <button type="button" class="plain" aria-label={T.theme} title={T.theme} onClick={switchTheme}>
            ◐
          </button>
          <button type="button" class="plain" onClick={signOut}>
            {T.signOut}
          </button>
        </div>
      </header>
      <main id="page" tabIndex={-1}>
        <CurrentPage path={path} />
      </main>
    </>
  );
}

function isWithin(path: string, to: string): boolean {
  return to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`);
}

function CurrentPage({ path }: { path: string }) {
  useEffect(() => {
    const name = Object.entries(T.nav).find(([to]) => isWithin(path, to))?.[1];
    document.title = name ? `${name} · ${T.name}` : T.name;
  }, [path]);
  if (path === '/') return <Overview />;
  if (path === '/sessions') return <Sessions />;
  if (path === '/numbers') return <Numbers />;
  if (path === '/providers') return <Providers />;
  if (path === '/phone') return <PhonePage />;
  if (path === '/callbacks') return <Callbacks />;
  if (path === '/sessions/new') return <SessionForm />;
  const [, id] = /^\/sessions\/([0-9a-f-]{36})$/.exec(path) ?? [];
  if (id !== undefined) return <SessionPage key={id} id={id} />;
  return (
    <Page title={T.errors.notFound}>
      <Empty title={T.errors.notFound} hint={T.errors.notFoundHint}>
        <Link to="/">{T.overview.title}</Link>
      </Empty>
    </Page>
  );
}

ask<Me>('GET', '/console/me').then(
  (account) => {
    me.value = account;
  },
  () => {
    me.value = null;
  },
);
const host = document.getElementById('app');
if (host) render(<App />, host);
