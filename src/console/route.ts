import { signal } from '@preact/signals';

const BASE = '/console';

/** The page's own address below the console's, such as `/sessions`, with its query. */
export const route = signal(read());

function read(): { readonly path: string; readonly query: URLSearchParams } {
  const path = location.pathname.slice(BASE.length).replace(/\/$/, '') || '/';
  return { path, query: new URLSearchParams(location.search) };
}

export function go(path: string, replace = false): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', BASE + path);
  const former = route.value.path;
  route.value = read();
  if (route.value.path === former) return;
  scrollTo(0, 0);
  // A reader of the screen hears where it is now.
  requestAnimationFrame(() => document.querySelector<HTMLElement>('h1')?.focus());
}

/** Changes the query of the page that is shown. */
export function setQuery(changes: Record<string, string>): void {
  const query = new URLSearchParams(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(`${route.value.path}${text && `?${text}`}`, true);
}

export function href(path: string): string {
  return BASE + path;
}

addEventListener('popstate', () => {
  route.value = read();
});

/** Links within the console change the page without loading it anew. */
document.addEventListener('click', (event) => {
  const link = (event.target as Element).closest('a');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || !link.pathname.startsWith(BASE) || link.target !== '') return;
  event.preventDefault();
  go(link.pathname.slice(BASE.length) + link.search);
});
