/**
 * Keys of the page: one, or two in turn such as `g t`. They are off while something is typed, and for good
 * where the reader says so (WCAG 2.1.4).
 */
import { useEffect, useSyncExternalStore } from 'react';

const NAME = 'conduit.keys';
const TURN_MS = 1_000;
const listeners = new Set<() => void>();
let state: 'on' | 'off' = kept();

function kept(): 'on' | 'off' {
  try {
    return localStorage.getItem(NAME) === 'off' ? 'off' : 'on';
  } catch {
    return 'on';
  }
}

export function setShortcuts(next: 'on' | 'off'): void {
  state = next;
  try {
    localStorage.setItem(NAME, next);
  } finally {
    for (const listener of listeners) listener();
  }
}

export function useShortcutState(): 'on' | 'off' {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** `keys`: what to do, by `g t`, `?`, or `ctrl+k`, which counts while something is typed, too. */
export function useShortcuts(keys: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    let first = '';
    let firstMs = 0;
    const onKey = (event: KeyboardEvent): void => {
      const isControl = event.ctrlKey || event.metaKey;
      const name = isControl ? `ctrl+${event.key.toLowerCase()}` : event.key;
      if (event.altKey || (!isControl && (state === 'off' || isTyping(event.target)))) return;
      // Not in a dialog; a drawer stands beside what the keys are for.
      if (!isControl && document.querySelector('dialog[open]:not([data-shape=drawer])')) return;
      const pair = event.timeStamp - firstMs < TURN_MS ? `${first} ${name}` : '';
      const act = keys[pair] ?? keys[name];
      first = name;
      firstMs = event.timeStamp;
      if (act === undefined) return;
      event.preventDefault();
      first = '';
      act();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [keys]);
}
