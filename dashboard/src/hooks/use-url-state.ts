/** What a page shows is in its URL: filters, tabs, places in lists. It is shared by copying the address. */
import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

export type SetUrlState = (changes: Readonly<Record<string, string | null>>) => void;

/** `''` for what is not there; null, and '', take it away. */
export function useUrlState(): [get: (name: string) => string, set: SetUrlState] {
  const [params, setParams] = useSearchParams();
  const get = useCallback((name: string) => params.get(name) ?? '', [params]);
  const set = useCallback<SetUrlState>(
    (changes) => {
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === null || value === '') next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace: true },
      );
    },
    [setParams],
  );
  return [get, set];
}

/** The pages of a list: where each that was left began is kept in the URL, with commas between. */
export function usePages(get: (name: string) => string, set: SetUrlState) {
  const left = get('pages') === '' ? [] : get('pages').split(',');
  const after = left.at(-1) ?? '';
  return {
    after: decodeURIComponent(after),
    number: left.length + 1,
    back: left.length === 0 ? null : () => set({ pages: left.slice(0, -1).join(',') }),
    next: (next: string | number | undefined) =>
      next === undefined
        ? null
        : () => set({ pages: [...left, encodeURIComponent(String(next))].join(',') }),
  };
}
