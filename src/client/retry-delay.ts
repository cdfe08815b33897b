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

/** Nobody is waited for longer, ms; timers take what is beyond their range for no time at all. */
const PATIENCE_MS_MAX = 3_600_000;

/** What a node asks for before the next try, ms: 0 where it says what is no time. */
export function askedDelayMs(asked: unknown): number {
  const isTime = typeof asked === 'number' && asked > 0;
  return isTime ? Math.min(asked, PATIENCE_MS_MAX) : 0;
}
