/** Exponential back-off with jitter, for what is tried again. Pure. */

export interface BackoffOptions {
  firstMs: number;
  capMs: number;
}

/** Delay before try `attempt` (from 1): doubling, within half of it by chance, at most the cap. */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  const full = Math.min(options.capMs, options.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (0.5 + random() / 2));
}
