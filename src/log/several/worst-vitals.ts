/** What has to move by itself in several databases, as that of the worst of them. Pure. */
import type { LogVitals } from '../../core/log-figures.js';

const LISTENING = ['no', 'off', 'yes'] as const;

/** Null: of none. */
export function worstOf(all: readonly LogVitals[]): LogVitals | null {
  const [first, ...others] = all;
  if (first === undefined) return null;
  return others.reduce(
    (worst, one): LogVitals => ({
      releaseMs: Math.max(worst.releaseMs, one.releaseMs),
      dueMs: Math.max(worst.dueMs, one.dueMs),
      stuckMs: Math.max(worst.stuckMs, one.stuckMs),
      upkeepMs: Math.max(worst.upkeepMs, one.upkeepMs),
      snapshot: older(worst.snapshot, one.snapshot),
      listening:
        LISTENING.find((state) => worst.listening === state || one.listening === state) ?? 'no',
    }),
    first,
  );
}

function older(a: LogVitals['snapshot'], b: LogVitals['snapshot']): LogVitals['snapshot'] {
  if (a === null || b === null) return a ?? b;
  return a.ageMs >= b.ageMs ? a : b;
}
