/** What the node answers to a GET, kept fresh while it is shown. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { ApiError, ask, askEither } from '../api/ask.js';

export interface AnswerOptions {
  /** How often it is asked for again, in ms; absent: 2 s. 0: once. */
  everyMs?: number;
  /** False: not yet. */
  isAsked?: boolean;
  /** The answer counts whatever its status. */
  either?: 'either';
  /** An error with this code is the answer null: there is none. */
  noneAs?: string;
}

const EVERY_MS = 2_000;

/**
 * Same target, same answer: pages that show it share it. The page before stays while the next one comes, and
 * an error while it is asked for again: what stands beside it would be gone with each time.
 */
export function useAnswer<T>(target: string, options: AnswerOptions = {}) {
  const { everyMs = EVERY_MS, isAsked = true, either, noneAs } = options;
  const failed = useRef<{ target: string; error: Error } | null>(null);
  const { data, error, refetch, dataUpdatedAt } = useQuery<T, Error>({
    queryKey: [target],
    queryFn: ({ signal }) =>
      either === undefined
        ? ask<T>(`GET ${target}`, { signal }).catch((error: Error) => {
            if (noneAs !== undefined && error instanceof ApiError && error.code === noneAs)
              return null as T;
            throw error;
          })
        : askEither<T>(`GET ${target}`, { signal }),
    meta: { isAskedOnce: everyMs === 0 },
    enabled: isAsked,
    refetchInterval: everyMs === 0 ? false : everyMs,
    // What was asked for a moment ago is not asked for again by whoever comes to show it, too.
    staleTime: everyMs / 2,
    placeholderData: keepPreviousData,
  });
  if (error !== null) failed.current = { target, error };
  else if (data !== undefined || failed.current?.target !== target) failed.current = null;
  return { data, error: failed.current?.error ?? null, refetch, dataUpdatedAt };
}

/** A change: `run` does it, and what is shown is asked for again. */
export function useChange<A, R>(run: (args: A) => Promise<R>, onDone?: (result: R) => void) {
  const client = useQueryClient();
  return useMutation<R, Error, A>({
    mutationFn: run,
    onSuccess: (result) => {
      onDone?.(result);
      return client.invalidateQueries({ predicate: ({ meta }) => meta?.['isAskedOnce'] !== true });
    },
  });
}

/** What is tried again by itself: what failed for the node's sake. */
export function mayRetry(count: number, error: Error): boolean {
  return count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500);
}
