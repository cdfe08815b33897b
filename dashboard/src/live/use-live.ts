/** The figures of the node as they come, for all pages together. */
import { createContext, useContext, useEffect, useRef, useState } from 'react';
import type { Stats } from '../api/views.js';
import { useAnswer } from '../hooks/use-answer.js';
import { SAMPLES_MAX, type Sample, sampleOf } from './samples.js';

export interface Live {
  stats: Stats | null;
  samples: readonly Sample[];
  /** `stale`: the node does not answer, what is shown is what it said last. */
  state: 'waiting' | 'live' | 'stale';
  /** Unix ms; 0: never. */
  updatedAt: number;
  error: Error | null;
}

const NOTHING: Live = { stats: null, samples: [], state: 'waiting', updatedAt: 0, error: null };

export const LiveContext = createContext<Live>(NOTHING);

export function useLive(): Live {
  return useContext(LiveContext);
}

/** To be called once, by what gives it to the pages. */
export function useLiveFigures(): Live {
  const { data, error, dataUpdatedAt } = useAnswer<Stats>('/api/stats', { everyMs: 1_000 });
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const before = useRef<{ stats: Stats; at: number } | null>(null);
  useEffect(() => {
    if (data === undefined) return;
    const sample = sampleOf(data, before.current, dataUpdatedAt);
    before.current = { stats: data, at: dataUpdatedAt };
    setSamples((all) => [...all.slice(1 - SAMPLES_MAX), sample]);
  }, [data, dataUpdatedAt]);
  const state = error !== null ? 'stale' : data === undefined ? 'waiting' : 'live';
  return { stats: data ?? null, samples, state, updatedAt: dataUpdatedAt, error };
}
