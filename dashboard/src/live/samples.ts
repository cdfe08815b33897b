/**
 * The figures of the node over time, as charts draw them: one column for the time, one for each figure, the
 * oldest first. Bounded to an hour.
 */
import type { Stats } from '../api/views.js';

export interface Sample {
  /** Unix ms. */
  at: number;
  publishedPerS: number;
  redeliveredPerS: number;
  subscribers: number;
  deadLettersPerS: number;
  sessions: number;
}

export const SAMPLES_MAX = 3_600;

export type Figure = Exclude<keyof Sample, 'at'>;

export function sampleOf(
  stats: Stats,
  before: { stats: Stats; at: number } | null,
  at: number,
): Sample {
  const seconds = before === null ? 0 : (at - before.at) / 1_000;
  const perS = (of: 'redelivered' | 'dead_lettered'): number => {
    const gained = before === null ? 0 : stats[of] - before.stats[of];
    return seconds <= 0 || gained < 0 ? 0 : gained / seconds;
  };
  return {
    at,
    publishedPerS: stats.messages_per_sec,
    redeliveredPerS: perS('redelivered'),
    subscribers: stats.active_subscribers,
    deadLettersPerS: perS('dead_lettered'),
    sessions: stats.sessions ?? 0,
  };
}

export function columnOf(samples: readonly Sample[], figure: keyof Sample): number[] {
  return samples.map((sample) => sample[figure]);
}
