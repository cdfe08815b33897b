/**
 * The figures of the node over time, as charts draw them: one column for the time, one for each figure, the
 * oldest first. Bounded to what the node keeps, an hour.
 */
import type { WatchFigures, WatchHistory } from '../api/views.js';

export type Sample = WatchFigures['point'];
export type Figure = Exclude<keyof Sample, 'at_ms'>;

export const SAMPLES_MAX = 3_600;

/** Points of columns. */
export function samplesOf(history: WatchHistory): Sample[] {
  const names = Object.keys(history) as (keyof Sample)[];
  return history.at_ms.map((_, n) => {
    const values = names.map((name) => [name, history[name]?.[n] ?? 0]);
    return Object.fromEntries(values) as Sample;
  });
}

/** What comes twice, since a chart was asked for in the middle of a second, is kept once. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1)?.at_ms ?? 0;
  return sample.at_ms <= last ? samples : [...samples.slice(1 - SAMPLES_MAX), sample];
}

export function columnOf(samples: readonly Sample[], figure: keyof Sample): number[] {
  return samples.map((sample) => sample[figure] ?? 0);
}
