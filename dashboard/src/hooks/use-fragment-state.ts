/**
 * What somebody types that may be nobody else's: in the fragment of the URL, which is shared with the address
 * and is sent to no node, proxy or log. What the query says is where it begins.
 */
import { useCallback, useSyncExternalStore } from 'react';
import { useSearchParams } from 'wouter';
import type { SetUrlState } from './use-url-state.js';

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('hashchange', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('hashchange', listener);
  };
}

/** `''` for what is not there. */
export function useFragmentState(): [get: (name: string) => string, set: SetUrlState] {
  const [query] = useSearchParams();
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const get = useCallback(
    (name: string) => new URLSearchParams(hash.slice(1)).get(name) ?? query.get(name) ?? '',
    [hash, query],
  );
  const set = useCallback<SetUrlState>((changes) => {
    const next = new URLSearchParams(location.hash.slice(1));
    for (const [name, value] of Object.entries(changes)) next.set(name, value ?? '');
    history.replaceState(history.state, '', `#${next}`);
    for (const listener of listeners) listener();
  }, []);
  return [get, set];
}
