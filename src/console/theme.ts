import { signal } from '@preact/signals';

const KEPT = 'bauta.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

/** Whether the page is dark: as was chosen, else as the system is. */
export const isDark = signal(wanted());

function wanted(): boolean {
  const chosen = localStorage.getItem(KEPT);
  return chosen === null ? system.matches : chosen === 'dark';
}

function show(): void {
  document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
}

export function switchTheme(): void {
  localStorage.setItem(KEPT, isDark.value ? 'light' : 'dark');
  isDark.value = wanted();
  show();
}

system.addEventListener('change', () => {
  isDark.value = wanted();
  show();
});
show();
