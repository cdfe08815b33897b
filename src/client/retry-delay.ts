/** How long to wait before the next try: "full jitter", so that clients that fell together come apart. */

export interface RetryDelays {
  /** The most before the first retry, ms; doubled with every further one. */
  minDelayMs: number;
  /** The most before any, ms. */
  maxDelayMs: number;
}

/** Delay before retry `attempt` (from 0), ms: anything from 0 to the most. */
export function retryDelayMs(attempt: number, delays: RetryDelays): number {
  const most = Math.min(delays.maxDelayMs, delays.minDelayMs * 2 ** Math.min(attempt, 30));
  return Math.round(Math.random() * most);
}
