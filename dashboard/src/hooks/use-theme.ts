/** Dark, light, or as the system has it. The page's first script sets it before anything is drawn. */
import { useSyncExternalStore } from 'react';

export type Theme = 'dark' | 'light' | 'system';

const NAME = 'conduit.theme';
const light = matchMedia('(prefers-color-scheme: light)');
const listeners = new Set<() => void>();

function kept(): Theme {
  try {
    const text = localStorage.getItem(NAME);
    return text === 'dark' || text === 'light' ? text : 'system';
  } catch {
    return 'system';
  }
}

let chosen = kept();

function apply(): void {
  const shown = chosen === 'system' ? (light.matches ? 'light' : 'dark') : chosen;
  document.documentElement.dataset['theme'] = shown;
  for (const listener of listeners) listener();
}

light.addEventListener('change', apply);

export function setTheme(theme: Theme): void {
  chosen = theme;
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // Not kept where nothing may be kept: it lasts as long as the page.
    chosen = theme;
  }
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => chosen);
}

/** What is shown now: for canvases, which do not know the page's colours. */
export function useShownTheme(): string {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset['theme'] ?? 'dark');
}
