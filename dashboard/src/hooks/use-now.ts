/** The time, to the second, for all that shows how long ago something was: one timer for the page. */
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Nobody has moved it on.
  if (timer === null) now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of listeners) one();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

/** What is made of the time, Unix ms: whoever shows it is drawn again when it is another. */
export function useOfNow(of: (now: number) => string): string {
  return useSyncExternalStore(subscribe, () => of(now));
}

/** Unix ms. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
