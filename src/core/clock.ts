/**
 * Time, injected. Production uses `systemClock`; simulations pass their own. Nothing in core/, topic/
 * or log/ calls Date.now or performance.now directly.
 */
export interface Clock {
  /**
   * Wall time, Unix milliseconds (integer). Of a log: the time that it stores and compares, the database's
   * where there is one. Never for deadlines.
   */
  now(): number;
  /** Monotonic milliseconds (fractional). For deadlines and durations. */
  monotonic(): number;
  /** Uniform in [0, 1). For jitter. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
};
