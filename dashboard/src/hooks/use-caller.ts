/** Who looks at this page, and what they may do. */
import type { Caller } from '../api/views.js';
import { useAnswer } from './use-answer.js';

export const CALLER_TARGET = '/api/session';

export function useCaller() {
  const answer = useAnswer<Caller>(CALLER_TARGET, { everyMs: 15_000 });
  const caller = answer.data ?? null;
  return {
    ...answer,
    caller,
    may: (scope: Caller['scopes'][number]): boolean => caller?.scopes.includes(scope) === true,
  };
}
