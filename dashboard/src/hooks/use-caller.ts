/** Who looks at this page, and what they may do. */
import { createContext, useContext } from 'react';
import type { Caller } from '../api/views.js';
import { useAnswer } from './use-answer.js';

export const CALLER_TARGET = '/api/session';

/** Who is logged in, or was: a page whose login has ended shows what it did until somebody logs in. */
export const KeptCaller = createContext<Caller | null>(null);

export function useCaller() {
  const answer = useAnswer<Caller>(CALLER_TARGET, { everyMs: 15_000 });
  const kept = useContext(KeptCaller);
  const caller = kept ?? answer.data ?? null;
  return {
    ...answer,
    caller,
    /** False: whoever is kept has to log in again. */
    isIn: answer.data?.tenant != null,
    may: (scope: Caller['scopes'][number]): boolean => caller?.scopes.includes(scope) === true,
  };
}

/** Whether `now` sees all that `before` saw, and no more: what stands in the page may stay. */
export function isAlike(before: Caller, now: Caller): boolean {
  const seen = ({ tenant, scopes, topics }: Caller): string =>
    JSON.stringify([tenant, [...scopes].sort(), topics === null ? null : [...topics].sort()]);
  return seen(before) === seen(now);
}
